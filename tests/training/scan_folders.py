"""Small data folders for tests of what is read from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medssl.volumes import Geometry, write_labels, write_volume

SHAPE = (4, 6, 8)
GEOMETRY = Geometry(spacing=(0.7, 0.8, 2.5), origin=(-50, -60, 70))


def noise(seed: int, shape: tuple[int, ...] = SHAPE, *, low: int = 0, high: int = 1000) -> NDArray[np.int16]:
    return np.random.default_rng(seed).integers(low, high, shape).astype(np.int16)


def half(value: int = 1, shape: tuple[int, ...] = SHAPE) -> NDArray[Any]:
    """Labels of which the upper half is marked."""
    labels = np.zeros(shape, np.min_scalar_type(value))
    labels[shape[0] // 2 :] = value
    return labels


def data_folder(
    folder: Path, images: Mapping[str, NDArray[Any]], labels: Mapping[str, NDArray[Any]] | None = None,
    geometry: Geometry = GEOMETRY,
) -> Path:  # fmt: skip
    """Write images and labels by name, as .nii.gz."""
    for room in ("images", "labels"):
        (folder / room).mkdir(parents=True, exist_ok=True)
    for name, array in images.items():
        write_volume(folder / "images" / f"{name}.nii.gz", array, geometry)
    for name, array in (labels or {}).items():
        write_labels(folder / "labels" / f"{name}.nii.gz", array, geometry)
    return folder
