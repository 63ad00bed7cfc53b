"""``propagate --frames`` and DICOM segmentations from the command line."""

from __future__ import annotations

from pathlib import Path

import dicom_files as dcm
import numpy as np
import pytest
import SimpleITK as sitk

from napari_medssl.metrics import dice
from napari_medssl.volumes import Geometry, read_labels, read_volume
from napari_medssl.volumes.frames import read_frames
from napari_medssl.volumes.frames_writing import write_frame_labels
from tests.commands.conftest import Call, Case, cylinders

PLACE = Geometry((1.5, 1.5, 8.0), (-20.0, 31.0, 5.0))
COUNT = 3


@pytest.fixture
def heart(tmp_path: Path) -> tuple[Path, np.ndarray]:
    """A 4D scan of cylinders that move from frame to frame, and the truth (t, z, y, x)."""
    truth = np.stack([np.roll(cylinders(8, 48), t, axis=2) for t in range(COUNT)])
    noise = np.random.default_rng(2).normal(0, 8, truth.shape)
    frames = (np.choose(truth, (40.0, 140.0, 200.0)) + noise).clip(0, 255).astype(np.uint8)
    write_frame_labels(tmp_path / "heart.nii.gz", frames, PLACE, step=0.05)
    return tmp_path / "heart.nii.gz", truth


def mask_file(path: Path, array: np.ndarray) -> Path:
    image = sitk.GetImageFromArray(array)
    PLACE.apply_to(image)
    sitk.WriteImage(image, str(path))
    return path


@pytest.mark.parametrize("way", ["all", "as-drawn"])
def test_one_frame_becomes_all(call: Call, heart: tuple[Path, np.ndarray], tmp_path: Path, way: str) -> None:
    scan, truth = heart
    drawn = truth[1].copy()
    if way == "all":
        drawn[np.arange(8) != 4] = 0
    seeds, out = mask_file(tmp_path / "seeds.nii.gz", drawn), tmp_path / "out.nii.gz"
    outcome = call("propagate", scan, seeds, "-o", out, "--frames", way, "--frame", "1", "--json")
    assert outcome.status == 0, outcome.err
    labels, first = read_frames(out)
    assert first.geometry.same_grid(PLACE)
    assert sitk.ReadImage(str(out)).GetSpacing()[3] == pytest.approx(0.05)
    assert dice(labels[0] == 1, truth[0] == 1) > 0.9
    assert dice(labels[2] == 2, truth[2] == 2) > 0.9
    np.testing.assert_array_equal(labels[1, 4], truth[1, 4])
    each = outcome.json["frame_millilitres"]["1"]
    assert each == pytest.approx([(frame == 1).sum() * 18e-3 for frame in labels])
    assert outcome.json["labels"]["1"]["millilitres"] == pytest.approx(max(each))


def test_seeds_of_several_frames_come_back(call: Call, heart: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    scan, truth = heart
    seeds = truth.copy()
    seeds[1] = 0
    write_frame_labels(tmp_path / "seeds.nii.gz", seeds, PLACE)
    out = tmp_path / "out.nrrd"
    words = call("propagate", scan, tmp_path / "seeds.nii.gz", "-o", out, "--frames", "as-drawn", "--cyclic")
    assert words.status == 0, words.err
    assert "ml in 3 frames" in words.out
    np.testing.assert_array_equal(read_frames(out)[0][[0, 2]], truth[[0, 2]])


def test_what_frames_cannot_be(call: Call, case: Case, heart: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    scan, truth = heart
    seeds = mask_file(tmp_path / "seeds.nii.gz", truth[0])
    out = tmp_path / "o.nii.gz"
    frames = ("--frames", "all")
    assert "one frame only" in call("propagate", case.image, case.seeds, "-o", out, *frames).refused()
    assert "no frame 7" in call("propagate", scan, seeds, "-o", out, *frames, "--frame", "7").refused()
    assert "hints" in call("propagate", scan, seeds, "-o", out, *frames, "--range", "1:3").refused()
    assert "several frames need" in call("propagate", scan, seeds, "-o", tmp_path / "o.seg.nrrd", *frames).refused()
    assert not out.exists()


def test_a_dicom_segmentation_of_a_dicom_scan(call: Call, case: Case, tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    array = sitk.GetArrayFromImage(sitk.ReadImage(str(case.image)))[3:10]
    dcm.series(tmp_path / "scan", [2.0 * z for z in range(len(array))], array)
    scan = read_volume(tmp_path / "scan")
    drawn = sitk.GetImageFromArray(sitk.GetArrayFromImage(sitk.ReadImage(str(case.seeds)))[3:10])
    scan.geometry.apply_to(drawn)
    sitk.WriteImage(drawn, str(tmp_path / "seeds.nii.gz"))
    for name in ("out.dcm", "out.nii.gz"):
        outcome = call("propagate", tmp_path / "scan", tmp_path / "seeds.nii.gz", "-o", tmp_path / name)
        assert outcome.status == 0, outcome.err
    masks = [read_labels(tmp_path / name, like=scan).array for name in ("out.dcm", "out.nii.gz")]
    np.testing.assert_array_equal(*masks)
    assert masks[0].any(axis=(1, 2)).sum() > 5
    said = call("propagate", case.image, case.seeds, "-o", tmp_path / "other.dcm").refused()
    assert "belongs to a scan that was read from DICOM files" in said
