"""What a run has told: curves that a resumed run does not spoil, and that stay small."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_medssl.training.track import MOST_STEPS, Track


def step(number: int, loss: float | None = None, **figures: float) -> dict[str, Any]:
    return {"event": "step", "step": number, "loss": float(number) if loss is None else loss, "figures": figures}


def validation(number: int, **metrics: float) -> dict[str, Any]:
    return {"event": "validation", "step": number, "metrics": metrics, "score": None, "best": False, "pictures": []}


def test_curves_are_what_was_told() -> None:
    track = Track()
    steps = step(1, 0.5, pixels=0.3), step(2, 0.25, pixels=0.2)
    track.feed([{"event": "start", "step": 0}, *steps, validation(2, dice=0.7)])
    assert [values.tolist() for values in track.curve("loss")] == [[1, 2], [0.5, 0.25]]
    assert [values.tolist() for values in track.curve("pixels")] == [[1, 2], [0.3, 0.2]]
    assert [values.tolist() for values in track.metric("dice")] == [[2], [0.7]]
    assert track.figures == ["loss", "pixels"]
    assert track.metrics == ["dice"]
    assert [len(values) for values in track.curve("nothing")] == [0, 0]


def test_what_was_told_beyond_a_checkpoint_is_void_after_a_resume() -> None:
    track = Track()
    validations = validation(4, d=0.1), validation(8, d=0.2)
    track.feed([{"event": "start", "step": 0}, *(step(n) for n in range(1, 9)), *validations])
    track.feed([{"event": "end", "reason": "failed"}])
    track.feed([{"event": "start", "step": 5}])
    assert track.curve("loss")[0].tolist() == [1, 2, 3, 4, 5]
    assert [seen.step for seen in track.validations] == [4]
    assert track.end == {}
    track.feed([step(6, 60.0)])
    assert track.curve("loss")[1].tolist() == [1, 2, 3, 4, 5, 60]


@given(st.lists(st.integers(1, 40), max_size=5), st.integers(0, 100))
def test_the_same_told_twice_does_no_harm(stops: list[int], overlap: int) -> None:
    """A log that is read while it is followed tells some of its end twice, in order."""
    events: list[dict[str, Any]] = []
    at = 0
    for stop in stops:
        events += [{"event": "start", "step": at}, *(step(n) for n in range(at + 1, at + stop)), validation(at + stop)]
        at = max(0, at + stop - 3)
    once, twice = Track(), Track()
    once.feed(events)
    twice.feed([*events, *events[max(0, len(events) - overlap) :]])
    # Only from a start on is the order whole again; a tail without one repeats steps that are there.
    assert twice.curve("loss")[0].tolist() == once.curve("loss")[0].tolist()
    assert [seen.step for seen in twice.validations] == [seen.step for seen in once.validations]


def test_a_long_run_is_thinned_evenly() -> None:
    track = Track()
    track.feed(step(n) for n in range(1, 5 * MOST_STEPS))
    steps, losses = track.curve("loss")
    assert MOST_STEPS / 2 <= len(steps) <= MOST_STEPS
    assert len(set(np.diff(steps))) == 1
    assert (steps == losses).all()
