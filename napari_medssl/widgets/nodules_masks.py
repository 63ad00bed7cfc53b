"""Outlines of nodules: from the middle slice to all others by propagation, measured, and painted into a layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_medssl.errors import BadInput, Cancelled
from napari_medssl.widgets.autosave import keep_safe
from napari_medssl.widgets.hand_strokes import strokes_on
from napari_medssl.widgets.layers import lies_on, new_labels

if TYPE_CHECKING:
    from napari.layers import Labels
    from qtpy.QtCore import QObject

    from napari_medssl.nodules.reading import Finding, Sizes
    from napari_medssl.widgets.nodules_ground import Ground

Engine = Callable[..., Any]
Box = tuple[slice, slice, slice]
OUTLINES = "napari_medssl_nodules"  # under this name a layer's metadata says that it is one of outlines
HIGHEST = 65535  # that a layer's labels can be: more findings than a person will ever mark
_BESIDE_MM = 12.0  # that the propagation sees beyond a nodule


@dataclass(frozen=True)
class Outlined:
    """A nodule's mask.

    Attributes
    ----------
    number : of the finding
    voxels : (n, 3) of the file's order
    sizes : what was measured on it
    """

    number: int
    voxels: NDArray[np.intp]
    sizes: Sizes


def outline_nodule(
    ground: Ground, finding: Finding, *, device: str = "auto", cancelled: Callable[[], bool] = lambda: False,
    engine: Engine | None = None,
) -> Outlined:  # fmt: skip
    """Outline a nodule on the slice of its centre, carry that to the others, and measure it; for a thread.

    Only voxels within 1.5 radii count, and of them the part that hangs together with the first outline. `engine` stands
    in for `propagation.propagate`.

    Raises
    ------
    BadInput
        It does not stand out from its surroundings, or lies outside the scan.
    Cancelled
        `cancelled` answered True.
    """
    from napari_medssl.nodules.outlining import REACH, outline, within_ball
    from napari_medssl.propagation import propagate

    volume, axis = ground.volume, ground.source.display.permutation[0]
    spacing, centre, radius = np.asarray(volume.spacing), volume.geometry.indices(finding.centre), finding.radius
    reach = np.full(3, REACH * radius + _BESIDE_MM)
    reach[axis] = REACH * radius + spacing[axis]
    box = _box(centre, reach / spacing, volume.shape)
    crop, middle = np.asarray(volume.array[box]), centre - [part.start for part in box]
    at = int(np.clip(round(float(middle[axis])), 0, crop.shape[axis] - 1))
    sides = [other for other in range(3) if other != axis]
    first = outline(crop.take(at, axis), spacing[sides].tolist(), middle[sides].tolist(), radius)
    seeds = np.zeros(crop.shape, np.uint8)
    seeds[(slice(None),) * axis + (at,)] = first
    found = (engine or propagate)(
        crop, seeds, spacing=tuple(spacing), axis=axis, slice_range=(0, crop.shape[axis]), device=device,
        cancelled=cancelled,
    )  # fmt: skip
    if not found.complete:
        raise Cancelled("Stopped.")
    mask = (np.asarray(found.labels) == 1) & within_ball(crop.shape, spacing.tolist(), middle.tolist(), REACH * radius)
    mask |= seeds > 0
    pieces, _ = ndimage.label(mask, structure=np.ones((3, 3, 3)))
    mask = np.isin(pieces, np.unique(pieces[seeds > 0]))
    return Outlined(finding.number, np.argwhere(mask) + [part.start for part in box], sizes_of(mask, spacing, axis))


def sizes_of(mask: NDArray[np.bool_], spacing: Any, axis: int) -> Sizes:
    """Axes and volume of a mask (z, y, x); the spacing in mm, and the axis that counts the slices."""
    from napari_medssl.nodules import measure
    from napari_medssl.nodules.reading import Sizes

    measured = measure(mask=mask, spacing=[float(side) for side in spacing], axis=axis)
    return Sizes(long_mm=measured.long_mm, short_mm=measured.short_mm, volume_ml=measured.volume_ml)


def _box(centre: Any, reach: Any, shape: Any) -> Box:
    low = np.clip(np.floor(centre - reach), 0, np.array(shape) - 1).astype(int)
    high = np.clip(np.ceil(centre + reach) + 1, low + 1, shape).astype(int)
    a, b, c = (slice(int(first), int(last)) for first, last in zip(low, high, strict=True))
    return a, b, c


class Masks:
    """The layer of outlines of a scan: a finding's number is its label."""

    def __init__(self, viewer: Any, owner: QObject) -> None:
        self._viewer, self._owner = viewer, owner
        # of each painting: the voxels as displayed, and the labels before and after
        self._painted: dict[tuple[int, int], tuple[Labels, tuple[Any, ...], NDArray[Any], int]] = {}

    def layer(self, ground: Ground) -> Labels | None:
        """The scan's outlines, if there are any."""
        from napari.layers import Labels

        # one that was brought back is known by its name
        name = _name_on(ground)
        found = (
            one for one in self._viewer.layers
            if isinstance(one, Labels) and (OUTLINES in one.metadata or one.name == name)
        )  # fmt: skip
        layer = next((one for one in found if lies_on(one, ground.layer)), None)
        if layer is not None and OUTLINES not in layer.metadata:
            _show_as_outlines(layer, ground)
        return layer

    def has(self, ground: Ground, finding: Finding) -> bool:
        """Whether a finding has an outline."""
        layer = self.layer(ground)
        return layer is not None and bool(len(self._voxels(ground, finding, layer)[0]))

    def paint(self, ground: Ground, finding: Finding, outlined: Outlined, key: tuple[int, int]) -> None:
        """Replace a finding's outline; `key` is by what `undo` and `redo` know it."""
        if outlined.number > HIGHEST:
            raise BadInput(f"A layer of outlines holds findings up to No. {HIGHEST} only.")
        layer = self.layer(ground) or self._make(ground)
        old = self._voxels(ground, finding, layer)
        if len(old[0]):
            layer.data_setitem(old, 0)
        where = tuple(ground.source.shown_voxels(outlined.voxels).T.astype(int))
        both = tuple(np.concatenate(pair) for pair in zip(old, where, strict=True))
        before = np.concatenate([np.full(len(old[0]), outlined.number), np.asarray(layer.data[where])])
        layer.data_setitem(where, outlined.number)
        self._painted[key] = layer, both, before.astype(layer.data.dtype), len(old[0])

    def drop_if_left(self, ground: Ground, before: Finding, now: Finding, key: tuple[int, int]) -> bool:
        """Take out a moved finding's outline if its middle is further away than the radius; whether it was.

        `key`: of the step that moved it.
        """
        layer = self.layer(ground)
        old = None if layer is None else self._voxels(ground, before, layer)
        if layer is None or old is None or not len(old[0]):
            return False
        away = (np.mean(old, axis=1) - ground.shown(now.centre)) * ground.spacing
        if np.linalg.norm(away) <= now.radius:
            return False
        layer.data_setitem(old, 0)
        self._painted[key] = layer, old, np.full(len(old[0]), now.number, layer.data.dtype), len(old[0])
        return True

    def undo(self, key: tuple[int, int]) -> None:
        """Take a painting back."""
        if key in self._painted:
            layer, both, before, count = self._painted[key]
            if layer in self._viewer.layers:
                new = tuple(axis[count:] for axis in both)
                if len(new[0]):
                    layer.data_setitem(new, before[count:])
                if count:
                    layer.data_setitem(tuple(axis[:count] for axis in both), before[:count])

    def redo(self, key: tuple[int, int], number: int) -> None:
        """Do a painting again."""
        if key in self._painted:
            layer, both, _, count = self._painted[key]
            if layer in self._viewer.layers:
                if count:
                    layer.data_setitem(tuple(axis[:count] for axis in both), 0)
                if len(both[0]) > count:
                    layer.data_setitem(tuple(axis[count:] for axis in both), number)

    def measured(self, ground: Ground, finding: Finding) -> Sizes:
        """What the outline measures now.

        Raises
        ------
        BadInput
            There is none.
        """
        layer = self.layer(ground)
        voxels = None if layer is None else np.stack(self._voxels(ground, finding, layer), axis=1)
        if voxels is None or not len(voxels):
            raise BadInput(f"No. {finding.number} has no outline yet; click Outline and measure first.")
        voxels = voxels - voxels.min(axis=0)
        mask = np.zeros(voxels.max(axis=0) + 1, bool)
        mask[tuple(voxels.T)] = True
        return sizes_of(mask, ground.spacing, 0)

    def _voxels(self, ground: Ground, finding: Finding, layer: Labels) -> tuple[Any, ...]:
        """A finding's voxels as displayed, looked for around it."""
        reach = (3 * finding.radius + _BESIDE_MM) / ground.spacing
        box = _box(ground.shown(finding.centre), reach, ground.shape)
        inside = np.nonzero(np.asarray(layer.data[box]) == finding.number)
        return tuple(axis + part.start for axis, part in zip(inside, box, strict=True))

    def _make(self, ground: Ground) -> Labels:
        active = self._viewer.layers.selection.active
        layer = new_labels(self._viewer, ground.layer, _name_on(ground), dtype=np.uint16)
        _show_as_outlines(layer, ground)
        self._viewer.layers.selection.active = active
        keep_safe(self._viewer, self._owner)
        strokes_on(layer, self._viewer)
        return layer


def _show_as_outlines(layer: Labels, ground: Ground) -> None:
    layer.metadata[OUTLINES] = ground.uid
    layer.contour = 1  # the nodule is to be seen
    layer.opacity = 0.9


def _name_on(ground: Ground) -> str:
    return f"{ground.layer.name} nodules"
