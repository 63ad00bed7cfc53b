"""A quick mask of the lungs, with nodules, vessels and what sits on the pleura in it: where to look for nodules.

It is made at about 3 mm: it says where to look, not where the lungs end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from edt import edt
from numpy.typing import NDArray
from scipy import ndimage

from napari_medssl.errors import BadInput
from napari_medssl.nodules.hounsfield import AIR, to_add
from napari_medssl.volumes import Geometry, Volume
from napari_medssl.volumes.orientation import display_for, displayed_geometry, geometry_from_axes

Mask = NDArray[np.bool_]
_COARSE_MM = 3.0
_LOW_MM = 20.0  # a scan less high than this holds hardly a nodule whole
_AERATED = -400.0  # HU; below are lung and gas
_LUNG = (-990.0, -450.0)  # HU that the median of a piece of lung lies between, emphysema included; gas is thinner
_DENSER = -930.0  # HU; what is thinner may be gas or foam if it is not
_VARIED = 80.0  # HU between the 10th and 90th percentile, as lungs are
_CORNERS = 0.4  # of the scan's corners: air around the patient fills so much, and lungs at the scan's side do not,
_OUTSIDE = -960.0  # but for a scan that is all lung, which is denser than this
_CLOSING_MM = 12.0  # nodules on the pleura, and vessels, of up to about twice this are taken in
_LEAST_ML = 40.0  # smaller pieces in the middle of a scan are bowel
_WHOLE_ML = 150.0  # lungs that end within the scan are at least so large


@dataclass(frozen=True)
class Lungs:
    """Where the lungs are.

    Attributes
    ----------
    mask : bool array whose axes run head to foot, front to back, right to left, with voxels of about 3 mm
    geometry : where that array lies
    hounsfield_offset : what was added to the scan's grey values to make them HU
    notes : sentences that the person should see
    """

    mask: Mask
    geometry: Geometry
    hounsfield_offset: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def millilitres(self) -> float:
        return float(np.count_nonzero(self.mask)) * prod(self.geometry.spacing) / 1000

    @cached_property
    def _away(self) -> NDArray[np.float32]:
        return _distance_to(self.mask, self.geometry.spacing_zyx)

    def within(self, reach: float) -> Mask:
        """`mask` and what lies nearer to it than `reach` mm."""
        return self._away <= reach

    def distance(self, points: Any) -> NDArray[np.float64]:
        """How far points (n, 3), LPS mm, lie from the lungs, in mm: shape (n,); 0 within them, good to about 3 mm."""
        index = self.geometry.indices(np.asarray(points, dtype=float).reshape(-1, 3))
        near = np.clip(np.rint(index), 0, np.array(self.mask.shape) - 1).astype(int)
        beyond = np.linalg.norm((index - near) * np.array(self.geometry.spacing_zyx), axis=1)
        outside = np.abs(index - near).max(axis=1, initial=0) > 0.5
        away: NDArray[np.float64] = self._away[tuple(near.T)] + np.where(outside, beyond, 0.0)
        return away

    def side(self, point: Sequence[float]) -> str:
        """ "right" or "left" lung (the patient's) by a point's place, LPS mm; "" where only one lung is in view."""
        across = self.geometry.world(np.argwhere(self.mask))[:, 0]
        first, last = float(across.min()), float(across.max())
        if last - first < 180:
            return ""
        return "left" if point[0] > (first + last) / 2 else "right"

    def on_scan(self, volume: Volume) -> Mask:
        """The mask on the scan's own grid (z, y, x), for looking at."""
        display = display_for(volume.geometry)
        shape = display.shape(volume.shape)
        own = displayed_geometry(volume.geometry, display, volume.shape).spacing_zyx
        steps = [round(coarse / fine) for coarse, fine in zip(self.geometry.spacing_zyx, own, strict=True)]
        full = self.mask
        for axis, (step, size) in enumerate(zip(steps, shape, strict=True)):
            full = full.repeat(step, axis).take(np.arange(size), axis)
        return np.ascontiguousarray(display.back(full))


def find_lungs(volume: Volume) -> Lungs:
    """Where the lungs are in a chest CT.

    Anything that is aerated like lung counts if it lies in the body, or is cut off by the scan's sides; gas and what
    lies around the patient do not. So a small piece of a scan with nothing but lung in it is all lung.

    Raises
    ------
    BadInput
        The scan is no CT in HU (values from 0 on are shifted, with a note), or there are no lungs in view.
    """
    display = display_for(volume.geometry)
    array = display.forward(volume.array)
    placed = displayed_geometry(volume.geometry, display, volume.shape)
    factors = [max(1, round(_COARSE_MM / side)) for side in placed.spacing_zyx]
    coarse = block_means(array, factors)
    offset, notes = to_add(coarse, volume.name, volume.modality)
    spacing = np.array(placed.spacing_zyx) * factors
    mask = lungs_of(np.maximum(coarse + np.float32(offset), AIR), spacing.tolist())
    if not mask.any():
        raise BadInput(f"There are no lungs in view in {volume.name}; nodules are looked for in CT of the chest.")
    first = placed.world([(factor - 1) / 2 for factor in factors])
    geometry = geometry_from_axes(placed.matrix.T[::-1], spacing, first)
    if max(volume.spacing) > 3:
        notes += (f"The slices are {max(volume.spacing):.3g} mm apart; nodules smaller than that may be missed.",)
    high = array.shape[0] * placed.spacing_zyx[0]
    if high < _LOW_MM:
        notes += (f"The scan is only {high:.3g} mm high; nodules may be cut off or missed at its ends.",)
    return Lungs(mask, geometry, offset, notes)


def block_means(array: Any, factors: Sequence[int]) -> NDArray[np.float32]:
    """Means over blocks of so many voxels (z, y, x); the last ones may hold fewer. Read slab by slab."""
    kz, ky, kx = factors
    depth, height, width = array.shape
    rows, columns = np.arange(0, height, ky), np.arange(0, width, kx)
    counts = np.diff(np.append(rows, height))[:, None] * np.diff(np.append(columns, width))
    means = np.empty((-(-depth // kz), len(rows), len(columns)), dtype=np.float32)
    for place, start in enumerate(range(0, depth, kz)):
        slab = np.asarray(array[start : start + kz])
        flat = slab.sum(axis=0, dtype=np.float32 if slab.dtype.kind == "f" else np.int32)
        sums = np.add.reduceat(np.add.reduceat(flat, rows, axis=0), columns, axis=1)
        means[place] = sums / (counts * len(slab))
    return means


def lungs_of(hu: NDArray[np.floating], spacing: Sequence[float]) -> Mask:
    """The lungs in a coarse scan (z, y, x) in HU, axial slices first: bool, empty where there are none."""
    dense = hu >= _AERATED
    pieces, _ = ndimage.label(~dense)
    body, ml = _body(dense), prod(spacing) / 1000
    sizes = np.bincount(pieces.ravel()) * ml
    sizes[0] = 0
    # A piece of lung that fills a small scan counts, however small.
    least = min(_LEAST_ML, 0.05 * hu.size * ml)
    within: dict[int, float] = {}
    cut: dict[int, float] = {}  # off at the scan's sides
    around: dict[int, float] = {}  # everything else: lung only where there is no other
    for number in np.flatnonzero(sizes >= least).tolist():
        piece = pieces == number
        if not _like_lung(piece, hu):
            continue
        corners = float(piece[:, [0, 0, -1, -1], [0, -1, 0, -1]].mean())
        if piece[:, [0, -1]].any() or piece[:, :, [0, -1]].any():
            if corners < _CORNERS:
                cut[number] = sizes[number]
            elif np.median(hu[piece]) > _OUTSIDE:
                around[number] = sizes[number]
        elif body[piece].mean() > 0.7 and (piece[[0, -1]].any() or sizes[number] >= _WHOLE_ML):
            within[number] = sizes[number]
    if not within and not cut:
        cut = around
    largest = max([*within.values(), *cut.values()], default=0.0)
    kept = [one for one, size in within.items() if size > 0.02 * largest]
    kept += [one for one, size in cut.items() if size > 0.1 * largest]
    chosen = np.isin(pieces, kept)
    return _closed(chosen, spacing) if kept else chosen


def _like_lung(piece: Mask, hu: NDArray[np.floating]) -> bool:
    """Whether a piece is as dense as lung and, where gas could be so too, as varied for its vessels."""
    core = ndimage.binary_erosion(piece)  # without the blurred edge
    values = hu[core] if core.any() else hu[piece]
    low, middle, high = np.percentile(values, (10, 50, 90))
    return bool(_LUNG[0] < middle < _LUNG[1] and (middle > _DENSER or high - low > _VARIED))


def _body(dense: Mask) -> Mask:
    """The patient with what is in them, slice by slice; table and blankets are cut off where they are thin."""
    core = ndimage.binary_opening(dense, np.ones((1, 3, 3), dtype=bool))
    pieces, count = ndimage.label(core)
    if count:
        core = pieces == np.bincount(pieces.ravel())[1:].argmax() + 1
    filled = np.empty_like(core)
    for z, slice_ in enumerate(core):
        filled[z] = ndimage.binary_fill_holes(slice_)
    return filled


def _closed(mask: Mask, spacing: Sequence[float]) -> Mask:
    """Closed with a ball, and every slice's holes filled."""
    around = [int(np.ceil(_CLOSING_MM / side)) + 1 for side in spacing]
    padded = np.pad(mask, [(n, n) for n in around])
    grown = _distance_to(padded, spacing) <= _CLOSING_MM
    shrunk = edt(grown, anisotropy=tuple(spacing), black_border=False) > _CLOSING_MM
    closed: Mask = (shrunk | padded)[tuple(slice(n, -n) for n in around)]
    for z, slice_ in enumerate(closed):
        closed[z] = ndimage.binary_fill_holes(slice_)
    return closed


def _distance_to(mask: Mask, spacing: Sequence[float]) -> NDArray[np.float32]:
    """mm from each voxel to the nearest one of a mask that is not empty; 0 in it."""
    found: NDArray[np.float32] = edt(~mask, anisotropy=tuple(spacing), black_border=False)
    return found
