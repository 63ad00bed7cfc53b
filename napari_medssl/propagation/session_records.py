"""The form of a session file: what stands in it, and what is refused. See `session_state` for what it means."""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Iterable
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from napari_medssl.propagation.strokes import Where

VERSION = 1
Axis = Annotated[int, Field(ge=0, le=2)]
Index = Annotated[int, Field(ge=0)]
Label = Annotated[int, Field(gt=0)]
Slices = dict[Label, list[Index]]  # {label: slice indices}
Box = tuple[Index, Index, Index, Index, Index, Index]  # first and end along each axis


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
