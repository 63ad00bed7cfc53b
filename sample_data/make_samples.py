"""Make the sample that the package carries: an abdomen phantom and one drawn slice for each of two organs.

    python sample_data/make_samples.py [FOLDER]

writes abdomen.nii.gz and abdomen_seeds.nii.gz to FOLDER (napari_medssl/samples unless given). The files are the same
byte for byte each time; another version of numpy, scipy or zlib may change a voxel by one HU or the packing.
"""

import gzip
import sys
import tempfile
from pathlib import Path

import numpy as np

from napari_medssl.files import write_bytes
from napari_medssl.volumes import write_labels, write_volume
from napari_medssl.volumes.phantoms import Phantom, abdomen
from napari_medssl.volumes.samples import SAMPLE_LABELS

SHAPE, SPACING, SEED, NOISE = (80, 168, 168), (3.5, 1.8, 1.8), 5, 8.0


def phantom() -> Phantom:
    """The phantom that the sample shows, with the truth of all its organs."""
    return abdomen(SHAPE, SPACING, seed=SEED, noise=NOISE)


def seeds(truth: Phantom) -> np.ndarray:
    """Each organ of SAMPLE_LABELS on the slice where it is largest."""
    number = {name: label for label, name in truth.names.items()}
    drawn = np.zeros_like(truth.labels)
    for label, name in SAMPLE_LABELS.items():
        organ = truth.labels == number[name]
        index = int(organ.sum(axis=(1, 2)).argmax())
        drawn[index][organ[index]] = label
    return drawn


def make(folder: Path) -> None:
    """Write both files into `folder`."""
    truth = phantom()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        write_volume(scratch / "abdomen.nii", truth.volume)
        write_labels(scratch / "abdomen_seeds.nii", seeds(truth), truth.volume.geometry)
        for plain in sorted(scratch.glob("*.nii")):
            # Without a time and a name in the gzip header the same data give the same file.
            write_bytes(folder / f"{plain.name}.gz", gzip.compress(plain.read_bytes(), 9, mtime=0))


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "napari_medssl" / "samples")
