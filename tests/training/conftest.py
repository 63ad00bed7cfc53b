import pytest

from napari_medssl.volumes import Geometry, write_volume
from napari_medssl.volumes.phantoms import blobs


@pytest.fixture
def scans(tmp_path):
    """A folder of two small unlabelled scans."""
    folder = tmp_path / "data" / "images"
    folder.mkdir(parents=True)
    for seed in (1, 2):
        write_volume(folder / f"scan{seed}.nii.gz", blobs((8, 64, 64), seed=seed)[0], Geometry())
    return folder.parent


@pytest.fixture
def quick():
    """Settings of a run that takes a second or two."""
    return {
        "seconds": 0, "steps": 6, "batch": 2, "synthetic": 1, "shapes": 2, "side": 32, "device": "cpu",
        "precision": "float32",
    }  # fmt: skip
