"""Distances between the surfaces of two masks, in mm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, nan

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

from napari_medssl.metrics.masks import Mask, as_mask, as_pair, as_spacing, bounding_box

Distances = NDArray[np.float64]

_NEAR = 8  # voxels
_VOXELS_PER_FAR_POINT = 5000  # a distance map of so many voxels takes as long as one far point in the search tree


@dataclass(frozen=True)
class SurfaceDistances:
    """Distances in mm from each surface voxel of one mask to the nearest surface voxel of the other.

    Attributes
    ----------
    to_truth : (surface voxels of the prediction,)
    to_prediction : (surface voxels of the truth,)

    With one mask empty the other's distances are infinite, and so are the summaries; with both empty these are nan.
    """

    to_truth: Distances
    to_prediction: Distances

    @property
    def mean(self) -> float:
        """Mean surface distance in mm: the mean over all surface voxels of both (average symmetric distance)."""
        count = len(self.to_truth) + len(self.to_prediction)
        return float(self.to_truth.sum() + self.to_prediction.sum()) / count if count else nan

    @property
    def hausdorff(self) -> float:
        """Hausdorff distance in mm: the largest of all distances."""
        return self.hausdorff_at(100)

    @property
    def hausdorff95(self) -> float:
        """The larger of the two directions' 95th percentiles, in mm."""
        return self.hausdorff_at(95)

    def hausdorff_at(self, percentile: float) -> float:
        """The larger of the two directions' percentiles, in mm."""
        each = [_percentile(side, percentile) for side in (self.to_truth, self.to_prediction) if len(side)]
        return max(each, default=nan)


def surface_distances(
    prediction: ArrayLike, truth: ArrayLike, *, spacing: Sequence[float], label: int | None = None
) -> SurfaceDistances:
    """Distances between the surfaces of two masks.

    A surface voxel belongs to the mask and has a face neighbour that does not; beyond the array nothing belongs to
    it. Distances run between voxel centres.

    Parameters
    ----------
    prediction, truth : arrays of one shape, booleans or labels
    spacing : mm in array order
    label : the label to compare; None takes everything that is not 0

    Raises
    ------
    BadInput
        The shapes differ, an array does not hold labels, or the spacing is not positive.
    """
    p, t = (as_mask(labels, label) for labels in as_pair(prediction, truth))
    steps = as_spacing(spacing, p.ndim)
    box = bounding_box(p, t)
    if box is None:
        return SurfaceDistances(np.empty(0), np.empty(0))
    ours, theirs = surface(p[box]), surface(t[box])
    return SurfaceDistances(_nearest(ours, theirs, steps), _nearest(theirs, ours, steps))


def mean_surface_distance(
    prediction: ArrayLike, truth: ArrayLike, *, spacing: Sequence[float], label: int | None = None
) -> float:
    """Average symmetric surface distance in mm; see `surface_distances`."""
    return surface_distances(prediction, truth, spacing=spacing, label=label).mean


def hausdorff95(
    prediction: ArrayLike, truth: ArrayLike, *, spacing: Sequence[float], label: int | None = None
) -> float:
    """The 95th percentile Hausdorff distance in mm; see `surface_distances`."""
    return surface_distances(prediction, truth, spacing=spacing, label=label).hausdorff95


def surface(mask: Mask) -> Mask:
    """Voxels of `mask` that have a face neighbour outside it; beyond the array nothing belongs to it."""
    inner = mask.copy()
    for axis in range(mask.ndim):
        along = np.moveaxis(mask, axis, 0)
        kept = np.moveaxis(inner, axis, 0)
        kept[:-1] &= along[1:]
        kept[1:] &= along[:-1]
        kept[0] = kept[-1] = False
    edge: Mask = mask & ~inner
    return edge


def _nearest(surface_voxels: Mask, others: Mask, spacing: tuple[float, ...]) -> Distances:
    """Distance in mm from each voxel of the first mask to the nearest of the second."""
    points, targets = (np.argwhere(mask) * np.array(spacing) for mask in (surface_voxels, others))
    if not len(points) or not len(targets):
        return np.full(len(points), inf)
    tree = KDTree(targets, balanced_tree=False)
    # Surfaces are thin and mostly near each other: a search tree beats a distance transform of the whole box, but
    # for the points far from anything it has to look at half the surface each. Those come second.
    distances: Distances = np.asarray(tree.query(points, distance_upper_bound=_NEAR * max(spacing))[0])
    far = np.isinf(distances)
    if np.count_nonzero(far) * _VOXELS_PER_FAR_POINT < others.size or others.ndim not in (2, 3):
        distances[far] = tree.query(points[far])[0]
    else:
        distances[far] = _distance_map(others, spacing)[surface_voxels][far]
    return distances


def _distance_map(mask: Mask, spacing: tuple[float, ...]) -> NDArray[np.float32]:
    """Distance in mm to the nearest voxel of `mask`; SimpleITK takes a quarter of SciPy's time and memory for it."""
    import SimpleITK

    image = SimpleITK.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing(spacing[::-1])
    signed = SimpleITK.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True)
    outside: NDArray[np.float32] = np.maximum(SimpleITK.GetArrayFromImage(signed), 0)
    return outside


def _percentile(distances: Distances, percentile: float) -> float:
    return float(np.percentile(distances, percentile)) if np.isfinite(distances).all() else inf
