"""Reading scans: NIfTI, NRRD, MetaImage and DICOM, all through SimpleITK."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_medssl.errors import BadInput
from napari_medssl.volumes.formats import check_kind, cut_short, damaged, kind_by_name, plain_name
from napari_medssl.volumes.geometry import Geometry
from napari_medssl.volumes.metaimage import check_metaimage
from napari_medssl.volumes.nifti import check_nifti, not_numbers, placement_notes, skew_degrees
from napari_medssl.volumes.nrrd import check_nrrd
from napari_medssl.volumes.quiet import quiet_itk
from napari_medssl.volumes.segments import Segment, segments_in
from napari_medssl.volumes.volume import Volume

if TYPE_CHECKING:
    import SimpleITK


def read_volume(path: str | os.PathLike[str], *, series: str | int | None = None, frame: int | None = None) -> Volume:
    """Read a scan from a NIfTI, NRRD or MetaImage file, a DICOM folder, or one file of a DICOM series.

    Parameters
    ----------
    path : file or folder; a folder is searched with its subfolders for DICOM series, and one file of a series stands
        for the whole series
    series : which DICOM series, where there are several: its number in the list (from 1) or its UID
    frame : which frame of a four-dimensional image, from 0

    Returns
    -------
    Volume
        Array (z, y, x) in the file's own number type (native byte order; scaled to HU or the like where the file
        says how), with the file's geometry. Voxels that are not numbers are set to the smallest value; `notes` says
        so, and names what else the person should know, such as missing slices.

    Raises
    ------
    BadInput
        The file or folder is missing, empty, cut short, damaged, of an unknown kind, in colour, on a skewed grid or
        with a spacing that is not positive; or a choice of series or frame is needed or out of range.
    """
    source = Path(path)
    loaded = load(source, series, frame)
    array, cleaned = _finite(source, loaded.array)
    return replace(loaded, array=array, notes=loaded.notes + cleaned)


def load(path: Path, series: str | int | None, frame: int | None) -> Volume:
    """As `read_volume`, with the voxels as they are in the file."""
    import SimpleITK

    try:
        there = path.exists()
    except OSError:  # a name that is too long, or a disk that is gone
        there = False
    if not there:
        raise BadInput(f"There is no file or folder {path}.")
    if not os.access(path, os.R_OK):
        raise BadInput(f"{path} cannot be opened: permission denied.")
    if path.is_dir() or check_kind(path) == "DICOM":
        from napari_medssl.volumes.dicom import read_series

        return read_series(path, series=series, frame=frame)
    if series is not None:
        raise BadInput(f"{path} is a single file, so there is no series to choose; leave the choice of series out.")
    notes: list[str] = []
    segments: dict[int, Segment] = {}
    kind = kind_by_name(path)
    header = check_nifti(path) if kind == "NIfTI" else None
    if kind == "NRRD":
        nrrd = check_nrrd(path)
        segments = segments_in(nrrd.pairs)
        if nrrd.segment_layers > 1:
            raise BadInput(
                f"{path} holds segments that overlap, in {nrrd.segment_layers} layers; "
                "export it from 3D Slicer as a label map, where each voxel has one label."
            )
        if not nrrd.states_spacing:
            notes.append("The file does not state a voxel spacing; 1 mm was assumed.")
    elif kind == "MetaImage" and not {"ElementSpacing", "ElementSize"} & check_metaimage(path).keys():
        notes.append("The file does not state a voxel spacing; 1 mm was assumed.")
    try:
        with quiet_itk():
            image = _read_image(path, frame, notes)
    except RuntimeError as error:
        if header is not None and "orthonormal" in str(error):
            raise _skewed(path, skew_degrees(header)) from error
        raise _failed(path, str(error)) from error
    try:
        geometry = Geometry.from_image(image)
    except BadInput as error:
        raise _skewed(path, _skew(image)) from error
    array = SimpleITK.GetArrayFromImage(image)
    if header is not None:
        notes += placement_notes(header, geometry)
        wrong = not_numbers(path, header, frame or 0)
        if wrong is not None:
            array[wrong] = np.nan
    return Volume(array, geometry, plain_name(path), tuple(notes), segments=segments)


def _read_image(path: Path, frame: int | None, notes: list[str]) -> SimpleITK.Image:
    """The one three-dimensional image that is wanted of a file."""
    import SimpleITK

    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    size = list(reader.GetSize())
    components = reader.GetNumberOfComponents()
    extra = [n for n in size[3:] if n > 1]
    if len(extra) > 1 or (extra and components > 1):
        raise BadInput(f"{path} has {len(size) + (components > 1)} dimensions; a scan has three, or four with frames.")
    chosen = choose_frame(path, extra[0] if extra else components, frame)
    if len(size) > 3:
        reader.SetExtractSize(size[:3] + [0] * (len(size) - 3))
        reader.SetExtractIndex([0, 0, 0] + [chosen if n > 1 else 0 for n in size[3:]])
    image = reader.Execute()
    if components > 1:
        image = SimpleITK.VectorIndexSelectionCast(image, chosen)
    if image.GetDimension() == 2:
        notes.append("The file holds one slice and does not state its thickness; 1 mm was assumed.")
        image = SimpleITK.JoinSeries(image)
    if "complex" in image.GetPixelIDTypeAsString():
        raise BadInput(f"{path} holds complex numbers; save their magnitude first.")
    return image


def choose_frame(path: Path, count: int, frame: int | None) -> int:
    """The frame to read of `count`, from 0.

    Raises
    ------
    BadInput
        A choice is needed and was not made, or is out of range.
    """
    if frame is None:
        if count > 1:
            raise BadInput(
                f"{path} holds {count} frames; choose one of them, from 0 to {count - 1} "
                "(on the command line with --frame)."
            )
        return 0
    if not 0 <= frame < count:
        has = f"{count} frames, counted from 0 to {count - 1}" if count > 1 else "one frame, number 0"
        raise BadInput(f"{path} has no frame {frame}; it holds {has}.")
    return int(frame)


def _failed(path: Path, message: str) -> BadInput:
    """What went wrong inside ITK, in a sentence."""
    short = ("expected", "received", "fread got only", "not read completely", "premature", "unexpected end")
    if any(word in message for word in short):
        return cut_short(path)
    if "allocate memory" in message or "bad_alloc" in message:
        return BadInput(f"{path} does not fit into this computer's memory; reduce it first.")
    return damaged(path)


def _skew(image: SimpleITK.Image) -> float:
    axes = np.array(image.GetDirection()).reshape(3, 3)
    axes = axes / np.linalg.norm(axes, axis=0)
    return float(np.degrees(np.arcsin(np.clip(np.abs(axes.T @ axes - np.eye(3)).max(), 0, 1))))


def _skewed(path: Path, degrees: float) -> BadInput:
    return BadInput(
        f"{path} lies on a skewed grid (its axes are {degrees:.2g} degrees away from right angles); "
        "resample it to a straight grid first."
    )


def _finite(path: Path, array: NDArray[np.generic]) -> tuple[NDArray[np.generic], tuple[str, ...]]:
    """The array with voxels that are not numbers set to the smallest value, and a note about them."""
    if array.dtype.kind != "f":
        return array, ()
    finite = np.isfinite(array)
    bad = int(array.size - np.count_nonzero(finite))
    if not bad:
        return array, ()
    if bad == array.size:
        raise BadInput(f"{path} holds no numbers at all (every voxel is NaN or infinite).")
    smallest = array[finite].min()
    voxels = "1 voxel was not a number and was" if bad == 1 else f"{bad:,} voxels were not numbers and were"
    return np.where(finite, array, smallest), (f"{voxels} set to the smallest value, {smallest:g}.",)
