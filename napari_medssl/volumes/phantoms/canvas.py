"""Painting shapes with soft edges, slab by slab, into an image and its labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_medssl.volumes.phantoms.fields import Floats
from napari_medssl.volumes.phantoms.space import Body, Grid
from napari_medssl.volumes.phantoms.tubes import Tubes, distance_to_tubes

Span = tuple[float, float]
Span3 = tuple[float, float, float]
_SLAB_VOXELS = 3_000_000  # about 300 MB at work
UNLABELLED = 0


@dataclass(frozen=True)
class Tissue:
    """Mean intensity, and how much one unit of texture adds."""

    value: float
    texture: float = 0.0


class Window:
    """A box of the slab that is being painted: vectors z, y, x in mm and dense reference coordinates."""

    def __init__(self, canvas: Canvas, box: tuple[slice, slice, slice]) -> None:
        self.box = box
        self.axes = (canvas.axes[0][box[0]], canvas.axes[1][box[1]], canvas.axes[2][box[2]])
        self.z, self.y, self.x = (dense[box] for dense in canvas.reference)
        self.height = canvas.axes[1][box[1]][None, :, None]  # mm along gravity for a patient on the back
        self._canvas = canvas

    def kept(self, name: str) -> Floats:
        """This window's part of a distance that was computed once for the slab."""
        return self._canvas.kept[name][self.box]

    def of(self, field: Callable[..., Floats]) -> Floats:
        """A random field on this window."""
        return field(*self.axes)


class Canvas:
    """One slab: what has been painted so far."""

    def __init__(
        self, axes: tuple[Floats, Floats, Floats], body: Body, tissues: Mapping[str, Tissue], spacing: Span3
    ) -> None:
        self.axes = axes
        self.body = body
        self._tissues = tissues
        self.spacing = spacing
        shape = tuple(len(axis) for axis in axes)
        self.image = np.full(shape, tissues["air"].value, dtype=np.float32)
        self.labels = np.zeros(shape, dtype=np.uint8)
        self.share = np.zeros(shape, dtype=np.float32)  # how much of the voxel its label covers
        self.kept: dict[str, Floats] = {}  # distances on the whole slab that several organs need

    @cached_property
    def reference(self) -> tuple[Floats, Floats, Floats]:
        return self.body.reference(*self.axes)

    @property
    def everything(self) -> Window:
        return Window(self, (slice(None), slice(None), slice(None)))

    def window(self, z: Span, y: Span, x: Span) -> Window | None:
        """The part of the slab that can hold what lies in these reference ranges, or None."""
        box = []
        for axis, span, scale in zip(self.axes, (z, y, x), self.body.scale, strict=True):
            first, last = np.searchsorted(
                axis, (span[0] * scale - self.body.reach - 2, span[1] * scale + self.body.reach + 2)
            )
            # Slopes need a neighbour on each side.
            first, last = max(int(first) - 1, 0), min(int(last) + 1, len(axis))
            if last - first < 1:
                return None
            box.append(slice(first, last))
        return Window(self, (box[0], box[1], box[2]))

    def paint(
        self,
        window: Window,
        distance: Floats,
        tissue: str,
        *,
        label: int | None = UNLABELLED,
        texture: Floats | float = 0.0,
        within: Floats | None = None,
    ) -> None:
        """Paint all that lies inside a signed distance; see `lay`."""
        self.lay(window, self.coverage(distance), tissue, label=label, texture=texture, within=within)

    def lay(
        self,
        window: Window,
        cover: Floats,
        tissue: str,
        *,
        label: int | None = UNLABELLED,
        texture: Floats | float = 0.0,
        within: Floats | None = None,
    ) -> None:
        """Cover each voxel by a share of `tissue`, in front of what is there.

        `label` is given where the share is at least half; 0 takes the voxel from any label, None leaves labels alone
        (a detail inside an organ). `within` is another share that this one may not exceed.
        """
        if within is not None:
            cover = np.minimum(cover, within)
        paint = self._tissues[tissue]
        image = self.image[window.box]
        image += cover * (np.float32(paint.value) + np.float32(paint.texture) * texture - image)
        if label is None:
            return
        share, labels = self.share[window.box], self.labels[window.box]
        hit = cover >= 0.5
        same = labels == label
        share *= 1 - cover
        np.copyto(share, np.where(same, np.minimum(share + cover, 1), cover), where=hit)
        np.copyto(labels, np.uint8(label), where=hit)

    def coverage(self, distance: Floats) -> Floats:
        """The share of each voxel inside a signed distance; see the function of this name."""
        return coverage(distance, self.spacing)

    def tubes(self, tubes: Tubes, reach: float | None = None) -> tuple[Window, Floats, Floats] | None:
        """The window that holds `tubes`, the distance to their walls and their radius; None outside the slab."""
        reach = max(reach or 0, sum(self.spacing))
        widest = float(np.max([tubes.start_radius, tubes.end_radius])) + reach
        ends = np.concatenate([tubes.start, tubes.end])
        box = []
        for i, axis in enumerate(self.axes):
            first, last = np.searchsorted(axis, (ends[:, i].min() - widest, ends[:, i].max() + widest))
            if last <= first:
                return None
            box.append(slice(max(int(first) - 1, 0), int(last) + 1))
        window = Window(self, (box[0], box[1], box[2]))
        return window, *distance_to_tubes(tubes, window.axes, reach)


def coverage(distance: Floats, spacing: Span3) -> Floats:
    """The share of each voxel that lies inside a signed distance, from the distance and its change to the neighbours.

    Exact for a flat surface along the grid; across it, the share rises as steeply as a voxel's extent varies.
    """
    change = np.zeros_like(distance)
    for axis in range(3):
        if distance.shape[axis] > 1:
            along = np.moveaxis(distance, axis, 0)
            total = np.moveaxis(change, axis, 0)
            total[1:-1] += np.square(along[2:] - along[:-2]) * np.float32(0.25)
            total[0] += np.square(along[1] - along[0])
            total[-1] += np.square(along[-1] - along[-2])
    np.sqrt(change, out=change)
    # A true distance cannot change by more than the voxel's diagonal; one that jumps (from rib to rib) must not blur.
    np.clip(change, 1e-3, 1.1 * float(np.linalg.norm(spacing)), out=change)
    share: Floats = np.clip(0.5 - distance / change, 0, 1)
    return share


def tube_coverage(distance: Floats, radius: Floats, spacing: Span3) -> Floats:
    """The share of each voxel that lies in a tube, also when the tube is thinner than a voxel.

    `distance` is to the tube's wall. Across the tube its two walls count; the second factor, fitted to the tube's
    volume, stands for its width along the other side of the voxel.
    """
    width = np.float32(np.prod(spacing) ** (1 / 3))
    change = np.float32(1 / width)
    across = np.clip(0.5 - distance * change, 0, 1) - np.clip(0.5 - (distance + 2 * radius) * change, 0, 1)
    thin = np.minimum(radius * change, 1)
    share: Floats = across * np.minimum((2 - np.float32(0.85) * thin) * thin, 1)
    return share


def paint_slabs(
    grid: Grid, body: Body, tissues: Mapping[str, Tissue], draw: Callable[[Canvas], None]
) -> tuple[Floats, NDArray[np.uint8]]:
    """Let `draw` paint the whole grid, a few slices at a time; image (float32) and labels."""
    image = np.empty(grid.shape, dtype=np.float32)
    labels = np.empty(grid.shape, dtype=np.uint8)
    z, y, x = (grid.axis(i) for i in range(3))
    for core, padded in _slabs(grid.shape):
        canvas = Canvas((z[padded], y, x), body, tissues, grid.spacing)
        draw(canvas)
        inner = slice(core.start - padded.start, core.stop - padded.start)
        image[core] = canvas.image[inner]
        labels[core] = np.where(canvas.share[inner] >= 0.5, canvas.labels[inner], 0)
    return image, labels


def _slabs(shape: tuple[int, int, int]) -> Iterator[tuple[slice, slice]]:
    """Ranges of slices, each with a range that has one more slice on either side where there is one."""
    step = max(1, _SLAB_VOXELS // (shape[1] * shape[2]))
    for start in range(0, shape[0], step):
        stop = min(start + step, shape[0])
        yield slice(start, stop), slice(max(start - 1, 0), min(stop + 1, shape[0]))
