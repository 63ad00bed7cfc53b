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
_BALLS = 0.35  # the balls' share in the refined map; what is above 0.77 in the probability stays whatever they say
_EDGE = 2.0  # voxels from the inside to the outside of a ball
_BLUR = 0.6  # voxels by which a mask is blurred to serve as a probability


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
    radii = np.maximum(radius[tuple(points.T)].astype(np.float64), half_voxel(steps))
    line = CentreLine(points, radii, np.zeros(len(points), bool))
    line = without_spurs(line, shape, steps, spur=_SPUR)
    return smoothed(bridged(line, shape, steps, gap=_GAP * min(steps)), shape)


def rebuilt(probability: Map, mask: Mask, line: CentreLine, steps: Sequence[float]) -> Map:
    """The tube around a centre line, combined with what the probability says; bridges count whatever that is.

    Parameters
    ----------
    probability, mask : (z, y, x), and the part of it that the line was made from
    line : its centre line
    steps : voxel spacing in array order

    Returns
    -------
    (z, y, x) float32 from 0 to 1
    """
    edge = _EDGE * min(steps)
    balls, near = _soft(line, mask.shape, steps, edge)
    refined = (1 - _BALLS) * np.where(mask | near, probability, np.float32(0)) + np.float32(_BALLS) * balls
    if line.bridges.any():
        np.maximum(refined, _soft(line.kept(line.bridges), mask.shape, steps, edge)[0], out=refined)
    return refined.astype(np.float32, copy=False)


def as_probability(mask: Mask, steps: Sequence[float]) -> Map:
    """A mask, blurred a little, so that what is rough counts as unsure."""
    sigma = [_BLUR * min(steps) / step for step in steps]
    blurred: Map = ndimage.gaussian_filter(mask.astype(np.float32), sigma, truncate=3.0, mode="nearest")
    return blurred


def _soft(line: CentreLine, shape: Shape, steps: Sequence[float], edge: float) -> tuple[Map, Mask]:
    """The balls of a line as a map with an edge, and where they are near."""
    depth = depth_in_balls(shape, line.points, line.radii, steps, edge)
    near: Mask = depth > -edge
    depth /= np.float32(edge)
    depth += np.float32(0.5)
    return np.clip(depth, 0, 1, out=depth), near
