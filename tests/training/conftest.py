from collections.abc import Iterator
from pathlib import Path

import pytest

from napari_medssl.training import jobs
from napari_medssl.volumes import Geometry, write_volume
from napari_medssl.volumes.phantoms import blobs
from tests.training.jobs_kit import end_all


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


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """Where runs are kept; all that still go on are ended."""
    home = tmp_path / "runs"
    yield home
    end_all(home)


@pytest.fixture
def submitted(home: Path, scans: Path) -> Path:
    """A run that waits."""
    return jobs.submit("sli2vol", scans, {"steps": 6, "seconds": 0}, name="liver", home=home)
