"""DICOM series: which ones a folder holds, and reading one of them as a volume."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from napari_medssl.errors import BadInput
from napari_medssl.volumes.dicom_headers import DicomImage, DicomScan, dicom_files, scan_headers
from napari_medssl.volumes.dicom_pixels import one_a_place, read_slices
from napari_medssl.volumes.dicom_stack import Stack, stack_slices
from napari_medssl.volumes.formats import damaged, kind_by_name, plain_name
from napari_medssl.volumes.volume import Volume

_LISTED = 20
_REASONS = {
    "colour": "is in colour",
    "segmentation": "is a DICOM segmentation, which has to be saved as NIfTI or NRRD first",
    "no positions": "holds many frames and does not say where each one lies",
    "frames scaled differently": "holds frames whose grey values are scaled differently",
    "no image": "holds no image",
    "damaged": "is damaged",
}


@dataclass(frozen=True)
class SeriesInfo:
    """A series in a folder.

    Attributes
    ----------
    uid : Series Instance UID; empty where anonymisation removed it
    description : what the scanner called it, such as "CT Body 3.0"
    modality : "CT", "MR", ...
    slices : number of slices
    shape : (z, y, x) of the volume it makes
    spacing : mm, (z, y, x)
    frames : images at each slice's place (echoes, time points); 1 for a plain volume
    """

    uid: str
    description: str
    modality: str
    slices: int
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    frames: int = 1
    images: tuple[DicomImage, ...] = field(default=(), repr=False, compare=False)
    left_out: int = field(default=0, repr=False, compare=False)


def list_series(folder: str | os.PathLike[str]) -> list[SeriesInfo]:
    """The DICOM series in a folder and its subfolders, in the order of their series numbers.

    Images of another size or direction in the same series count as a series of their own, except for one or two
    beside a larger stack (a localizer), which are left out.

    Raises
    ------
    BadInput
        The folder is missing, or holds no DICOM images that can be used.
    """
    path = Path(folder)
    if not path.is_dir():
        raise BadInput(f"There is no folder {path}.")
    return _series_of(path, scan_headers(dicom_files(path)))


@dataclass(frozen=True)
class SeriesSlices:
    """One frame of a series: the images of its slices from first to last, and where these lie.

    `name` is what the volume is called, `notes` are sentences that the person should see.
    """

    images: tuple[DicomImage, ...]
    stack: Stack
    name: str
    notes: tuple[str, ...]
    modality: str


def read_series(path: Path, *, series: str | int | None = None, frame: int | None = None) -> Volume:
    """Read one series of a DICOM folder, or the series that one DICOM file belongs to; see `read_volume`."""
    found = series_slices(path, series=series, frame=frame)
    array = read_slices(path, list(found.images))
    return Volume(array, found.stack.geometry, found.name, found.notes, found.modality)


def series_slices(path: Path, *, series: str | int | None = None, frame: int | None = None) -> SeriesSlices:
    """The slices of what `read_series` reads, in its order; raises as it does."""
    from napari_medssl.volumes.reading import choose_frame

    folder = path if path.is_dir() else path.parent
    scan = scan_headers(dicom_files(folder, subfolders=path.is_dir()))
    if path in scan.damaged:
        raise damaged(path)
    found = _series_of(path, scan)
    own = [info for info in found if any(image.path == path for image in info.images)]
    chosen = own[0] if own and series is None else _choose(path, found, series)
    _refuse_damaged(scan.damaged, chosen)
    stack = _stack(path, list(chosen.images))
    images, notes = one_a_place(path, chosen.images, stack)
    picked = choose_frame(path, len(images[0]), frame)
    if chosen.left_out:
        which = "1 image" if chosen.left_out == 1 else f"{chosen.left_out} images"
        was = "was" if chosen.left_out == 1 else "were"
        notes += (f"{which} of another size or direction in the same series (a localizer) {was} left out.",)
    name = folder.resolve().name if len(chosen.images) > 1 else plain_name(path)
    if len(found) > 1 and chosen.description:
        name = f"{name} {chosen.description}"
    return SeriesSlices(tuple(place[picked] for place in images), stack, name, stack.notes + notes, chosen.modality)


def _refuse_damaged(broken: list[Path], chosen: SeriesInfo) -> None:
    """Refuse a series beside which lies an image that cannot be read: it is probably one of its slices."""
    folders = {image.path.parent for image in chosen.images}
    beside = [path for path in broken if path.parent in folders]
    if beside:
        raise BadInput(
            f"{beside[0]} is damaged, so a slice may be missing; copy it again, or take it out of the folder."
        )


def _choose(path: Path, found: list[SeriesInfo], series: str | int | None) -> SeriesInfo:
    if series is None:
        if len(found) == 1:
            return found[0]
        raise BadInput(
            f"{path} holds {len(found)} DICOM series; choose one by its number or UID "
            f"(on the command line with --series): {_listing(found)}."
        )
    text = str(series).strip()
    by_uid = [info for info in found if info.uid == text]
    if len(by_uid) == 1:
        return by_uid[0]
    if text.isdecimal() and 1 <= int(text) <= len(found):
        return found[int(text) - 1]
    problem = "is in several parts" if by_uid else "is not there"
    raise BadInput(f"{path}: series {text} {problem}; choose one by its number: {_listing(found)}.")


def _listing(found: list[SeriesInfo]) -> str:
    lines = []
    for number, info in enumerate(found[:_LISTED], start=1):
        title = " ".join(part for part in (info.modality, info.description) if part) or "without a description"
        slices = "1 slice" if info.slices == 1 else f"{info.slices} slices"
        lines.append(f"{number}: {title}, {slices}")
    rest = len(found) - _LISTED
    return "; ".join(lines) + (f"; and {rest} more" if rest > 0 else "")


def _series_of(path: Path, scan: DicomScan) -> list[SeriesInfo]:
    """The series among the images found; `path` is a folder, or the one file whose series is wanted."""
    groups: dict[tuple[str, str], list[DicomImage]] = {}
    for image in scan.images:
        # Where anonymisation has removed the UID, number and description still tell series apart.
        key = (image.uid, "" if image.uid else f"{image.number} {image.description}")
        groups.setdefault(key, []).append(image)
    found = []
    for images in groups.values():
        parts = sorted(_alike(images), key=len, reverse=True)
        stray = [part for part in parts[1:] if len(part) <= 2 < len(parts[0])]
        stray = [part for part in stray if all(image.path != path for image in part)]
        for index, part in enumerate(part for part in parts if part not in stray):
            found.append(_info(path, part, left_out=sum(map(len, stray)) if index == 0 else 0))
    found.sort(key=lambda info: (info.images[0].number, str(info.images[0].path), -info.slices))
    if not found or (path.is_file() and all(image.path != path for image in scan.images)):
        raise _nothing(path, scan)
    return found


def _alike(images: list[DicomImage]) -> list[list[DicomImage]]:
    """Images of the same size, spacing and direction together."""
    parts: list[list[DicomImage]] = []
    for image in images:
        for part in parts:
            first = part[0]
            if (
                first.shape == image.shape
                and len(first.spacing) == len(image.spacing)
                and np.allclose(first.spacing, image.spacing, rtol=1e-3)
                and np.allclose(first.orientation, image.orientation, atol=1e-3)
                and (first.position is None) == (image.position is None)
            ):
                part.append(image)
                break
        else:
            parts.append([image])
    return parts


def _info(path: Path, images: list[DicomImage], left_out: int) -> SeriesInfo:
    first = images[0]
    try:
        stack = _stack(path, images)
        slices, spacing = len(stack.places), stack.geometry.spacing_zyx
    except BadInput:  # said when the series is read
        slices, spacing = len(images), (0.0, 0.0, 0.0)
    return SeriesInfo(
        uid=first.uid,
        description=first.description,
        modality=first.modality,
        slices=slices,
        shape=(slices, *first.shape),
        spacing=spacing,
        frames=max(1, len(images) // slices),
        images=tuple(sorted(images, key=lambda image: (image.instance, str(image.path), image.frame or 0))),
        left_out=left_out,
    )


def _stack(path: Path, images: list[DicomImage]) -> Stack:
    first = images[0]
    note: tuple[str, ...] = ()
    if len(first.spacing) != 2:
        spacing = (1.0, 1.0)
        note = ("The images do not state a pixel spacing; 1 mm was assumed.",)
    elif min(first.spacing) <= 0 or not np.isfinite(first.spacing).all():
        raise BadInput(f"{path} states a pixel spacing of {first.spacing} mm; correct its header first.")
    else:
        spacing = (first.spacing[0], first.spacing[1])
    positions = [image.position or (0.0, 0.0, 0.0) for image in images]
    if first.position is None and len(images) > 1:
        raise BadInput(f"{path} holds images that do not say where they lie, so they cannot be stacked into a volume.")
    try:
        stack = stack_slices(positions, first.orientation, spacing, first.thickness)
    except BadInput as error:
        raise BadInput(f"{path} cannot be stacked into a volume: {error}.") from None
    return replace(stack, notes=note + stack.notes)


def _nothing(path: Path, scan: DicomScan) -> BadInput:
    if path.is_file():
        reason = _REASONS[scan.unusable.get(path, "no image")]
        return BadInput(f"{path} {reason}, so it cannot be opened as a scan.")
    if scan.unusable:
        reason, count = Counter(scan.unusable.values()).most_common(1)[0]
        file = next(name for name, why in scan.unusable.items() if why == reason)
        more = f" ({count} files are like this)" if count > 1 else ""
        return BadInput(f"{path} holds no DICOM series that can be used: {file.name} {_REASONS[reason]}{more}.")
    others = sorted(p.name for p in path.iterdir() if kind_by_name(p) not in ("", "DICOM") and p.is_file())
    if others:
        shown = ", ".join(others[:3]) + (" and others" if len(others) > 3 else "")
        return BadInput(f"{path} is a folder without DICOM images, but it holds {shown}; open one of these files.")
    return BadInput(f"{path} is a folder without any images; give a DICOM folder or an image file.")
