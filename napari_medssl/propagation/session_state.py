"""A session as plain values that a file can hold, and back; see `session_file` for the file itself.

Strokes that say the same are put together: what counts of them is their plane, the slices and voxels that they touched,
and which propagations knew of them. Steps back in time are not kept, so propagations that are undone at the moment are
left out.
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from napari_medssl.propagation.hints import Hint
from napari_medssl.propagation.history import Run
from napari_medssl.propagation.region import bounding_box
from napari_medssl.propagation.session import Session
from napari_medssl.propagation.strokes import Stroke, Where

VERSION = 1
Axis = Annotated[int, Field(ge=0, le=2)]
Index = Annotated[int, Field(ge=0)]
Label = Annotated[int, Field(gt=0)]
Slices = dict[Label, list[Index]]  # {label: slice indices}
Box = tuple[Index, Index, Index, Index, Index, Index]  # first and end along each axis

_RUNS_OUT = {"running": "cancelled"}  # what a run is called that was under way when its session was written


class Record(BaseModel):
    """A part of the file; a later version of this one may add to it."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Voxels(Record):
    """A set of voxels: boxes, and for all of them one after the other a bit for each voxel.

    Attributes
    ----------
    boxes : half-open
    bits : eight to a byte, compressed (zlib), as text (base64)
    """

    boxes: list[Box]
    bits: str

    @classmethod
    def of(cls, parts: Iterable[tuple[Where, NDArray[np.bool_]]]) -> Voxels:
        parts = list(parts)
        whole = np.concatenate([mask.ravel() for _, mask in parts]) if parts else np.zeros(0, dtype=bool)
        packed = zlib.compress(np.packbits(whole).tobytes(), 6)
        boxes = [tuple(edge for side in where for edge in (side.start, side.stop)) for where, _ in parts]
        return cls(boxes=boxes, bits=base64.b64encode(packed).decode("ascii"))

    def parts(self) -> list[tuple[Where, NDArray[np.bool_]]]:
        """The boxes with the masks of their voxels.

        Raises
        ------
        ValueError
            The bits are damaged.
        """
        shapes = [tuple(b - a for a, b in zip(box[::2], box[1::2], strict=True)) for box in self.boxes]
        sizes = [math.prod(shape) for shape in shapes]
        count = -(-sum(sizes) // 8)
        reader = zlib.decompressobj()
        try:
            packed = reader.decompress(base64.b64decode(self.bits, validate=True), count + 1)
        except zlib.error as error:
            raise ValueError("damaged voxels") from error
        if len(packed) != count:
            raise ValueError("voxels and boxes do not agree")
        bits = np.unpackbits(np.frombuffer(packed, dtype=np.uint8), count=sum(sizes)).astype(bool)
        ends = np.cumsum([0, *sizes])
        return [
            (
                tuple(slice(a, b) for a, b in zip(box[::2], box[1::2], strict=True)),
                bits[ends[i] : ends[i + 1]].reshape(shapes[i]),
            )
            for i, box in enumerate(self.boxes)
        ]


class Strokes(Record):
    """Strokes by hand in one plane.

    Attributes
    ----------
    axis : counts the slices of that plane; None for strokes in the 3D view
    forgets : see `strokes.Stroke`
    known : numbers (from 0) of the propagations that began after they were made
    slices : {axis: {label: slice indices}} of each label that gained or lost voxels
    voxels : all that were touched; none for strokes in the 3D view, where nothing asks for them
    """

    axis: Axis | None
    forgets: bool = False
    known: list[Index]
    slices: dict[Axis, Slices]
    voxels: Voxels


class Click(Record):
    """One voxel that is inside a label, or is not; see `hints.Hint`."""

    label: Label
    voxel: tuple[Index, Index, Index]
    inside: bool


class Propagated(Record):
    """One propagation; see `history.Run`. A confidence that is no number is None; hints go by their numbers from 0."""

    axis: Axis
    seeds: Slices
    confidence: dict[Label, dict[Index, float | None]]
    areas: dict[Label, dict[Index, Index]]
    hints: list[Index] = []
    outcome: Literal["done", "cancelled", "failed", "lost"]
    seconds: Annotated[float, Field(ge=0)]


class Versioned(Record):
    """What every form of the file has in common."""

    version: int


class SessionState(Record):
    """All that is kept of a session.

    Attributes
    ----------
    version : of this form
    shape : of the label volume
    plane : the axis that was taken for that of the drawn slices where nobody saw them being drawn
    strokes : in the order in which their planes were first drawn in
    runs : the propagations that count, oldest first
    hints : single voxels that were said to belong to a label or not
    digests : {axis: {label: {slice index: digest of its mask}}} of what propagations may have put there, to tell where
        a mask has been changed since
    extra : anything else that belongs to the labels, such as their names
    """

    format: Literal["napari-medssl session"] = "napari-medssl session"
    version: int = VERSION
    shape: tuple[Index, Index, Index]
    plane: Axis | None = None
    strokes: list[Strokes] = []
    runs: list[Propagated] = []
    hints: list[Click] = []
    digests: dict[Axis, dict[Label, dict[Index, str]]] = {}
    extra: dict[str, JsonValue] = {}

    @model_validator(mode="after")
    def _check_indices(self) -> SessionState:
        for stroke in self.strokes:
            for axis, slices in stroke.slices.items():
                self._check(axis, (i for indices in slices.values() for i in indices))
            for box in stroke.voxels.boxes:
                if any(not a < b <= n for a, b, n in zip(box[::2], box[1::2], self.shape, strict=True)):
                    raise ValueError("a box lies outside the mask")
            stroke.voxels.parts()
            if any(number >= len(self.runs) for number in stroke.known):
                raise ValueError("there is no such propagation")
        for hint in self.hints:
            for axis, index in enumerate(hint.voxel):
                self._check(axis, [index])
        for run in self.runs:
            if any(number >= len(self.hints) for number in run.hints):
                raise ValueError("there is no such hint")
            for found in (run.seeds, run.confidence, run.areas):
                self._check(run.axis, (i for indices in found.values() for i in indices))
            if any(not run.areas.get(label, {}).keys() >= found.keys() for label, found in run.confidence.items()):
                raise ValueError("a slice has a confidence and no area")
        for axis, labels in self.digests.items():
            self._check(axis, (i for found in labels.values() for i in found))
        return self

    def _check(self, axis: int, indices: Iterable[int]) -> None:
        if any(index >= self.shape[axis] for index in indices):
            raise ValueError("a slice lies outside the mask")


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
