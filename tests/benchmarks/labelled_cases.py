"""The labelled collections that propagation is scored on, and the protocol that draws seed slices from them.

Each label separately; the seed slice is drawn uniformly among the slices within +-3 (+-1 in stacks of under 20) of
the label's largest one that hold it; Dice over the whole volume; averaged over labels, cases, then collections.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_medssl.volumes import Volume, read_labels, read_volume

COLLECTIONS = ("la2018", "acdc", "hippocampus", "organ_ct", "lung_ct")
ORGANS = (1, 2, 3, 4, 5, 6, 7, 21, 52, 63, 79)  # of organ_ct's 61 classes


@dataclass(frozen=True)
class LabelledCase:
    name: str
    volume: Volume
    labels: np.ndarray
    wanted: tuple[int, ...]


def data_folder() -> Path:
    """The folder of real volumes, from the environment variable MEDSSL_DATA."""
    folder = os.environ.get("MEDSSL_DATA")
    if not folder or not Path(folder).is_dir():
        raise SystemExit("Set MEDSSL_DATA to the folder of real volumes (see docs/benchmarks.md).")
    return Path(folder)


def load_collection(name: str, limit: int | None = None) -> Iterator[LabelledCase]:
    """The cases of a collection, or `limit` of them evenly spread."""
    folder = data_folder() / name
    paths = sorted((folder / "images").glob("*.nii.gz"))
    if name == "acdc":
        paths = [path for path in paths if "frame01" in path.name]  # end diastole
    if limit and len(paths) > limit:
        paths = [paths[i] for i in np.linspace(0, len(paths) - 1, limit).round().astype(int)]
    for path in paths:
        volume = read_volume(path)
        labels = read_labels(folder / "labels" / path.name).array
        present = {int(label) for label in np.unique(labels) if label}
        wanted = present & set(ORGANS) if name == "organ_ct" else present
        yield LabelledCase(path.name.removesuffix(".nii.gz"), volume, labels, tuple(sorted(wanted)))


def draw_seed_slice(mask: np.ndarray, rng: np.random.Generator) -> int:
    """The slice that the simulated person draws: near the largest one, as the paper has it."""
    areas = mask.sum(axis=(1, 2))
    largest, reach = int(areas.argmax()), 1 if len(areas) < 20 else 3
    near = range(max(0, largest - reach), min(len(areas), largest + reach + 1))
    return int(rng.choice([index for index in near if areas[index]]))
