"""A session as plain values that a file can hold, and back; see `session_file` for the file itself.

Strokes that say the same are put together: what counts of them is their plane, the slices and voxels that they touched,
and which propagations knew of them. Steps back in time are not kept, so propagations that are undone at the moment are
left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medssl.propagation.hints import Hint
from napari_medssl.propagation.history import Run
from napari_medssl.propagation.region import bounding_box
from napari_medssl.propagation.session import Session
from napari_medssl.propagation.session_records import Click, Propagated, SessionState, Strokes, Voxels
from napari_medssl.propagation.strokes import Stroke, Where

_RUNS_OUT = {"running": "cancelled"}  # what a run is called that was under way when its session was written


def frozen(session: Session) -> Session:
    """The session as it is at this moment, for another thread to describe; quick, and what follows leaves it alone."""
    copy = Session(list(session.strokes), [], session.hints, extra=dict(session.extra))
    for run in session.runs:
        if run.outcome == "running":
            run = replace(
                run,
                blocks=[],
                confidence={label: dict(found) for label, found in run.confidence.items()},
                areas={label: dict(found) for label, found in run.areas.items()},
            )
        if not run.undone:
            copy.runs.append(run)
    copy.guessed_plane = session.guessed_plane
    return copy


def state_of(session: Session, shape: tuple[int, int, int]) -> SessionState:
    """What a file keeps of a session on a label volume of `shape`; without digests."""
    runs = [run for run in session.runs if not run.undone and run.confidence]
    groups: dict[Any, list[Stroke]] = {}
    forgotten = 0
    for stroke in session.strokes:
        # what is to be forgotten is what came before, so strokes are not put together across it
        forgotten += stroke.forgets
        known = tuple(number for number, run in enumerate(runs) if stroke in run.strokes)
        groups.setdefault((forgotten, stroke.axis, stroke.forgets, stroke.accepts, known), []).append(stroke)
        forgotten += stroke.forgets
    return SessionState(
        shape=shape,
        plane=session.guessed_plane,
        strokes=[_together(strokes, known, shape) for (*_, known), strokes in groups.items()],
        runs=[_record(run, session.hints) for run in runs],
        hints=[Click(label=hint.label, voxel=hint.voxel, inside=hint.inside) for hint in session.hints],
        extra=session.extra,
    )


def session_of(state: SessionState) -> Session:
    """The session that a file tells of."""
    strokes: list[Stroke] = []
    known: list[set[Stroke]] = [set() for _ in state.runs]
    for record in state.strokes:
        slices = {axis: {label: frozenset(s) for label, s in record.slices.get(axis, {}).items()} for axis in (0, 1, 2)}
        strokes.append(Stroke(record.axis, tuple(record.voxels.parts()), slices, record.forgets))
        for number in record.known:
            known[number].add(strokes[-1])
    hints = tuple(Hint(hint.label, hint.voxel, hint.inside) for hint in state.hints)
    session = Session(strokes, [], hints, extra=dict(state.extra))
    session.guessed_plane = state.plane
    for number, run in enumerate(state.runs):
        restored = Run(
            session.new_number(),
            run.axis,
            {label: tuple(sorted(set(slices))) for label, slices in run.seeds.items()},
            confidence={
                label: {index: math.nan if value is None else value for index, value in found.items()}
                for label, found in run.confidence.items()
            },
            areas={label: dict(found) for label, found in run.areas.items()},
            outcome=run.outcome,
            seconds=run.seconds,
            strokes=frozenset(known[number]),
            hints=frozenset(hints[place] for place in run.hints),
            from_file=True,
        )
        session.runs.append(restored)
    return session


def _record(run: Run, hints: tuple[Hint, ...]) -> Propagated:
    known = {
        label: {index: value if math.isfinite(value) else None for index, value in found.items()}
        for label, found in run.confidence.items()
    }
    return Propagated(
        axis=run.axis, seeds={label: list(slices) for label, slices in run.seeds.items()}, confidence=known,
        areas=run.areas, hints=[place for place, hint in enumerate(hints) if hint in run.hints],
        outcome=_outcome(run.outcome), seconds=run.seconds,
    )  # fmt: skip


def _outcome(outcome: str) -> Any:
    return _RUNS_OUT.get(outcome, outcome)


def _together(strokes: list[Stroke], known: tuple[int, ...], shape: tuple[int, int, int]) -> Strokes:
    axis, slices = strokes[0].axis, dict[int, dict[int, set[int]]]()
    for stroke in strokes:
        for other, labels in stroke.slices.items():
            for label, indices in labels.items():
                slices.setdefault(other, {}).setdefault(label, set()).update(int(i) for i in indices)
    if axis is not None:
        voxels = union(axis, strokes, shape)
    else:  # nothing asks for them, but that something was touched
        nowhere = tuple(slice(0, 1) for _ in range(3))
        voxels = [(nowhere, np.zeros((1, 1, 1), dtype=bool))] if any(stroke.parts for stroke in strokes) else []
    return Strokes(
        axis=axis, forgets=strokes[0].forgets, known=list(known), slices=_sorted(slices), voxels=Voxels.of(voxels)
    )


def _sorted(slices: Mapping[int, Mapping[int, Iterable[int]]]) -> Any:
    return {axis: {label: sorted(found) for label, found in labels.items()} for axis, labels in slices.items()}


def union(axis: int, strokes: Iterable[Stroke], shape: tuple[int, int, int]) -> list[tuple[Where, NDArray[np.bool_]]]:
    """The voxels that strokes touched, as one box with its mask for each slice along `axis`."""
    others = [other for other in range(3) if other != axis]
    planes: dict[int, NDArray[np.bool_]] = {}
    for stroke in strokes:
        for where, mask in stroke.parts:
            box = [slice(*side.indices(n)) for side, n in zip(where, shape, strict=True)]
            for position, index in enumerate(range(box[axis].start, box[axis].stop)):
                plane = planes.setdefault(index, np.zeros([shape[other] for other in others], dtype=bool))
                flat = True if mask is None else np.moveaxis(mask, axis, 0)[position]
                plane[box[others[0]], box[others[1]]] |= flat
    found = []
    for index, plane in sorted(planes.items()):
        if plane.any():
            top, bottom, left, right = bounding_box(plane)
            box = [slice(top, bottom), slice(left, right)]
            box.insert(axis, slice(index, index + 1))
            found.append((tuple(box), np.expand_dims(plane[top:bottom, left:right], axis)))
    return found
