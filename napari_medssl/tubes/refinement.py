"""Geometry-aware refinement: a tube is rebuilt from its centre line and its radii."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medssl.errors import BadInput
from napari_medssl.metrics.masks import as_labels, bounding_box
from napari_medssl.tubes.centre_line import CentreLine
from napari_medssl.tubes.distances import grown, steps_of
from napari_medssl.tubes.rebuilding import Box, Shape, centre_line_of, rebuilt, rebuilt_mask, sure_parts

Mode = Literal["default", "paper"]


@dataclass(frozen=True)
class Refinement:
    """What came of a refinement; arrays (z, y, x).

    Attributes
    ----------
    refined : float32, the refined map; in mode "paper" a sum that may exceed 1
    labels : what it is taken for: 0 and 1 (uint8), or the labels of the mask that was refined, in its type
    skeleton : booleans, the centre line (in mode "paper" the pseudo skeleton S)
    radius : float32, radius of the tube on the skeleton and 0 elsewhere; mm, or voxels without a spacing
    """

    refined: NDArray[np.float32]
    labels: NDArray[np.integer]
    skeleton: NDArray[np.bool_]
    radius: NDArray[np.float32]


def refine(
    probability: ArrayLike,
    radius: ArrayLike,
    *,
    spacing: Sequence[float] | None = None,
    mode: Mode = "default",
    skeleton_threshold: float = 0.98,
    threshold: float = 0.5,
) -> Refinement:
    """Rebuild a tube from a network's two maps.

    Parameters
    ----------
    probability : (z, y, x) p, 0 to 1
    radius : (z, y, x) z by formula (2): distance to the surface, whose voxels have 0; in mm, or in voxels without a
        `spacing`
    spacing : mm in array order
    mode : "paper": ``S = {p > skeleton_threshold}`` and the literal sum ``p_u c_u Phi(v; u, Sigma_u)`` over u in S,
        with ``Sigma_u = (z_u / 3)^2 I`` and ``c_u = sqrt((2 pi)^3 det Sigma_u)``; a radius of 0 adds p_u at u only.
        "default": what works better on real maps. Parts of ``{p >= threshold}`` that are nowhere above
        `skeleton_threshold` are left out, the rest is thinned to a centre line, spurs go, small gaps are bridged, and
        the union of the balls along it, half a voxel wider than z since the wall lies beyond the surface's voxels, is
        combined with the probability.
    threshold : from where on a voxel of the refined map belongs to the tube

    Raises
    ------
    BadInput
        Shapes differ, a value is not a number, a probability is not in 0..1, a radius is negative, or an option is
        wrong.

    References
    ----------
    Y. Wang et al., Deep Distance Transform for Tubular Structure Segmentation in CT Scans, CVPR 2020, section 3.3.
    """
    p, z = _checked_maps(probability, radius)
    steps = steps_of(spacing)
    for name, value in (("skeleton_threshold", skeleton_threshold), ("threshold", threshold)):
        if not 0 <= value <= 1:
            raise BadInput(f"The {name} must lie between 0 and 1, not {value}.")
    if mode == "paper":
        return _by_the_paper(p, z, steps, skeleton_threshold, threshold)
    if mode != "default":
        raise BadInput(f"There is no mode of refinement called {mode}; choose default or paper.")
    shape: Shape = p.shape
    whole = _Result(shape, np.dtype(np.uint8), p)
    box = bounding_box(p >= threshold)
    if box is None:
        return whole.refinement()
    box = grown(box, shape, _margin(float(z[box].max()), steps))
    part = p[box]
    mask = sure_parts(part >= threshold, part, skeleton_threshold)
    line = centre_line_of(mask, z[box], steps)
    whole.add(box, rebuilt(part, mask, line, steps), line, 1, threshold)
    return whole.refinement()


def refine_mask(mask: ArrayLike, *, spacing: Sequence[float] | None = None) -> Refinement:
    """Rebuild tubes from a mask alone: the radius is the distance to the mask's own wall.

    Rough walls become smooth, gaps of a voxel or two along the centre line are filled and spurs vanish. Each label is
    done on its own, and none grows over another.

    Parameters
    ----------
    mask : (z, y, x) booleans or labels
    spacing : mm in array order; None: radii in voxels

    Raises
    ------
    BadInput
        The array is not 3D or does not hold labels.
    """
    labels = as_labels(mask, "mask")
    if labels.ndim != 3 or 0 in labels.shape:
        raise BadInput(f"The mask must have three dimensions (z, y, x), not the shape {labels.shape}.")
    steps = steps_of(spacing)
    shape: Shape = labels.shape
    kind: np.dtype[Any] = np.dtype(np.uint8) if labels.dtype == bool else labels.dtype
    whole = _Result(shape, kind, None)
    for label, tight in _boxes(labels):
        box = grown(tight, shape, 4)
        own = labels[box] == label
        line = centre_line_of(own, None, steps)
        free = (labels[box] == 0) | own
        whole.add(box, rebuilt_mask(own, line, steps) * free, line, label, 0.5)
    return whole.refinement()


class _Result:
    """The arrays of a refinement while label after label is put in."""

    def __init__(self, shape: Shape, kind: np.dtype[Any], refined: NDArray[np.float32] | None) -> None:
        self._refined = np.zeros(shape, np.float32) if refined is None else refined.copy()
        self._labels = np.zeros(shape, kind)
        self._radius = np.zeros(shape, np.float32)
        self._best = np.zeros(shape, np.float32)

    def add(self, box: Box, refined: NDArray[np.float32], line: CentreLine, label: int, threshold: float) -> None:
        on_line = tuple(line.points.T)  # a centre line is never outside its tube, however thin that is
        refined[on_line] = np.where(refined[on_line] > 0, np.maximum(refined[on_line], threshold), 0)
        taken = (refined >= threshold) & (refined > self._best[box])
        self._labels[box][taken] = label
        np.maximum(self._best[box], refined, out=self._best[box])
        self._refined[box] = self._best[box]
        own = self._labels[box][on_line] == label
        points, radii = line.points[own], line.radii[own]
        self._radius[box][tuple(points.T)] = radii

    def refinement(self) -> Refinement:
        return Refinement(self._refined, self._labels, self._radius > 0, self._radius)


def _by_the_paper(
    p: NDArray[np.float32], z: NDArray[np.float32], steps: Sequence[float], skeleton_threshold: float, threshold: float
) -> Refinement:
    from napari_medssl.tubes.soft_balls import sum_of_soft_balls

    skeleton = p > skeleton_threshold
    centres = np.argwhere(skeleton)
    shape: Shape = p.shape
    where = tuple(centres.T)
    refined = sum_of_soft_balls(shape, centres, z[where].astype(np.float64), p[where].astype(np.float64), steps)
    labels = (refined > threshold).astype(np.uint8)
    return Refinement(refined, labels, skeleton, np.where(skeleton, z, np.float32(0)))


def _checked_maps(probability: ArrayLike, radius: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    p, z = np.asarray(probability), np.asarray(radius)
    for array, name in ((p, "probability"), (z, "radius")):
        if array.dtype.kind not in "buif":
            raise BadInput(f"The {name} must hold numbers, not {array.dtype}.")
        if array.ndim != 3 or 0 in array.shape:
            raise BadInput(f"The {name} must have three dimensions (z, y, x), not the shape {array.shape}.")
    if p.shape != z.shape:
        raise BadInput(f"The probability has shape {p.shape} and the radius {z.shape}; both must be of the same scan.")
    p, z = p.astype(np.float32, copy=False), z.astype(np.float32, copy=False)
    lowest, highest = float(p.min()), float(p.max())  # nan where any value is
    if not (lowest >= 0 and highest <= 1):
        raise BadInput(f"The probability must lie between 0 and 1; its values go from {lowest:g} to {highest:g}.")
    if not (float(z.min()) >= 0 and np.isfinite(float(z.max()))):
        raise BadInput(f"The radius must be 0 or more everywhere; its values go from {z.min():g} to {z.max():g}.")
    return p, z


def _boxes(labels: NDArray[np.bool_] | NDArray[np.integer]) -> list[tuple[int, Box]]:
    """Each label but 0 with its bounding box."""
    if labels.dtype == bool:
        box = bounding_box(labels.astype(bool, copy=False))
        return [] if box is None else [(1, box)]
    within = bounding_box(labels != 0)
    if within is None:
        return []
    found = []
    for label in np.unique(labels[within]).tolist():
        if label:
            own = bounding_box(labels[within] == label)
            assert own is not None
            placed = tuple(slice(a.start + b.start, a.start + b.stop) for a, b in zip(within, own, strict=True))
            found.append((label, placed))
    return found


def _margin(radius: float, steps: Sequence[float]) -> list[int]:
    return [int(radius / step) + 3 for step in steps]
