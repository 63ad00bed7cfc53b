"""The voxels of DICOM slices, and slices that lie at the same place: frames or copies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_medssl.errors import BadInput
from napari_medssl.volumes.dicom_headers import DicomImage
from napari_medssl.volumes.dicom_stack import Stack
from napari_medssl.volumes.formats import damaged
from napari_medssl.volumes.quiet import quiet_itk


def one_a_place(
    path: Path, images: tuple[DicomImage, ...], stack: Stack
) -> tuple[list[list[DicomImage]], tuple[str, ...]]:
    """The images at each place along a stack, as many at every place, and a note about what was left out.

    Where every place has several different images (echoes, time points) these are frames, in the order of their
    numbers. Copies of an image are dropped.

    Raises
    ------
    BadInput
        Different images lie at one place but not at the others.
    """
    places = [[images[index] for index in place] for place in stack.places]
    most = max(map(len, places))
    if most == 1:
        return places, ()
    if len({len(place) for place in places}) == 1 and not _all_copies(path, places[0]):
        return places, ()
    kept = [_without_copies(path, place) for place in places]
    dropped = sum(map(len, places)) - sum(map(len, kept))
    if len({len(place) for place in kept}) > 1:
        where = next(i for i, place in enumerate(kept) if len(place) == max(map(len, kept)))
        raise BadInput(
            f"{path} holds {len(kept[where])} different images at the place of slice {where} but not at every other; "
            "take out the images that do not belong to the scan."
        )
    note = (f"{dropped} images that lie at the same place with the same content were left out.",)
    return kept, note if dropped > 1 else ("1 image that is a copy of another was left out.",)


def _all_copies(path: Path, place: list[DicomImage]) -> bool:
    return len(_without_copies(path, place)) == 1


def _without_copies(path: Path, place: list[DicomImage]) -> list[DicomImage]:
    if len(place) == 1:
        return place
    kept: list[tuple[DicomImage, NDArray[np.generic]]] = []
    for image in place:
        pixels = read_slices(path, [image])
        if not any(np.array_equal(pixels, other) for _, other in kept):
            kept.append((image, pixels))
    return [image for image, _ in kept]


def read_slices(path: Path, images: list[DicomImage]) -> NDArray[np.generic]:
    """The voxels of slices, one after the other, rescaled as their headers say: (z, y, x)."""
    import SimpleITK

    slices: list[NDArray[np.generic]] = []
    whole: dict[Path, NDArray[np.generic]] = {}
    with quiet_itk():
        for image in images:
            reader = SimpleITK.ImageFileReader()
            reader.SetImageIO("GDCMImageIO")
            reader.SetFileName(str(image.path))
            try:
                if image.path not in whole:
                    pixels = SimpleITK.GetArrayFromImage(reader.Execute())
                    whole = {image.path: pixels}  # only the last file is kept: frames follow one another
            except RuntimeError as error:
                raise damaged(image.path) from error
            pixels = whole[image.path]
            single = pixels if pixels.ndim == 2 else pixels[image.frame or 0]
            if single.shape != image.shape:
                raise damaged(image.path)
            slices.append(single)
    return np.stack(slices)  # in the smallest type for all: slices may be scaled to different ones (PET)
