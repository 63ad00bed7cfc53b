"""The packaged sample: a small CT of an abdomen that never was, and one drawn slice for each of two organs."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from napari_medssl.errors import BadInput
from napari_medssl.volumes.volume import Volume

SAMPLE_LABELS = {1: "liver", 2: "left kidney"}
_IMAGE, _SEEDS = "abdomen.nii.gz", "abdomen_seeds.nii.gz"


def sample_paths() -> tuple[Path, Path]:
    """The files of the sample scan and of its seeds (1 liver, 2 left kidney, each drawn on one slice).

    Raises
    ------
    BadInput
        The installation lacks them.
    """
    folder = Path(str(files("napari_medssl") / "samples"))
    paths = folder / _IMAGE, folder / _SEEDS
    for path in paths:
        if not path.is_file():
            raise BadInput(f"The sample {path} is missing; install napari-medssl again.")
    return paths


def open_sample() -> Volume:
    """The sample scan: CT in Hounsfield units."""
    from napari_medssl.volumes.reading import read_volume

    return read_volume(sample_paths()[0])


def open_sample_seeds() -> Volume:
    """The sample's seeds: 1 liver, 2 left kidney, each on one slice; the same grid as the scan."""
    from napari_medssl.volumes.labels import read_labels

    return read_labels(sample_paths()[1])
