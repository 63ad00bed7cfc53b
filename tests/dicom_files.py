"""DICOM files for the tests, written with pydicom."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

CT, MR, ENHANCED_CT, SECONDARY = (
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.4",
    "1.2.840.10008.5.1.4.1.1.2.1",
    "1.2.840.10008.5.1.4.1.1.7",
)
SYNTAX = {"explicit": ExplicitVRLittleEndian, "implicit": ImplicitVRLittleEndian, "big": ExplicitVRBigEndian}


def pixels_of(depth: int, height: int = 8, width: int = 6, seed: int = 0) -> NDArray[np.int16]:
    """Random grey values that tell every slice apart: (z, y, x)."""
    return np.random.default_rng(seed).integers(-1000, 1000, (depth, height, width)).astype(np.int16)


def slice_file(
    path: Path,
    pixels: NDArray[np.generic],
    position: Sequence[float] | None = (0, 0, 0),
    *,
    orientation: Sequence[float] = (1, 0, 0, 0, 1, 0),
    spacing: Sequence[float] | None = (0.7, 0.5),
    uid: str = "1.2.3.4",
    number: int = 1,
    instance: int = 1,
    description: str = "Body",
    modality: str = "CT",
    thickness: float | None = 2.0,
    slope: float = 1,
    intercept: float = 0,
    syntax: str = "explicit",
    sop: str = CT,
    **more: object,
) -> Path:
    """Write one slice; `spacing` is (between rows, between columns)."""
    data = _start(sop, syntax)
    data.SeriesInstanceUID, data.StudyInstanceUID, data.FrameOfReferenceUID = uid, "1.2.3", "1.2.9"
    data.SeriesNumber, data.InstanceNumber = number, instance
    data.SeriesDescription, data.Modality = description, modality
    data.PatientName, data.PatientID, data.PatientBirthDate = "SECRET^NAME", "SECRETID", "19700101"
    if position is not None:
        data.ImagePositionPatient = [f"{value:.10g}" for value in position]
        data.ImageOrientationPatient = [f"{value:.10g}" for value in orientation]
    if spacing is not None:
        data.PixelSpacing = [f"{value:.10g}" for value in spacing]
    if thickness is not None:
        data.SliceThickness = thickness
    data.RescaleSlope, data.RescaleIntercept = slope, intercept
    _put_pixels(data, pixels, syntax)
    for key, value in more.items():
        setattr(data, key, value)
    return _save(data, path)


def series(
    folder: Path,
    heights: Sequence[float],
    pixels: NDArray[np.generic] | None = None,
    *,
    names: Sequence[str] = (),
    **how: object,
) -> NDArray[np.generic]:
    """Write an axial series with slices at `heights` (mm along z), one after the other; give its pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = pixels_of(len(heights)) if pixels is None else pixels
    for index, height in enumerate(heights):
        name = names[index] if names else f"{index:03d}.dcm"
        slice_file(folder / name, pixels[index], (-10, -20, height), instance=index + 1, **how)  # type: ignore[arg-type]
    return pixels


def enhanced_file(
    path: Path,
    pixels: NDArray[np.generic],
    positions: Sequence[Sequence[float]],
    *,
    orientation: Sequence[float] = (1, 0, 0, 0, 1, 0),
    spacing: Sequence[float] = (0.7, 0.5),
    slopes: Sequence[float] = (),
    syntax: str = "explicit",
) -> Path:
    """Write an Enhanced CT image, all frames in one file, with their positions in functional groups."""
    data = _start(ENHANCED_CT, syntax)
    data.SeriesInstanceUID, data.StudyInstanceUID, data.Modality = "1.2.3.5", "1.2.3", "CT"
    data.NumberOfFrames = len(positions)
    shared, measures, plane = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = list(spacing), 2.5
    plane.ImageOrientationPatient = list(orientation)
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = Items([measures]), Items([plane])
    if not slopes:
        shared.PixelValueTransformationSequence = Items([_scaling(2)])
    data.SharedFunctionalGroupsSequence = Items([shared])
    frames = []
    for index, position in enumerate(positions):
        frame, place = Dataset(), Dataset()
        place.ImagePositionPatient = list(position)
        frame.PlanePositionSequence = Items([place])
        if slopes:
            frame.PixelValueTransformationSequence = Items([_scaling(slopes[index])])
        frames.append(frame)
    data.PerFrameFunctionalGroupsSequence = Items(frames)
    _put_pixels(data, pixels, syntax)
    return _save(data, path)


def _scaling(slope: float) -> Dataset:
    scaling = Dataset()
    scaling.RescaleSlope, scaling.RescaleIntercept, scaling.RescaleType = slope, -1024, "HU"
    return scaling


def _start(sop: str, syntax: str) -> Dataset:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = SYNTAX[syntax]
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = sop
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    return data


def _put_pixels(data: Dataset, pixels: NDArray[np.generic], syntax: str) -> None:
    colour = pixels.ndim == 3 and pixels.shape[-1] == 3 and pixels.dtype == np.uint8
    data.Rows, data.Columns = pixels.shape[-3:-1] if colour else pixels.shape[-2:]
    data.SamplesPerPixel, data.PhotometricInterpretation = (3, "RGB") if colour else (1, "MONOCHROME2")
    if colour:
        data.PlanarConfiguration = 0
    data.BitsAllocated = data.BitsStored = pixels.dtype.itemsize * 8
    data.HighBit = data.BitsAllocated - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    order = ">" if syntax == "big" else "<"
    data.PixelData = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder(order)).tobytes()
    data["PixelData"].VR = "OW"


def _save(data: Dataset, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


def strip_image(path: Path) -> Path:
    """Take the pixels out of a file, which leaves what a report has."""
    data = dcmread(path)
    for keyword in ("PixelData", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "SamplesPerPixel"):
        delattr(data, keyword)
    return _save(data, path)
