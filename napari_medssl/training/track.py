"""What a run has told so far, gathered from its events for curves and a line of figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Event = dict[str, Any]
LOSS = "loss"
RATE = "learning rate"
MOST_STEPS = 4000


@dataclass(frozen=True)
class Seen:
    """One validation: its step, metrics by name, the score by which the best model is chosen, and pictures' paths."""

    step: int
    metrics: dict[str, float]
    score: float | None
    best: bool
    pictures: tuple[str, ...]


@dataclass
class Track:
    """Feeds on events, in order; the same event twice does no harm.

    After a crash a run goes on from its checkpoint: what was told of later steps before that is dropped. Of a long run
    only every second, fourth, ... step is kept, `MOST_STEPS` at most.

    Attributes
    ----------
    start, latest, data, end : the newest event of the kind, {} before there is one; `latest` is of a step
    preparing : the newest event "prepare", {} once training has begun
    """

    start: Event = field(default_factory=dict)
    latest: Event = field(default_factory=dict)
    data: Event = field(default_factory=dict)
    end: Event = field(default_factory=dict)
    preparing: Event = field(default_factory=dict)
    validations: list[Seen] = field(default_factory=list)
    _values: dict[int, dict[str, float]] = field(default_factory=dict)
    _every: int = 1

    def feed(self, events: Iterable[Event]) -> None:
        """Take in what was told next."""
        for event in events:
            self._take(event)

    def _take(self, event: Event) -> None:
        kind = event.get("event")
        if kind == "start":
            self._go_back_to(int(event.get("step", 0)))
            self.start, self.end, self.preparing = event, {}, {}
        elif kind == "step":
            self.latest, self.preparing = event, {}
            self._note(event)
        elif kind == "validation":
            self._go_back_to(int(event["step"]) - 1, only_validations=True)
            self.validations.append(_seen(event))
        elif kind == "data":
            self.data = event
        elif kind == "prepare":
            self.preparing, self.end = event, {}
        elif kind == "end":
            self.end, self.preparing = event, {}

    def _go_back_to(self, step: int, *, only_validations: bool = False) -> None:
        self.validations = [seen for seen in self.validations if seen.step <= step]
        if not only_validations:
            self._values = {at: values for at, values in self._values.items() if at <= step}

    def _note(self, event: Event) -> None:
        step = int(event["step"])
        if step % self._every:
            return
        values = {LOSS: event.get("loss"), **(event.get("figures") or {}), RATE: event.get("rate")}
        self._values[step] = {name: float(value) for name, value in values.items() if value is not None}
        if len(self._values) > MOST_STEPS:
            self._every *= 2
            self._values = {at: kept for at, kept in self._values.items() if at % self._every == 0}

    @property
    def figures(self) -> list[str]:
        """What is told at each step: the loss, its parts, the learning rate."""
        names: dict[str, None] = {LOSS: None}
        for values in self._values.values():
            names.update(dict.fromkeys(values))
        return [*(name for name in names if name != RATE), *([RATE] if RATE in names else [])]

    @property
    def metrics(self) -> list[str]:
        """What the validations measure."""
        return list(dict.fromkeys(name for seen in self.validations for name in seen.metrics))

    def curve(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Steps and values of a figure; both (n,)."""
        return _arrays([(step, values[name]) for step, values in sorted(self._values.items()) if name in values])

    def metric(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Steps and values of a metric; both (n,)."""
        return _arrays([(seen.step, seen.metrics[name]) for seen in self.validations if name in seen.metrics])


def _arrays(pairs: Sequence[tuple[int, float]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    both = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _seen(event: Event) -> Seen:
    metrics = {str(name): float(value) for name, value in (event.get("metrics") or {}).items() if value is not None}
    pictures = tuple(str(path) for path in event.get("pictures") or ())
    return Seen(int(event["step"]), metrics, event.get("score"), bool(event.get("best")), pictures)
