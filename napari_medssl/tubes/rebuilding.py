"""The steps of the refinement's default mode: what is sure, its centre line, and the tube built on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_medssl.tubes.balls import depth_in_balls
from napari_medssl.tubes.centre_line import CentreLine, bridged, smoothed, without_spurs
from napari_medssl.tubes.thinning import thin

Mask = NDArray[np.bool_]
Map = NDArray[np.float32]
Box = tuple[slice, ...]
Shape = tuple[int, int, int]

_LEVEL = 0.25  # voxels between two rounds of thinning
_SPUR = 0.5  # radii
_GAP = 2.5  # voxels
_BALLS = 0.5  # the balls' share in the refined map


def half_voxel(steps: Sequence[float]) -> float:
    """How far the wall lies beyond the centres of the surface's voxels, along the finest axis."""
    return min(steps) / 2


def sure_parts(mask: Mask, probability: Map, sure: float) -> Mask:
    """The connected parts (26 neighbours) of a mask in which some voxel is above `sure`."""
    parts, count = ndimage.label(mask, np.ones((3, 3, 3)))
    if count == 0:
        return mask
    best = ndimage.maximum(probability, parts, np.arange(count + 1))
    keep = np.asarray(best) > sure
    keep[0] = False
    kept: Mask = keep[parts]
    return kept


def centre_line_of(mask: Mask, depth: Map, radius: NDArray[np.floating], steps: Sequence[float]) -> CentreLine:
    """The centre line of a mask without spurs, with its gaps bridged.

    Parameters
    ----------
    mask, depth : (z, y, x), and the distance of each voxel to the outside
    radius : (z, y, x) of the tube, where the mask is
    """
    shape = mask.shape
    points = np.argwhere(thin(mask, depth, min(steps) * _LEVEL))
    line = CentreLine(points, np.maximum(radius[tuple(points.T)].astype(np.float64), half_voxel(steps)))
    line = without_spurs(line, shape, steps, spur=_SPUR)
    return smoothed(bridged(line, shape, steps, gap=_GAP * min(steps)), shape)


def rebuilt(probability: Map, mask: Mask, line: CentreLine, steps: Sequence[float]) -> Map:
    """The tube around a centre line, combined with what the probability says."""
    shape: Shape = mask.shape
    edge = min(steps)
    depth = depth_in_balls(shape, line.points, line.radii, steps, edge)
    balls = np.clip(0.5 + depth / edge, 0, 1)
    refined: Map = (1 - _BALLS) * np.where(mask | (depth > -edge), probability, 0) + _BALLS * balls
    return refined.astype(np.float32)
