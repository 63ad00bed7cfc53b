"""The branches of a tree of tubes: how long, wide, winding and large each is, and where it is narrow."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, pi

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from napari_medssl.errors import BadInput
from napari_medssl.files import write_text
from napari_medssl.tubes.distances import as_tube, steps_of
from napari_medssl.tubes.graph import trace
from napari_medssl.tubes.narrowings import Narrowing, narrowings
from napari_medssl.tubes.pieces import Piece, pieces_of
from napari_medssl.tubes.refinement import Refinement

_SMOOTH = 2.0  # voxels along the line: the steps of a voxel grid are no bends


@dataclass(frozen=True)
class Branch:
    """A branch from fork to fork or end. Lengths in mm, or in voxels where no spacing was given.

    Attributes
    ----------
    number : from 1, in the order of the list
    label : of the mask it lies in; 1 without labels
    parent : the number of the branch it grows out of; None for the first of a tree
    generation : how many forks lie between it and its tree's thickest free end; 0 for the first
    length : along the smoothed centre line
    mean_radius, min_radius : without the parts that lie inside the tubes it forks from
    tortuosity : length over the straight way; 1 is straight; nan for a ring
    volume : in cubic mm (or voxels): the voxels of the mask that are nearest to it, or without a mask its circles
    start, end : voxels (z, y, x), the start nearer to the tree's thickest end
    ends_freely : whether its end is no fork
    points : (n, 3) voxels of its centre line
    narrowings : where it is narrow
    """

    number: int
    label: int
    parent: int | None
    generation: int
    length: float
    mean_radius: float
    min_radius: float
    tortuosity: float
    volume: float
    start: tuple[int, int, int]
    end: tuple[int, int, int]
    ends_freely: bool
    points: NDArray[np.intp]
    narrowings: tuple[Narrowing, ...]


def branches(
    skeleton: Refinement | ArrayLike, radius: ArrayLike | None = None, *, spacing: Sequence[float] | None = None
) -> list[Branch]:
    """Measure the branches of a centre line.

    Parameters
    ----------
    skeleton : Refinement, or (z, y, x) booleans, a voxel thin
    radius : (z, y, x) radius of the tube where the skeleton is, in the unit of the spacing; a Refinement brings its own
    spacing : mm in array order, as it was given for the refinement

    Returns
    -------
    list of Branch, trees with the widest free end first and parents before their children

    Raises
    ------
    BadInput
        Shapes differ, or a radius on the skeleton is missing or not a positive number.
    """
    labels: NDArray[np.integer] | None = None
    if isinstance(skeleton, Refinement):
        labels, radius, skeleton = skeleton.labels, skeleton.radius if radius is None else radius, skeleton.skeleton
    thin = as_tube(skeleton)
    wide = np.asarray(radius)
    if wide.shape != thin.shape:
        raise BadInput(f"The skeleton has shape {thin.shape} and the radius {wide.shape}; they must be the same.")
    steps = np.asarray(steps_of(spacing))
    points = np.argwhere(thin)
    if not len(points):
        return []
    radii = wide[tuple(points.T)].astype(np.float64)
    if not (np.isfinite(radii).all() and radii.min() > 0):
        raise BadInput("The radius must be a number above 0 everywhere on the skeleton.")
    found = pieces_of(trace(points, thin.shape), radii)
    volumes = _volumes(labels, points, found.pieces, steps) if labels is not None else None
    result = []
    for number, piece in enumerate(found.pieces):
        path = points[list(piece.voxels)]
        own = radii[list(piece.voxels)]
        forks = (piece.start not in found.free, piece.end not in found.free)
        label = int(labels[tuple(path[len(path) // 2])]) if labels is not None else 1
        volume = None if volumes is None else volumes[number]
        result.append(_measured(number + 1, label, piece, path, own, steps, forks, volume))
    return result


def _measured(
    number: int,
    label: int,
    piece: Piece,
    path: NDArray[np.intp],
    radii: NDArray[np.float64],
    steps: NDArray[np.float64],
    forks: tuple[bool, bool],
    volume: float | None,
) -> Branch:
    curve = _smooth(path * steps)
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    straight = float(np.linalg.norm(curve[-1] - curve[0]))
    apart = _outside_forks(path * steps, radii, forks)
    lean = ndimage.gaussian_filter1d(radii, 1.0, mode="nearest")
    if volume is None:
        volume = float(np.trapezoid(pi * radii**2, along))
    first, last = (tuple(int(n) for n in path[end]) for end in (0, -1))
    return Branch(
        number,
        label,
        None if piece.parent is None else piece.parent + 1,
        piece.generation,
        float(along[-1]),
        float(radii[apart].mean()),
        float(radii[apart].min()),
        max(1.0, float(along[-1]) / straight) if straight > 0 else nan,
        volume,
        first,  # type: ignore[arg-type]
        last,  # type: ignore[arg-type]
        not forks[1],
        path,
        narrowings(path[apart], along[apart], lean[apart], voxel=float(steps.min())),
    )


def _smooth(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """The curve without the steps of the grid; its ends stay."""
    margin = min(int(4 * _SMOOTH), len(curve) - 1)
    if margin < 1:
        return curve
    wide = np.pad(curve, ((margin, margin), (0, 0)), mode="reflect", reflect_type="odd")
    smooth: NDArray[np.float64] = ndimage.gaussian_filter1d(wide, _SMOOTH, axis=0, mode="nearest")[margin:-margin]
    return smooth


def _outside_forks(
    places: NDArray[np.float64], radii: NDArray[np.float64], forks: tuple[bool, bool]
) -> NDArray[np.bool_]:
    """Which voxels lie outside the balls of the forks at the branch's ends; all, where none does."""
    outside = np.ones(len(places), bool)
    for at, fork in zip((0, -1), forks, strict=True):
        if fork:
            outside &= np.linalg.norm(places - places[at], axis=1) > radii[at]
    return outside if outside.any() else ~outside


def _volumes(
    labels: NDArray[np.integer], points: NDArray[np.intp], pieces: Sequence[Piece], steps: NDArray[np.float64]
) -> list[float]:
    """The volume of each piece: each voxel of the mask belongs to the nearest piece of its own label."""
    owner = np.full(len(points), -1, np.intp)
    for number, piece in reversed(list(enumerate(pieces))):  # a fork belongs to the parent
        owner[list(piece.voxels)] = number
    counts = np.zeros(len(pieces), np.int64)
    inside = np.argwhere(labels)
    kind, own = labels[tuple(inside.T)], labels[tuple(points.T)]
    for label in np.unique(own[owner >= 0]):
        line = np.flatnonzero((own == label) & (owner >= 0))
        _, nearest = KDTree(points[line] * steps).query(inside[kind == label] * steps, workers=2)
        counts += np.bincount(owner[line[nearest]], minlength=len(pieces))
    voxel = float(np.prod(steps))
    return [float(count) * voxel for count in counts]


def write_branches(path: str | os.PathLike[str], found: Sequence[Branch]) -> None:
    """Write branches (measured in mm) to a CSV file, one a row, atomically; voxels are counted from 0 as (z, y, x)."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(row_of(one) for one in found)
    write_text(path, text.getvalue())


COLUMNS = (
    "branch", "label", "parent", "generation", "length_mm", "mean_radius_mm", "min_radius_mm", "tortuosity",
    "volume_ml", "start_z", "start_y", "start_x", "end_z", "end_y", "end_x", "ends_freely",
    "narrowing_percent", "narrowing_radius_mm", "narrowing_z", "narrowing_y", "narrowing_x",
)  # fmt: skip
"""The columns of the table; of several narrowings it holds the greatest."""


def row_of(one: Branch) -> tuple[object, ...]:
    """A row of the table, in the order of `COLUMNS`; empty where there is nothing to say."""
    numbers = (one.length, one.mean_radius, one.min_radius, one.tortuosity, one.volume / 1000)
    worst = max(one.narrowings, key=lambda narrow: narrow.percent, default=None)
    narrow = ("",) * 5 if worst is None else (f"{worst.percent:.0f}", f"{worst.radius:.4g}", *worst.voxel)
    written = ("" if value != value else f"{value:.5g}" for value in numbers)
    parent = "" if one.parent is None else one.parent
    freely = int(one.ends_freely)
    return (one.number, one.label, parent, one.generation, *written, *one.start, *one.end, freely, *narrow)
