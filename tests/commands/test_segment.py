"""``napari-medssl segment``: the label map, its geometry, what is printed, and what is refused beforehand."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from segmentation.toys import BRIGHT, GREY, balls, save_toy

from tests.commands.conftest import Call, write


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAPARI_MEDSSL_MODELS", str(tmp_path / "models"))
    save_toy(tmp_path / "models")
    return tmp_path / "models"


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    write(tmp_path / "scan.nii.gz", balls().array)
    return tmp_path / "scan.nii.gz"


def test_the_labels_lie_on_the_scan(call: Call, scan: Path, shelf: Path) -> None:
    out = scan.with_name("mask.nii.gz")
    outcome = call("segment", scan, "-o", out, "--model", "toy", "--device", "cpu")
    assert outcome.status == 0, outcome.err
    assert str(out) in outcome.out
    assert f"Label {BRIGHT} (ball): " in outcome.out
    image, mask = (sitk.ReadImage(str(path)) for path in (scan, out))
    for name in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection"):
        np.testing.assert_allclose(getattr(mask, name)(), getattr(image, name)(), atol=1e-6)
    assert set(np.unique(sitk.GetArrayFromImage(mask))) == {0, GREY, BRIGHT}
    assert outcome.err.splitlines()[-1].startswith("Window ")


def test_json_tells_how_large_each_label_is(call: Call, scan: Path, shelf: Path) -> None:
    out = scan.with_name("mask.nrrd")
    report = call("segment", scan, "-o", out, "--json").json
    assert (report["complete"], report["model"], report["output"]) == (True, "toy", str(out))
    voxels = int((sitk.GetArrayFromImage(sitk.ReadImage(str(out))) == BRIGHT).sum())
    assert report["labels"][str(BRIGHT)]["voxels"] == voxels
    np.testing.assert_allclose(report["labels"][str(BRIGHT)]["millilitres"], voxels * 0.9 * 1.1 * 3 / 1000)


def test_the_model_may_be_left_out_where_there_is_one_only(call: Call, scan: Path, shelf: Path) -> None:
    save_toy(shelf, "toy2")
    several = call("segment", scan, "-o", scan.with_name("m.nrrd")).refused()
    assert "toy, toy2" in several
    for path in shelf.iterdir():
        path.unlink()
    assert "napari-medssl train segmentation" in call("segment", scan, "-o", scan.with_name("m.nrrd")).refused()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--model", "nowhere"), "nowhere"),
        (("--model", "default"), "propagation"),
        (("--model", "toy", "--device", "cuda:7"), "cuda:7"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_written(
    call: Call, scan: Path, shelf: Path, words: tuple[str, ...], said: str
) -> None:
    out = scan.with_name("mask.nii.gz")
    assert said in call("segment", scan, "-o", out, *words).refused()
    assert not out.exists()


def test_the_scan_itself_is_never_overwritten(call: Call, scan: Path, shelf: Path) -> None:
    before = scan.read_bytes()
    assert "also an input" in call("segment", scan, "-o", scan).refused()
    assert scan.read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
def test_stopped_in_the_middle_nothing_is_written(tmp_path: Path, shelf: Path) -> None:
    write(tmp_path / "large.nii.gz", np.random.default_rng(0).integers(0, 99, (20, 200, 200)).astype(np.int16))
    out = tmp_path / "mask.nii.gz"
    words = [sys.executable, "-m", "napari_medssl.cli", "segment", tmp_path / "large.nii.gz", "-o", out]
    process = subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        next(line for line in process.stderr if line.startswith("Window "))
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 3
    assert "Cancelled; nothing was written." in said
    assert not out.exists()
