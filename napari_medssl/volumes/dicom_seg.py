"""Writing DICOM segmentations: a label map as a SEG object that belongs to the DICOM series it was drawn on.

DICOM PS3.3, section A.51, written by highdicom, which is an optional extra.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medssl.errors import BadInput
from napari_medssl.files import atomic_path
from napari_medssl.volumes.anatomy import codes
from napari_medssl.volumes.dicom import SeriesSlices, series_slices
from napari_medssl.volumes.formats import check_kind, kind_by_name
from napari_medssl.volumes.labels import grid_difference
from napari_medssl.volumes.segments import Segment, segment_colour
from napari_medssl.volumes.volume import Volume
from napari_medssl.volumes.writing import compact_labels

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

# What is known of a structure whose name says nothing: its category and its type.
_UNKNOWN = (("SCT", "123037004", "Anatomical Structure"), ("SCT", "85756007", "Tissue"), None)
# What the standard wants in a study and a patient, which anonymisation may have taken out altogether.
_EMPTY = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyID", "StudyDate", "StudyTime",
    "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip
_SERIES_NUMBER = 300  # of the new series: beyond what scanners count to


def is_dicom_name(path: str | os.PathLike[str]) -> bool:
    """Whether a mask of this name is to be written as a DICOM segmentation."""
    return kind_by_name(path) == "DICOM"


def check_dicom_output(path: str | os.PathLike[str], scan: str | os.PathLike[str] | None) -> Path:
    """Refuse, before any work, to write a segmentation `path` for a `scan` (file or folder) that cannot have one.

    Raises
    ------
    BadInput
        highdicom is not installed, or the scan was not read from DICOM.
    """
    need_highdicom(path, "highdicom")
    source = None if scan is None else Path(scan)
    dicom = source is not None and source.exists() and (source.is_dir() or check_kind(source) == "DICOM")
    if source is None or not dicom:
        raise BadInput(
            f"Cannot write {path}: a DICOM segmentation belongs to a scan that was read from DICOM files, and this one "
            "was not; save it as .nii.gz or .seg.nrrd."
        )
    return source


def need_highdicom(path: str | os.PathLike[str], package: str) -> None:
    """Say how to install what reading and writing DICOM segmentations needs, where it is missing."""
    if importlib.util.find_spec(package) is None:
        raise BadInput(f"{path} is a DICOM segmentation, which needs: pip install 'napari-medssl[dicom-seg]'.")


def write_dicom_seg(
    path: str | os.PathLike[str],
    labels: Volume,
    scan: str | os.PathLike[str] | None,
    *,
    series: str | int | None = None,
    frame: int | None = None,
) -> None:
    """Write a label map as a DICOM segmentation (binary), atomically.

    Each label becomes a segment, with the name, colour and code that `labels.segments` and its name say; its number is
    kept in the segment's description. Frames lie exactly where the scan's own images lie, evenly spaced or not, and
    refer to them; slices without any label are left out.

    Parameters
    ----------
    path : file name, usually ending in .dcm
    labels : on the scan's grid
    scan : the DICOM folder, or a file of the series, that the labels were drawn on
    series, frame : which of several, as for `read_volume`

    Raises
    ------
    BadInput
        highdicom is not installed, the scan is not DICOM, the labels do not lie on it or are empty, or the file cannot
        be written.
    """
    source = check_dicom_output(path, scan)
    found = series_slices(source, series=series, frame=frame)
    _check_grid(path, labels, found)
    array = compact_labels(Path(path), labels.array)
    values = [int(value) for value in np.unique(array) if value]
    if not values:
        raise BadInput(f"Cannot write {path}: the mask is empty, and a DICOM segmentation has at least one segment.")
    made = _segmentation(found, array, values, labels.segments)
    try:
        with atomic_path(path) as temporary:
            made.save_as(temporary)
    except OSError as error:
        raise BadInput(f"Cannot write {path}: {(error.strerror or str(error)).lower()}.") from error


def _check_grid(path: str | os.PathLike[str], labels: Volume, found: SeriesSlices) -> None:
    shape = (len(found.images), *found.images[0].shape)
    if labels.shape != shape:
        raise BadInput(
            f"Cannot write {path}: the mask has the shape {labels.shape} and {found.name} has {shape} (z, y, x)."
        )
    difference = grid_difference(labels.geometry, found.stack.geometry)
    if difference:
        raise BadInput(f"Cannot write {path}: the mask does not lie where {found.name} lies: {difference}.")


def _segmentation(
    found: SeriesSlices, array: NDArray[np.integer], values: Sequence[int], segments: Mapping[int, Segment]
) -> Any:
    """The SEG object; segments are numbered 1, 2, ... in the order of `values`, as the standard wants."""
    import highdicom as hd

    from napari_medssl import __version__

    images = found.images
    numbers = np.zeros(int(array.max()) + 1, dtype=np.uint8 if len(values) < 256 else np.uint16)
    numbers[values] = np.arange(1, len(values) + 1)
    frames = numbers[array]
    if images[0].frame is None:
        sources = [_header(image.path) for image in images]
    else:  # one file of many frames, which come in its order
        sources = [_header(images[0].path)]
        order = np.argsort([image.frame or 0 for image in images])
        frames = frames[order]
    described = [_described(number, value, segments.get(value, Segment())) for number, value in enumerate(values, 1)]
    return hd.seg.Segmentation(
        source_images=sources,
        pixel_array=np.ascontiguousarray(frames),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=described,
        series_instance_uid=hd.UID(),
        series_number=_SERIES_NUMBER,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="napari-medssl",
        manufacturer_model_name="napari-medssl",
        software_versions=__version__,
        device_serial_number="0",
        series_description="Segmentation",
        content_label="SEGMENTATION",
    )


def _header(path: Path) -> Dataset:
    """An image's header, with what the standard wants and anonymisation may have taken out left empty."""
    from pydicom import dcmread
    from pydicom.uid import generate_uid

    header = dcmread(path, stop_before_pixels=True, force=True)
    for keyword in _EMPTY:
        if keyword not in header:
            setattr(header, keyword, "")
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "SOPInstanceUID"):
        if not header.get(keyword):
            # The same for all slices of a folder; an image without a name of its own cannot be referred to by it.
            seed = path if keyword == "SOPInstanceUID" else path.parent
            setattr(header, keyword, generate_uid(entropy_srcs=[keyword, str(seed.resolve())]))
    return header


def _described(number: int, value: int, segment: Segment) -> Any:
    import highdicom as hd

    from napari_medssl import __version__

    name = " ".join(segment.name.split())
    category, kind, side = _codes_of(segment) or _UNKNOWN
    description = hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=(name or f"Label {value}")[:64],
        segmented_property_category=_code(category),
        segmented_property_type=_code(kind),
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name="napari-medssl", version=__version__, family=_code(("DCM", "123110", "Artificial Intelligence"))
        ),
        tracking_uid=hd.UID(),
        tracking_id=f"Label {value}",
        display_color=_cielab(segment.colour or segment_colour(value)),
    )
    if side is not None:
        description.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [_code(side)]
    description.SegmentDescription = f"Label {value}"
    return description


def _codes_of(segment: Segment) -> Any:
    """(category, type, side) as the segment's own tags say, else by its name; None where neither does."""
    parts = segment.tags.get("TerminologyEntry", "").split("~")
    if len(parts) >= 4:
        category, kind, side = (tuple(part.split("^")) for part in parts[1:4])
        if all(len(code) == 3 and all(code) for code in (category, kind)) and kind != _UNKNOWN[1]:
            return category, kind, side if len(side) == 3 and all(side) else None
    return codes(segment.name)


def _code(parts: Sequence[str]) -> Any:
    import highdicom as hd

    scheme, value, meaning = parts
    return hd.sr.CodedConcept(value=value, scheme_designator=scheme, meaning=meaning)


def _cielab(colour: Sequence[float]) -> Any:
    import highdicom as hd
    from skimage.color import rgb2lab

    # DICOM's CIELab is against the white of D50
    lightness, a, b = rgb2lab(np.array(colour, dtype=float).reshape(1, 1, 3), illuminant="D50")[0, 0]
    return hd.color.CIELabColor(float(np.clip(lightness, 0, 100)), float(a), float(b))
