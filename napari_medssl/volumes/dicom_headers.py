"""What the headers of DICOM images say that is needed to find the series in a folder and to stack its slices.

Tags are those of DICOM PS3.6. Names, identifiers and dates of patients are never looked at.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from napari_medssl.volumes.dicom_elements import PIXEL_DATA, ROWS, decimals, elements_fit, find_values, tag_bytes
from napari_medssl.volumes.formats import kind_by_content
from napari_medssl.volumes.quiet import quiet_itk

_POSITION, _ORIENTATION, _PIXEL_SPACING = (0x0020, 0x0032), (0x0020, 0x0037), (0x0028, 0x0030)
_META_BYTES = 1024  # the media storage class stands among the first elements
_SEGMENTATION = re.compile(rb"1\.2\.840\.10008\.5\.1\.4\.1\.1\.66\.[47](?![0-9.])")  # of segments, of labels
_SLOPE, _INTERCEPT, _FRAME_THICKNESS = (0x0028, 0x1053), (0x0028, 0x1052), (0x0018, 0x0050)


@dataclass(frozen=True)
class DicomImage:
    """One slice: a DICOM file, or one frame of a multi-frame file.

    Attributes
    ----------
    path, frame : the file, and which of its frames (None for a file of one slice)
    uid, number, description, modality : of its series; UID and description may be empty
    instance : the image's number in its series
    shape : rows, columns
    spacing : mm between rows, and between columns
    position : LPS mm of the first voxel's centre, None where the file does not say
    orientation : direction of a row, and of a column, in LPS
    thickness : mm, 0 where the file does not say
    """

    path: Path
    frame: int | None
    uid: str
    number: int
    description: str
    modality: str
    instance: int
    shape: tuple[int, int]
    spacing: tuple[float, ...]
    position: tuple[float, ...] | None
    orientation: tuple[float, ...]
    thickness: float


@dataclass
class DicomScan:
    """What a search found: slices that can be stacked, and for each file that could not be used, why."""

    images: list[DicomImage] = field(default_factory=list)
    unusable: dict[Path, str] = field(default_factory=dict)

    @property
    def damaged(self) -> list[Path]:
        return [path for path, reason in self.unusable.items() if reason == "damaged"]


def dicom_files(folder: Path, *, subfolders: bool = True) -> Iterator[Path]:
    """The files in a folder (and its subfolders) whose content is DICOM, in a fixed order."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        if not subfolders:
            folders.clear()
        for name in sorted(names):
            path = Path(parent, name)
            with contextlib.suppress(OSError):
                if path.is_file() and _looks_like_dicom(path):
                    yield path


def scan_headers(paths: Iterable[Path]) -> DicomScan:
    """Read the headers of DICOM files."""
    scan = DicomScan()
    with quiet_itk():
        for path in paths:
            images, reason = _read_header(path)
            scan.images.extend(images)
            if reason:
                scan.unusable[path] = reason
    return scan


def is_segmentation(path: Path) -> bool:
    """Whether a DICOM file says at its beginning that it is a segmentation, of whichever kind."""
    with open(path, "rb") as handle:
        start = handle.read(_META_BYTES)
    return _SEGMENTATION.search(start) is not None


def _looks_like_dicom(path: Path) -> bool:
    with open(path, "rb") as handle:
        return kind_by_content(handle.read(256)) == "DICOM"


def _read_header(path: Path) -> tuple[list[DicomImage], str]:
    """The slices that a file holds, or why it holds none: "colour", "no image", "damaged" and so on."""
    import SimpleITK

    reader = SimpleITK.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    try:
        if not elements_fit(path):
            return [], "damaged"
        if is_segmentation(path):  # of which GDCM may not know the newer kind
            return [], "segmentation"
        reader.ReadImageInformation()
    except RuntimeError:
        # Reports, plans and directories have no pixel data; what has some and cannot be read is broken.
        content = path.read_bytes()
        return [], "damaged" if tag_bytes(ROWS) in content or tag_bytes(PIXEL_DATA) in content else "no image"
    keys = set(reader.GetMetaDataKeys())

    def text(tag: str) -> str:
        value = reader.GetMetaData(tag) if tag in keys else ""
        readable = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        return "".join(c for c in readable if c.isprintable()).strip()

    modality = text("0008|0060")
    if modality == "SEG":
        return [], "segmentation"
    if (decimals(text("0028|0002")) or (1.0,))[0] != 1:
        return [], "colour"
    rows, columns = decimals(text("0028|0010")), decimals(text("0028|0011"))
    if not rows or not columns:
        return [], "no image"
    frames = int((decimals(text("0028|0008")) or (1.0,))[0])
    common = {
        "path": path,
        "uid": text("0020|000e"),
        "number": _whole(text("0020|0011")),
        "description": text("0008|103e"),
        "modality": modality,
        "shape": (int(rows[0]), int(columns[0])),
    }
    if frames > 1 or "5200|9230" in keys or _is_enhanced(text("0008|0016")):
        return _frames(path, frames, common)
    position = decimals(text("0020|0032"))
    orientation = decimals(text("0020|0037"))
    thickness = decimals(text("0018|0088")) or decimals(text("0018|0050")) or (0.0,)
    image = DicomImage(
        **common,  # type: ignore[arg-type]
        frame=None,
        instance=_whole(text("0020|0013")),
        spacing=decimals(text("0028|0030")),
        position=position if len(position) == 3 else None,
        orientation=orientation if len(orientation) == 6 else (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        thickness=thickness[0],
    )
    return [image], ""


def _is_enhanced(sop_class: str) -> bool:
    # Enhanced CT, MR, MR colour, PET and X-ray angiographic images keep their geometry in functional groups.
    return sop_class.startswith(("1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.4.1")) or sop_class in (
        "1.2.840.10008.5.1.4.1.1.130",
        "1.2.840.10008.5.1.4.1.1.128.1",
    )


def _frames(path: Path, count: int, common: dict[str, object]) -> tuple[list[DicomImage], str]:
    """The frames of a multi-frame file, from its functional groups.

    ITK offers no elements inside sequences and falls back to a spacing of 1 mm where the frames are out of order, so
    positions are looked up in the header's bytes. Only the plane position groups hold Image Position (Patient).
    """
    header = path.read_bytes().split(tag_bytes(PIXEL_DATA), 1)[0]
    positions = find_values(header, _POSITION, 3)
    orientations = find_values(header, _ORIENTATION, 6)
    spacings = find_values(header, _PIXEL_SPACING, 2)
    if len(positions) != count or len(set(orientations)) != 1 or len(set(spacings)) != 1:
        return [], "no positions"
    if len(set(find_values(header, _SLOPE, 1))) > 1 or len(set(find_values(header, _INTERCEPT, 1))) > 1:
        return [], "frames scaled differently"
    thickness = find_values(header, _FRAME_THICKNESS, 1) or [(0.0,)]
    return [
        DicomImage(
            **common,  # type: ignore[arg-type]
            frame=index,
            instance=index,
            spacing=spacings[0],
            position=position,
            orientation=orientations[0],
            thickness=thickness[0][0],
        )
        for index, position in enumerate(positions)
    ], ""


def _whole(text: str) -> int:
    numbers = decimals(text)
    return int(numbers[0]) if numbers else 0
