"""The steps of the refinement's default mode: what is sure, its centre line, and the tube built on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_medssl.tubes.balls import depth_in_balls
from napari_medssl.tubes.centre_line import CentreLine, bridged, smoothed, without_spurs
from napari_medssl.tubes.distances import edt_mm
from napari_medssl.tubes.thinning import thin

Mask = NDArray[np.bool_]
Map = NDArray[np.float32]
Box = tuple[slice, ...]
Shape = tuple[int, int, int]

_LEVEL = 0.25  # voxels between two rounds of thinning
_SPUR = 0.5  # radii
_GAP = 3.5  # voxels between two balls; their ends lie up to a voxel short of a gap of two
_BALLS = 0.35  # the balls' share in the refined map; where p is above 0.77 a voxel stays whatever they say
_BALLS_OF_MASK = 0.2  # their share where the probability is a blurred mask, which knows its own width best
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


def centre_line_of(mask: Mask, radius: Map | None, steps: Sequence[float]) -> CentreLine:
    """The centre line of a mask without spurs, with its gaps bridged.

    Parameters
    ----------
    mask : (z, y, x)
    radius : (z, y, x) by formula (2); None takes it from the mask's own distance to its outside
    steps : voxel spacing in array order
    """
    depth = edt_mm(mask, steps, border=bool(mask.all()))
    points = np.argwhere(thin(mask, depth, min(steps) * _LEVEL))
    half = half_voxel(steps)
    # The line runs on the voxel grid, up to half a voxel beside the middle, where the radius is largest.
    radii = (
        _to_the_wall(largest_around(depth, points), half)
        if radius is None
        else _from_the_surface(largest_around(radius, points), half)
    )
    line = CentreLine(points, np.maximum(radii.astype(np.float64), half), np.zeros(len(points), bool))
    line = without_spurs(line, mask.shape, steps, spur=_SPUR)
    return smoothed(bridged(line, mask.shape, steps, gap=_GAP * min(steps)), mask.shape)


def _to_the_wall(outside: Map, half: float) -> Map:
    """The radius, from the distance to the nearest voxel outside: its wall side lies at most half a voxel nearer.

    Of a tube one voxel thin that is half a voxel. Of a wide one, whose wall passes many voxels, the nearest of them
    just misses being inside. Discs of 1, 5, 13 and 29 voxels, at distances of 1, 1.41, 2.24 and 3.16, have the areas of
    circles of 0.56, 1.26, 2.03 and 3.04: this gives 0.5, 1.06, 2.01 and 3.0.
    """
    wall = outside - np.float32(2 * half**2) / np.maximum(outside, np.float32(2 * half))
    return wall.astype(np.float32, copy=False)


def _from_the_surface(inside: Map, half: float) -> Map:
    """The radius, from formula (2): of discs of 13 and 29 voxels, which have 1.41 and 2.24, it is 1.97 and 2.85."""
    wall = inside + np.float32(1.5 * half) * inside / (inside + np.float32(half))
    return wall.astype(np.float32, copy=False)


def largest_around(values: Map, points: NDArray[np.intp]) -> Map:
    """(n,) the largest of a map's values at each point and its 26 neighbours."""
    last = np.asarray(values.shape) - 1
    found: Map = np.full(len(points), -np.inf, np.float32)
    for offset in np.indices((3, 3, 3)).reshape(3, -1).T - 1:
        np.maximum(found, values[tuple(np.clip(points + offset, 0, last).T)], out=found)
    return found


def rebuilt(probability: Map, mask: Mask, line: CentreLine, steps: Sequence[float], share: float = _BALLS) -> Map:
    """The tube around a centre line, combined with what the probability says; bridges count whatever that is.

    Parameters
    ----------
    probability, mask : (z, y, x), and the part of it that the line was made from
    line : its centre line
    share : of the balls in the result; the rest is the probability's
    steps : voxel spacing in array order

    Returns
    -------
    (z, y, x) float32 from 0 to 1
    """
    edge = _EDGE * min(steps)
    depth = depth_in_balls(mask.shape, line.points, line.radii, steps, edge)
    where = np.flatnonzero(mask | (depth > -edge))  # all else is 0: tubes fill a small part of a volume
    refined = probability.reshape(-1)[where]
    refined += np.float32(share) * (_soft(depth, where, edge) - refined)
    if line.bridges.any():
        bridges = line.kept(line.bridges)
        depth = depth_in_balls(mask.shape, bridges.points, bridges.radii, steps, edge)
        np.maximum(refined, _soft(depth, where, edge), out=refined)
    whole = np.zeros(mask.shape, np.float32)
    whole.reshape(-1)[where] = refined
    return whole


def _soft(depth: Map, where: NDArray[np.intp], edge: float) -> Map:
    """The balls as a map with an edge, at some voxels."""
    soft: Map = np.clip(depth.reshape(-1)[where] / np.float32(edge) + np.float32(0.5), 0, 1)
    return soft


def rebuilt_mask(mask: Mask, line: CentreLine, steps: Sequence[float]) -> Map:
    """As `rebuilt`, from a mask alone: blurred a little, so that what is rough counts as unsure."""
    sigma = [_BLUR * min(steps) / step for step in steps]
    blurred: Map = ndimage.gaussian_filter(mask.astype(np.float32), sigma, truncate=3.0, mode="nearest")
    return rebuilt(blurred, mask, line, steps, _BALLS_OF_MASK)
