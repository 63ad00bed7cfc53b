"""A session written and read again says the same; what was changed elsewhere in between counts as drawn by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_medssl.errors import BadInput
from napari_medssl.propagation.hints import Hint
from napari_medssl.propagation.history import Run
from napari_medssl.propagation.marks import forgotten, right_as_it_is
from napari_medssl.propagation.session import Session
from napari_medssl.propagation.session_file import load_session, read_state, save_session, session_path
from napari_medssl.propagation.session_state import frozen, session_of, state_of
from napari_medssl.propagation.session_turn import Turn
from napari_medssl.propagation.strokes import stroke_of
from napari_medssl.volumes.orientation import Display

SHAPE = (6, 7, 8)
Labels = NDArray[np.uint8]


class Person:
    """Draws boxes and propagates them, by chance; the labels and the session are what is left."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.labels = np.zeros(SHAPE, np.uint8)
        self.session = Session()
        if self.rng.random() < 0.3:  # something that nobody saw being drawn
            self.labels[2, 1:4, 2:6] = 3
            self.session.plane(self.labels)
        for _ in range(self.rng.integers(0, 9)):
            ways = (self.draw, self.draw, self.draw, self.propagate, self.propagate, self.mark, self.click)
            ways[self.rng.integers(7)]()

    def draw(self) -> None:
        axis = [0, 0, 0, 1, 2, None][self.rng.integers(6)]
        first = [int(self.rng.integers(0, n - 1)) for n in SHAPE]
        where = tuple(
            slice(a, a + 1 if axis == i else int(self.rng.integers(a + 1, n + 1)))
            for i, (a, n) in enumerate(zip(first, SHAPE, strict=True))
        )
        label = int(self.rng.integers(0, 3))
        mask = self.rng.random(tuple(s.stop - s.start for s in where)) < 0.7 if self.rng.random() < 0.5 else None
        changed = np.ones_like(self.labels[where], bool) if mask is None else mask
        old = self.labels[where][changed] if mask is not None else self.labels[where].copy()
        self.labels[where][changed] = label
        stroke = stroke_of(axis, [(where, mask, old, label)], SHAPE)
        self.session.strokes.append(stroke)
        self.session.touched(stroke)

    def click(self) -> None:
        voxel = (int(self.rng.integers(SHAPE[0])), int(self.rng.integers(SHAPE[1])), int(self.rng.integers(SHAPE[2])))
        self.session.hints += (Hint(int(self.rng.integers(1, 3)), voxel, bool(self.rng.random() < 0.5)),)

    def mark(self) -> None:
        axis, label = int(self.rng.integers(0, 3)), int(self.rng.integers(1, 3))
        index = int(self.rng.integers(0, SHAPE[axis]))
        if self.rng.random() < 0.5:
            mark = right_as_it_is(self.labels, axis, index, [label])
        else:
            mark = forgotten(self.labels, axis, index, label, cleared=bool(self.rng.random() < 0.5))
        self.labels[mark[0]] = mark[2]
        self.session.strokes.append(mark.stroke)
        self.session.touched(mark.stroke)

    def propagate(self) -> None:
        axis = int(self.rng.integers(0, 3)) if self.rng.random() < 0.2 else (self.session.plane(self.labels) or 0)
        seeds = self.session.drawn(axis, self.labels)
        if not seeds:
            return
        run = self.session.start(axis, seeds)
        view = np.moveaxis(self.labels, axis, 0)
        for index in range(int(self.rng.integers(1, SHAPE[axis] + 1))):
            for label in seeds:
                plane = view[index]
                if index not in seeds[label]:
                    plane[(plane == 0) & (self.rng.random(plane.shape) < 0.3)] = label
                run.note(index, {label: 1.0 if index in seeds[label] else float(self.rng.random())}, plane)
        if self.rng.random() < 0.2:
            run.undone = True
        self.session.end(run, ["done", "cancelled", "failed"][self.rng.integers(3)], float(self.rng.random()))
        self.session.runs = [*self.session.runs, *([] if run in self.session.runs else [run])]


def answers(session: Session, labels: Labels) -> dict[str, Any]:
    """All that is asked of a session."""
    session.look_again()
    run = session.last_run
    drawn = [session.drawn(axis, labels) for axis in range(3)]
    return {
        "drawn": drawn,
        "stops": [session.stops(axis, labels) for axis in range(3)],
        "plane": session.plane(labels),
        "others": [session.other_planes(axis) for axis in range(3)],
        "kept": [None if (k := session.kept_voxels(a, SHAPE)) is None else k.tolist() for a in range(3)],
        "only accepted": [
            [session.only_accepted(axis, label, i) for label in (1, 2) for i in range(SHAPE[axis])] for axis in range(3)
        ],
        "since": session.drawn_since,
        "run": run and (run.axis, run.seeds, run.confidence, run.areas, run.outcome, run.seconds),
        "check": run and run.worth_checking(drawn[run.axis]),
        "extra": session.extra,
        "hints": [session.hints, run and run.hints],
    }


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_session_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    person = Person(seed)
    person.session.extra["names"] = {"1": "Leber", "2": None}
    path = tmp_path_factory.getbasetemp() / "a.session.json"
    before = answers(person.session, person.labels)
    save_session(path, frozen(person.session), person.labels)
    again = load_session(path, person.labels)
    assert answers(again, person.labels) == before
    assert all(run.from_file for run in again.runs)
    # what is saved again is the same to the byte, and new propagations get numbers of their own
    save_session(path.with_name("b.session.json"), again, person.labels)
    assert path.with_name("b.session.json").read_bytes() == path.read_bytes()
    assert again.new_number() not in {run.number for run in again.runs}


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), order=st.permutations(range(3)), flips=st.tuples(*[st.booleans()] * 3))
def test_a_turned_session_says_the_same_of_the_turned_labels(
    seed: int, order: list[int], flips: tuple[bool, bool, bool]
) -> None:
    person, display = Person(seed), Display(tuple(order), flips)
    in_file = np.ascontiguousarray(display.back(person.labels))
    turn = Turn.to_file(display, SHAPE)
    turned = turn.session(person.session)

    def moved(axis: int, slices: dict[int, list[int]]) -> dict[int, list[int]]:
        new = {k: [SHAPE[axis] - 1 - i if flips[axis] else i for i in found] for k, found in slices.items()}
        return {k: sorted(found) for k, found in new.items()}

    for axis in range(3):
        there = order[axis]
        for ask in ("drawn", "stops"):
            ours = getattr(person.session, ask)(axis, person.labels)
            assert getattr(turned, ask)(there, in_file) == moved(axis, ours)
        kept, kept_there = person.session.kept_voxels(axis, SHAPE), turned.kept_voxels(there, in_file.shape)
        assert (kept is None) == (kept_there is None)
        if kept is not None:
            np.testing.assert_array_equal(display.back(kept), kept_there)
    for hint, there in zip(person.session.hints, turned.hints, strict=True):
        place = np.zeros(SHAPE, bool)
        place[hint.voxel] = True
        assert display.back(place)[there.voxel]
    back = Turn.to_display(display, in_file.shape).session(turned)
    assert answers(back, person.labels) == answers(person.session, person.labels)
    # and through the plain form as well
    written = session_of(state_of(turned, in_file.shape))
    assert answers(Turn.to_display(display, in_file.shape).session(written), person.labels) == answers(
        back, person.labels
    )


def propagated() -> tuple[Labels, Session, Run]:
    """Label 1 from slice 2 and label 2 from slice 3 to all slices."""
    labels, session = np.zeros(SHAPE, np.uint8), Session()
    labels[2, 1:4, 1:4], labels[3, 5:7, 5:8] = 1, 2
    run = session.start(0, session.drawn(0, labels))
    labels[:, 1:4, 1:4], labels[:, 5:7, 5:8] = 1, 2
    for index in range(SHAPE[0]):
        run.note(index, {1: 0.9, 2: 0.8}, labels[index])
    session.end(run, "done", 2.0)
    return labels, session, run


def test_slices_changed_elsewhere_count_as_drawn(tmp_path: Path) -> None:
    labels, session, run = propagated()
    save_session(tmp_path / "s.session.json", session, labels)
    labels[4, 1, 1] = 0  # in another program
    labels[0, 1:4, 1:4] = 0
    again = load_session(tmp_path / "s.session.json", labels)
    assert again.drawn(0, labels) == {1: [0, 2, 4], 2: [3]}
    assert again.stops(0, labels) == {1: [0]}
    assert again.drawn_since
    assert again.last_run is not None
    assert again.last_run.confidence == run.confidence


def test_of_a_label_of_which_nothing_agrees_everything_counts_as_drawn(tmp_path: Path) -> None:
    labels, session, _ = propagated()
    save_session(tmp_path / "s.session.json", session, labels)
    labels[labels == 1] = 0
    labels[1:5, 2:5, 1:3] = 1
    again = load_session(tmp_path / "s.session.json", labels)
    assert again.drawn(0, labels) == {1: [1, 2, 3, 4], 2: [3]}
    labels[labels == 2] = 0
    again = load_session(tmp_path / "s.session.json", labels)
    assert again.last_run is None
    assert again.drawn(0, labels) == {1: [1, 2, 3, 4]}


def test_another_shape_is_refused(tmp_path: Path) -> None:
    labels, session, _ = propagated()
    save_session(tmp_path / "s.session.json", session, labels)
    with pytest.raises(BadInput, match=r"s\.session\.json is the session of another mask: that has 6 x 7 x 8"):
        load_session(tmp_path / "s.session.json", labels[:5])


def test_a_later_form_is_refused_and_one_with_more_in_it_is_read(tmp_path: Path) -> None:
    labels, session, _ = propagated()
    path = tmp_path / "s.session.json"
    save_session(path, session, labels)
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | {"version": 2, "format": "new", "runs": "elsewhere"}), encoding="utf-8")
    with pytest.raises(BadInput, match="later version"):
        load_session(path, labels)
    path.write_text(json.dumps(content | {"more": 1}), encoding="utf-8")
    assert load_session(path, labels).drawn(0, labels) == session.drawn(0, labels)


def damaged(content: dict[str, Any]) -> list[Any]:
    run, stroke = content["runs"][0], content["strokes"][0]
    voxels = stroke["voxels"]
    return [
        [], 3, {}, content | {"format": "other"}, content | {"version": "x"}, content | {"shape": [6, 7]},
        content | {"runs": [run | {"axis": 3}]}, content | {"runs": [run | {"seeds": {"1": [6]}}]},
        content | {"runs": [run | {"areas": {}}]}, content | {"runs": [run | {"confidence": {"0": {}}}]},
        content | {"runs": [run | {"outcome": "great"}]},
        content | {"strokes": [stroke | {"slices": {"0": {"1": [-1]}}}]},
        content | {"strokes": [stroke | {"voxels": voxels | {"bits": "AAAA"}}]},
        content | {"strokes": [stroke | {"voxels": voxels | {"bits": "ä"}}]},
        content | {"strokes": [stroke | {"voxels": voxels | {"boxes": []}}]},
        content | {"strokes": [stroke | {"voxels": voxels | {"boxes": [[0, 1, 0, 1, 0, 9]]}}]},
        content | {"strokes": [stroke | {"voxels": voxels | {"boxes": [[1, 1, 0, 1, 0, 1]]}}]},
        content | {"digests": {"1": {"1": {"7": "00"}}}},
    ]  # fmt: skip


def test_damaged_files_are_refused_in_a_sentence(tmp_path: Path) -> None:
    labels, session, _ = propagated()
    session.strokes.append(stroke_of(1, [((slice(0, 3), slice(2, 3), slice(0, 4)), None, 0, 1)], SHAPE))
    path = tmp_path / "s.session.json"
    save_session(path, session, labels)
    good = path.read_bytes()
    contents = [json.dumps(value).encode() for value in damaged(json.loads(good))]
    for content in [*contents, b"", b"\xff\xfe", good[: len(good) // 2], b"[" * 100000]:
        path.write_bytes(content)
        with pytest.raises(BadInput, match=r"s\.session\.json is not a session of napari-medssl, or is damaged"):
            read_state(path)
    with pytest.raises(BadInput, match="Cannot read"):
        read_state(tmp_path / "none.session.json")
    with pytest.raises(BadInput, match="does not exist"):
        save_session(tmp_path / "none" / "s.session.json", session, labels)


def test_a_run_that_is_under_way_is_kept_as_far_as_it_got() -> None:
    labels, session, run = propagated()
    second = session.start(0, {1: [2, 3]})
    second.note(4, {1: 0.5}, labels[4])
    copy = frozen(session)
    second.note(5, {1: 0.5}, labels[5])
    again = session_of(state_of(copy, SHAPE))
    assert [r.outcome for r in again.runs] == ["done", "cancelled"]
    assert again.runs[1].confidence == {1: {4: 0.5}}
    assert copy.runs[0] is run  # one that is over need not be copied


def test_the_name_beside_a_mask() -> None:
    assert session_path("a/b.nii.gz") == Path("a/b.session.json")
    assert session_path("a/b.c.seg.nrrd") == Path("a/b.c.session.json")
