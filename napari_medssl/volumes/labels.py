"""Reading label maps, and checking that they lie on the scan's grid."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_medssl.errors import BadInput
from napari_medssl.volumes.formats import extension, kind_by_name
from napari_medssl.volumes.geometry import Geometry
from napari_medssl.volumes.nrrd import check_nrrd
from napari_medssl.volumes.reading import load
from napari_medssl.volumes.volume import Volume

# Programs round geometry to 5 to 7 digits when they save; a twentieth of a voxel is beyond any rounding.
_RELATIVE = 1e-3
_VOXELS = 0.05


def read_labels(path: str | os.PathLike[str], *, like: Volume | None = None, frame: int | None = None) -> Volume:
    """Read an integer label map.

    Parameters
    ----------
    path : file as for `read_volume`
    like : the scan that the labels belong to: shape and geometry must agree (spacing and direction to a thousandth,
        origin to a twentieth of a voxel). A 3D Slicer segmentation that was saved cut to its segments is put back
        into its place, and so is a DICOM segmentation (.dcm), which names its slices.
    frame : which frame of a four-dimensional label map, from 0

    Returns
    -------
    Volume
        Array (z, y, x) of integers, in the file's type, or the smallest unsigned one for a file of floats. With `like`,
        its geometry is that of `like`.

    Raises
    ------
    BadInput
        As `read_volume`; also labels that are negative or not whole, or a grid that is not that of `like`.
    """
    source = Path(path)
    if kind_by_name(source) == "DICOM":
        from napari_medssl.volumes.dicom_seg_reading import is_dicom_seg, read_dicom_seg

        if is_dicom_seg(source):
            return read_dicom_seg(source, *(() if like is None else (like.geometry, like.shape)))
    volume = load(source, None, frame)
    labels = replace(volume, array=_whole(source, volume.array))
    return labels if like is None else _place_on(source, labels, like)


def grid_difference(grid: Geometry, other: Geometry) -> str:
    """How two geometries differ, as the end of a sentence ("its spacing is ..."), or an empty string."""
    ratio = np.abs(np.divide(grid.spacing, other.spacing) - 1).max()
    if ratio > _RELATIVE:
        ours, theirs = (" x ".join(f"{v:.6g}" for v in g.spacing_zyx) for g in (grid, other))
        return f"its spacing is {ours} mm instead of {theirs} mm (z, y, x)"
    turned = np.abs(grid.matrix - other.matrix).max()
    if turned > _RELATIVE:
        cosine = (np.trace(grid.matrix.T @ other.matrix) - 1) / 2
        if np.linalg.det(grid.matrix) * np.linalg.det(other.matrix) < 0:
            return "its axes are mirrored"
        return f"its axes are turned by {np.degrees(np.arccos(np.clip(cosine, -1, 1))):.3g} degrees"
    if np.abs(other.indices(grid.origin)).max() > _VOXELS:
        return f"its origin is {np.linalg.norm(np.subtract(grid.origin, other.origin)):.3g} mm away"
    return ""


def _whole(path: Path, array: NDArray[np.generic]) -> NDArray[np.integer]:
    """The array as labels: whole numbers, none below 0."""
    if array.dtype.kind == "f":
        stored = array.astype(np.float64)
        values = np.round(stored)
        # Labels that went through a scale factor come back as 0.99999.
        if not np.isfinite(stored).all() or (np.abs(values - stored) > 1e-3).any():
            raise BadInput(f"{path} holds numbers that are not whole, so it is not a label map; give a mask or seeds.")
        smallest, largest = float(values.min()), float(values.max())
        if largest > np.iinfo(np.uint32).max:
            raise BadInput(f"{path} holds the label {largest:g}, which is too large; renumber the labels.")
        labels = values.astype(np.min_scalar_type(int(largest)) if smallest >= 0 else np.int64)
    else:
        labels = np.asarray(array)
    lowest = int(np.min(labels))
    if lowest < 0:
        raise BadInput(f"{path} holds the negative number {lowest}; labels are 0 (background) or more.")
    return labels


def _place_on(path: Path, labels: Volume, like: Volume) -> Volume:
    """`labels` with the geometry of `like`, or the sentence that says how their grids differ."""
    if labels.shape != like.shape:
        placed = _uncut(path, labels, like)
        if placed is not None:
            return placed
        raise BadInput(
            f"{path} has the shape {labels.shape} and {like.name} has {like.shape} (z, y, x); "
            "labels must be drawn on the scan they are used with."
        )
    difference = grid_difference(labels.geometry, like.geometry)
    if difference:
        raise BadInput(
            f"{path} does not lie where {like.name} lies: {difference}; "
            "labels must be drawn on the scan they are used with."
        )
    return replace(labels, geometry=like.geometry)


def _uncut(path: Path, labels: Volume, like: Volume) -> Volume | None:
    """A Slicer segmentation saved cut to its segments, back in the scan's whole grid; None if it is not one."""
    if not extension(path).endswith("nrrd"):
        return None
    if not any(key.startswith("Segmentation_") for key in check_nrrd(path).pairs):
        return None
    offset = like.geometry.indices(labels.geometry.origin)
    start = np.round(offset).astype(int)
    moved = replace(labels.geometry, origin=like.geometry.origin)
    outside = (start < 0).any() or (start + labels.shape > like.shape).any()
    if outside or np.abs(offset - start).max() > _VOXELS or grid_difference(moved, like.geometry):
        return None
    whole = np.zeros(like.shape, labels.array.dtype)
    box = tuple(slice(first, first + size) for first, size in zip(start, labels.shape, strict=True))
    whole[box] = labels.array
    note = "The segmentation covers a part of the scan and was put into its place."
    return replace(labels, array=whole, geometry=like.geometry, notes=(*labels.notes, note))
