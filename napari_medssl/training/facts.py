"""Reading one scan with its labels, once, and all that the report of the data needs to know of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medssl.errors import BadInput
from napari_medssl.training.data import Case
from napari_medssl.volumes.frames import frame_count
from napari_medssl.volumes.labels import read_labels
from napari_medssl.volumes.orientation import Display, display_for
from napari_medssl.volumes.reading import load

_LARGEST = 1e30  # beyond it sums of squares leave the range of 32-bit numbers
_AS_IN_FILE = Display()


@dataclass(frozen=True)
class Scan:
    """A scan in memory or memory-mapped.

    Attributes
    ----------
    array : (z, y, x) in the file's own values: uint8, int16 or float32
    spacing : mm (z, y, x)
    labels : (z, y, x) uint8, int16 or int32, None where the scan has none
    display : how the arrays are turned to run head to foot, front to back and right to left
    """

    array: NDArray[Any]
    spacing: tuple[float, float, float]
    labels: NDArray[Any] | None = None
    display: Display = _AS_IN_FILE

    @property
    def bytes(self) -> int:
        return self.array.nbytes + (self.labels.nbytes if self.labels is not None else 0)


@dataclass(frozen=True)
class Facts:
    """What is known of a usable scan; no name of it.

    Attributes
    ----------
    shape, spacing : (z, y, x), in voxels and mm
    lowest, highest : values
    not_numbers : voxels that are NaN or infinite in the file; they were set to the lowest value
    bytes : that the scan and its labels take once read
    digest : the same for the same voxels
    labels : {value: voxels} without 0, None where the scan has no labels
    display : as of the scan
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    lowest: float
    highest: float
    not_numbers: int
    bytes: int
    digest: str
    labels: dict[int, int] | None = None
    display: Display = _AS_IN_FILE


class Unusable(BadInput):
    """A scan that cannot be trained on; `kind` says what is wrong in two words, and names no file."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


def read_case(case: Case) -> tuple[Scan, Facts]:
    """Read a scan and its labels, each once.

    Raises
    ------
    Unusable
        A file cannot be read, is not three-dimensional, or the labels are not on the scan's grid or no labels.
    """
    try:
        volume = load(case.image, None, None)
    except BadInput as error:
        frames = frame_count(case.image) if case.image.is_file() else 1
        if frames > 1 and f"{frames} frames" in str(error):
            sentence = f"{case.image} holds {frames} frames; save the one to train on as a file of its own."
            raise Unusable("more than three dimensions", sentence) from error
        raise Unusable("cannot be read", str(error)) from error
    if volume.shape[0] < 2:
        raise Unusable("a single slice", f"{case.image} holds a single slice; a scan to train on has two or more.")
    array, not_numbers = _numbers(case, volume.array)
    labels = None
    if case.label is not None:
        try:
            labels = _small_labels(case, read_labels(case.label, like=volume).array)
        except BadInput as error:
            raise Unusable("labels do not fit", str(error)) from error
    scan = Scan(_small(array), volume.spacing, labels, display_for(volume.geometry))
    lowest, highest = float(array.min()), float(array.max())
    if lowest == highest:
        raise Unusable("all the same value", f"{case.image} has the same value everywhere ({lowest:g}); leave it out.")
    facts = Facts(
        volume.shape, volume.spacing, lowest, highest, not_numbers, scan.bytes, _digest(scan.array),
        _counts(labels) if labels is not None else None, scan.display,
    )  # fmt: skip
    return scan, facts


def _numbers(case: Case, array: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """The array without NaN and infinities, and how many there were."""
    if array.dtype.kind not in "fiu":
        raise Unusable("cannot be read", f"{case.image} does not hold plain numbers; save it as integers or floats.")
    if array.dtype.kind != "f":
        return array, 0
    finite = np.isfinite(array)
    bad = int(array.size - np.count_nonzero(finite))
    if bad == array.size:
        raise Unusable("no numbers", f"{case.image} holds no numbers at all (every voxel is NaN or infinite).")
    if bad:
        array = np.where(finite, array, array[finite].min())
    if max(abs(float(array.min())), abs(float(array.max()))) > _LARGEST:
        raise Unusable("values too large", f"{case.image} holds values beyond {_LARGEST:g}; check how it was written.")
    return array, bad


def _small(array: NDArray[Any]) -> NDArray[Any]:
    """The array in the smallest of uint8 and int16 that holds its values exactly, else in float32."""
    lowest, highest = array.min(), array.max()
    for kind in (np.uint8, np.int16):
        limits = np.iinfo(kind)
        if limits.min <= lowest and highest <= limits.max:
            small = array.astype(kind)
            if array.dtype.kind != "f" or np.array_equal(small, array):
                return np.ascontiguousarray(small)
    return np.ascontiguousarray(array, dtype=np.float32)


def _small_labels(case: Case, labels: NDArray[Any]) -> NDArray[Any]:
    # Signed types beyond 8 bits: torch computes with few of the unsigned ones.
    highest = int(labels.max())
    for kind in (np.uint8, np.int16, np.int32):
        if highest <= np.iinfo(kind).max:
            return np.ascontiguousarray(labels, dtype=kind)
    raise BadInput(f"{case.label} holds the label {highest}, which is too large; renumber the labels.")


def _digest(array: NDArray[Any]) -> str:
    state = hashlib.blake2b(repr((array.shape, array.dtype.str)).encode(), digest_size=16)
    state.update(array.data)
    return state.hexdigest()


def _counts(labels: NDArray[Any]) -> dict[int, int]:
    if labels.dtype == np.uint8:
        counts = np.bincount(labels.reshape(-1), minlength=1)
        return {int(value): int(counts[value]) for value in np.flatnonzero(counts) if value}
    values, found = np.unique(labels, return_counts=True)
    return {int(value): int(count) for value, count in zip(values, found, strict=True) if value}
