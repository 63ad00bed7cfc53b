"""A session on a label volume whose axes are taken in another order: as the file keeps them, or as they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_medssl.propagation.hints import Hint
from napari_medssl.propagation.session import Session
from napari_medssl.propagation.strokes import Stroke, Where
from napari_medssl.volumes.orientation import Display

Value = TypeVar("Value")


@dataclass(frozen=True)
class Turn:
    """A new order of a volume's axes.

    Attributes
    ----------
    axes : where axes 0, 1 and 2 go
    flips : whether they run backwards afterwards
    shape : of the volume before
    """

    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]
    shape: tuple[int, int, int]

    @classmethod
    def to_file(cls, display: Display, shape: tuple[int, int, int]) -> Turn:
        """From the order in which a volume is shown, in which it has `shape`, to that of its file."""
        return cls(display.permutation, display.flips, shape)

    @classmethod
    def to_display(cls, display: Display, shape: tuple[int, int, int]) -> Turn:
        """From the order of a file, in which the volume has `shape`, to that in which it is shown."""
        a, b, c = (display.permutation.index(axis) for axis in range(3))
        return cls((a, b, c), (display.flips[a], display.flips[b], display.flips[c]), shape)

    def session(self, session: Session) -> Session:
        """The same session on the turned volume."""
        turned = {stroke: self.stroke(stroke) for stroke in session.strokes}
        hints = {hint: self.hint(hint) for hint in session.hints}
        copy = Session([turned[stroke] for stroke in session.strokes], extra=dict(session.extra))
        copy.hints = tuple(hints.values())
        for run in session.runs:
            known = frozenset(turned[stroke] for stroke in run.strokes if stroke in turned)
            copy.runs.append(
                replace(
                    run,
                    axis=self.axes[run.axis],
                    seeds={k: tuple(sorted(self._indices(run.axis, v))) for k, v in run.seeds.items()},
                    blocks=[],
                    confidence={k: self._keys(run.axis, v) for k, v in run.confidence.items()},
                    areas={k: self._keys(run.axis, v) for k, v in run.areas.items()},
                    strokes=known,
                    hints=frozenset(self.hint(hint) for hint in run.hints),
                )
            )
        plane = session.guessed_plane
        copy.guessed_plane = None if plane is None else self.axes[plane]
        return copy

    def stroke(self, stroke: Stroke) -> Stroke:
        slices = {
            self.axes[axis]: {label: frozenset(self._indices(axis, indices)) for label, indices in labels.items()}
            for axis, labels in stroke.slices.items()
        }
        parts = tuple((self._box(where), None if mask is None else self._mask(mask)) for where, mask in stroke.parts)
        return Stroke(None if stroke.axis is None else self.axes[stroke.axis], parts, slices, stroke.forgets)

    def hint(self, hint: Hint) -> Hint:
        voxel = [0, 0, 0]
        for axis, index in enumerate(hint.voxel):
            voxel[self.axes[axis]] = self._index(axis, index)
        return replace(hint, voxel=(voxel[0], voxel[1], voxel[2]))

    def _index(self, axis: int, index: int) -> int:
        return self.shape[axis] - 1 - index if self.flips[axis] else index

    def _indices(self, axis: int, indices: Iterable[int]) -> list[int]:
        return [self._index(axis, index) for index in indices]

    def _keys(self, axis: int, found: Mapping[int, Value]) -> dict[int, Value]:
        return {self._index(axis, index): value for index, value in found.items()}

    def _box(self, where: Where) -> Where:
        turned = list(where)
        for axis, side in enumerate(where):
            first, end, _ = side.indices(self.shape[axis])
            if self.flips[axis]:
                first, end = self.shape[axis] - end, self.shape[axis] - first
            turned[self.axes[axis]] = slice(first, end)
        return tuple(turned)

    def _mask(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        steps = tuple(slice(None, None, -1 if flip else None) for flip in self.flips)
        return mask[steps].transpose(np.argsort(self.axes))
