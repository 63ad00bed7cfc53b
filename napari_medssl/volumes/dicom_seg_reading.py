"""Reading DICOM segmentations, ours and others', as label maps on their scan's grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medssl.errors import BadInput
from napari_medssl.volumes.dicom_headers import is_segmentation
from napari_medssl.volumes.dicom_seg import need_highdicom
from napari_medssl.volumes.dicom_stack import slice_axes
from napari_medssl.volumes.formats import damaged, plain_name
from napari_medssl.volumes.geometry import Geometry
from napari_medssl.volumes.segments import Colour, Segment
from napari_medssl.volumes.volume import Volume

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_VOXELS = 0.05  # in the plane, as for other masks
_SLICES = 0.3  # across it: a scan whose slices are not quite even is taken as if they were
_DIRECTION = 1e-3


@dataclass(frozen=True)
class Frames:
    """What a segmentation holds.

    Attributes
    ----------
    masks : (frames, rows, columns) label of each voxel
    positions : (frames, 3) LPS mm of each frame's first voxel
    orientation : direction of a row (3) and of a column (3)
    spacing : mm between rows, between columns
    step : mm between slices where the file says it, else 0
    """

    masks: NDArray[np.unsignedinteger]
    positions: NDArray[np.float64]
    orientation: tuple[float, ...]
    spacing: tuple[float, float]
    step: float
    segments: dict[int, Segment]


def is_dicom_seg(path: Path) -> bool:
    """Whether a file is a DICOM segmentation; looks at its first bytes alone."""
    return path.is_file() and is_segmentation(path)


def read_dicom_seg(path: Path, grid: Geometry | None = None, shape: Sequence[int] = ()) -> Volume:
    """A segmentation as a label map.

    Parameters
    ----------
    path : the SEG file: binary, fractional (half and more counts) or of labels
    grid, shape : the scan's geometry and shape (z, y, x); None for a volume that just holds the frames

    Raises
    ------
    BadInput
        It cannot be read, lies on another grid, or holds segments that overlap.
    """
    frames = _frames(path, _dataset(path))
    if grid is None:
        grid, shape = _own_grid(path, frames)
    placed = np.zeros(tuple(shape), dtype=frames.masks.dtype)
    for index, mask in zip(_slices(path, frames, grid, shape), frames.masks, strict=True):
        here = placed[index]
        if (here[mask > 0] > 0).any():
            raise BadInput(f"{path} holds segments that overlap, and here each voxel has one label; export them apart.")
        np.copyto(here, mask, where=mask > 0)
    return Volume(placed, grid, plain_name(path), segments=frames.segments)


def _dataset(path: Path) -> Dataset:
    need_highdicom(path, "pydicom")
    from pydicom import dcmread

    try:
        return dcmread(path)
    except Exception as error:  # whatever is wrong inside, the file cannot be used
        raise damaged(path) from error


def _frames(path: Path, data: Dataset) -> Frames:
    try:
        pixels = np.asarray(data.pixel_array)
        pixels = pixels[np.newaxis] if pixels.ndim == 2 else pixels
        shared = data.SharedFunctionalGroupsSequence[0]
        each = data.PerFrameFunctionalGroupsSequence
        positions = np.array([_group(f, shared, "PlanePositionSequence").ImagePositionPatient for f in each], float)
        turns = {tuple(map(float, _group(f, shared, "PlaneOrientationSequence").ImageOrientationPatient)) for f in each}
        measures = _group(each[0], shared, "PixelMeasuresSequence")
        numbers, segments = _segments(data)
        masks = _masks(path, data, pixels, each, shared, numbers)
        spacing = tuple(float(v) for v in measures.PixelSpacing)
        step = float(measures.get("SpacingBetweenSlices") or 0)
    except BadInput:
        raise
    except Exception as error:
        raise damaged(path) from error
    if len(turns) > 1:
        raise BadInput(f"{path} holds frames that are turned against each other, so it is not a mask of one scan.")
    return Frames(masks, positions, turns.pop(), (spacing[0], spacing[1]), step, segments)


def _segments(data: Dataset) -> tuple[dict[int, int], dict[int, Segment]]:
    """{segment number: label} and {label: segment}; labels that we wrote come back, others keep their number."""
    labels: dict[int, int] = {}
    segments = {}
    items = [item for item in data.SegmentSequence if int(item.SegmentNumber)]
    for item in items:
        words = str(item.get("SegmentDescription", "")).split()
        ours = len(words) == 2 and words[0] == "Label" and words[1].isdecimal() and int(words[1]) > 0
        labels[int(item.SegmentNumber)] = int(words[1]) if ours else int(item.SegmentNumber)
    if len(set(labels.values())) < len(labels):
        labels = {number: number for number in labels}
    for item in items:
        name = str(item.get("SegmentLabel", "")).strip()
        label = labels[int(item.SegmentNumber)]
        segment = Segment("" if name == f"Label {label}" else name, _rgb(item.get("RecommendedDisplayCIELabValue")))
        terms = _terms(item)
        segments[label] = segment.with_tags(terms=terms) if terms else segment
    return labels, segments


def _masks(
    path: Path, data: Dataset, pixels: NDArray[Any], each: Any, shared: Dataset, numbers: dict[int, int]
) -> NDArray[np.unsignedinteger]:
    kind = np.min_scalar_type(max([*numbers.values(), 1]))
    if str(data.SegmentationType) == "LABELMAP":
        table = np.zeros(int(pixels.max()) + 1, dtype=kind)
        for number, label in numbers.items():
            if number < len(table):
                table[number] = label
        labelled: NDArray[np.unsignedinteger] = table[pixels]
        return labelled
    half = float(data.get("MaximumFractionalValue", 1)) / 2
    masks = np.zeros(pixels.shape, dtype=kind)
    for index, frame in enumerate(each):
        number = int(_group(frame, shared, "SegmentIdentificationSequence").ReferencedSegmentNumber)
        if number not in numbers:
            raise damaged(path)
        masks[index][pixels[index] >= half] = numbers[number]
    return masks


def _group(frame: Dataset, shared: Dataset, name: str) -> Dataset:
    found: Dataset = (frame if name in frame else shared)[name][0]
    return found


def _own_grid(path: Path, frames: Frames) -> tuple[Geometry, tuple[int, int, int]]:
    """The even grid that just holds the frames; slices without a segment are not among them."""
    axes = slice_axes(frames.orientation)
    heights = frames.positions @ axes[:, 2]
    places = np.unique(np.round(heights, 2))
    step = frames.step or (float(np.diff(places).min()) if len(places) > 1 else 1.0)
    x, y, z = (float(v) for v in frames.positions[int(heights.argmin())])
    count = round(float(heights.max() - heights.min()) / step) + 1
    rows, columns = frames.spacing
    grid = Geometry((columns, rows, step), (x, y, z), tuple(axes.ravel()))
    if count > 10_000:
        raise BadInput(f"{path} holds slices that do not lie evenly; open the scan first, then the segmentation.")
    return grid, (count, *frames.masks.shape[1:])


def _slices(path: Path, frames: Frames, grid: Geometry, shape: Sequence[int]) -> list[int]:
    """For each frame the slice of the grid that it lies on."""
    axes, (rows, columns) = slice_axes(frames.orientation), frames.spacing
    same = (
        frames.masks.shape[1:] == tuple(shape)[1:]
        and np.allclose(axes[:, :2], grid.matrix[:, :2], atol=_DIRECTION)
        and np.allclose((columns, rows), grid.spacing[:2], rtol=_DIRECTION)
    )
    places = grid.indices(frames.positions)
    whole = np.round(places[:, 0]).astype(int)
    inside = bool((whole >= 0).all() and (whole < shape[0]).all())
    if not (
        same and inside and np.abs(places[:, 1:]).max() <= _VOXELS and np.abs(places[:, 0] - whole).max() <= _SLICES
    ):
        raise BadInput(
            f"{path} does not lie on the slices of this scan; open the scan that the segmentation was made from."
        )
    return [int(index) for index in whole]


def _terms(item: Dataset) -> str:
    """The segment's codes as 3D Slicer notes them."""
    try:
        parts = [item.SegmentedPropertyCategoryCodeSequence[0], item.SegmentedPropertyTypeCodeSequence[0]]
        words = ["^".join((p.CodingSchemeDesignator, p.CodeValue, p.CodeMeaning)) for p in parts]
        side = parts[1].get("SegmentedPropertyTypeModifierCodeSequence")
        words.append(
            "^".join((side[0].CodingSchemeDesignator, side[0].CodeValue, side[0].CodeMeaning)) if side else "^^"
        )
    except (AttributeError, IndexError):
        return ""
    return "~".join(["Segmentation category and type - DICOM master list", *words])


def _rgb(value: Any) -> Colour | None:
    """A colour from DICOM's 16 bits a channel of CIELab."""
    if value is None or len(value) != 3:
        return None
    from skimage.color import lab2rgb

    lightness, a, b = (int(v) for v in value)
    lab = np.array([lightness / 65535 * 100, a / 65535 * 255 - 128, b / 65535 * 255 - 128])
    red, green, blue = (float(v) for v in np.clip(lab2rgb(lab.reshape(1, 1, 3), illuminant="D50")[0, 0], 0, 1))
    return red, green, blue
