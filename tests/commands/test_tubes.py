"""``napari-medssl tubes``: the maps, what was rebuilt, what is printed, and what is refused beforehand."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from napari_medssl.metrics import dice
from tests.commands.conftest import Call, write
from tests.tubes.toys import rods, save_toy

MAPS = {"probability.nii.gz", "radius.nii.gz"}


@pytest.fixture
def scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAPARI_MEDSSL_MODELS", str(tmp_path / "models"))
    save_toy(tmp_path / "models")
    write(tmp_path / "scan.nii.gz", rods())
    return tmp_path / "scan.nii.gz"


def read(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def test_maps_refined_tubes_and_branches_are_written(call: Call, scan: Path) -> None:
    out = scan.with_name("out")
    outcome = call("tubes", scan, "-o", out, "--model", "toy", "--device", "cpu")
    assert outcome.status == 0, outcome.err
    assert {path.name for path in out.iterdir()} == MAPS | {"refined.nii.gz", "skeleton.nii.gz", "branches.csv"}
    assert dice(read(out / "probability.nii.gz") > 0.5, rods() > 200) > 0.9  # on a finer grid, and back
    image, mask = (sitk.ReadImage(str(path)) for path in (scan, out / "radius.nii.gz"))
    for name in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection"):
        np.testing.assert_allclose(getattr(mask, name)(), getattr(image, name)(), atol=1e-6)
    with open(out / "branches.csv", newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 1
    assert "in 1 branches" in outcome.out


def test_a_rod_of_the_radius_that_the_model_says_is_kept(call: Call, scan: Path) -> None:
    plain = sitk.GetImageFromArray(rods())  # cubic voxels: rods of radius 3, whose surface is 2 from the middle
    write(scan, rods(), plain)
    out = scan.with_name("out")
    assert call("tubes", scan, "-o", out, "--model", "toy", "--device", "cpu").status == 0
    found = read(out / "refined.nii.gz") > 0
    assert found[rods() > 200].mean() > 0.8
    assert dice(found, rods() > 200) > 0.8
    with open(out / "branches.csv", newline="", encoding="utf-8") as handle:
        (row,) = csv.DictReader(handle)
    assert float(row["length_mm"]) == pytest.approx(39, abs=2)


def test_dark_tubes_and_json(call: Call, scan: Path) -> None:
    out = scan.with_name("out")
    report = call("tubes", scan, "-o", out, "--model", "toy", "--polarity", "dark", "--maps-only", "--json").json
    assert {path.name for path in out.iterdir()} == MAPS
    found = read(out / "probability.nii.gz") >= 0.5
    assert dice(found, rods() < -200) > 0.9
    size = np.prod(sitk.ReadImage(str(scan)).GetSpacing())
    assert report["found_ml"] == pytest.approx(found.sum() * size / 1000)
    assert (report["polarity"], report["complete"], report["refined_ml"]) == ("dark", True, None)


def test_what_cannot_be_used_is_refused(call: Call, scan: Path) -> None:
    assert "is a file" in call("tubes", scan, "-o", scan).refused()
    assert "no model 'nobody'" in call("tubes", scan, "-o", scan.with_name("out"), "--model", "nobody").refused()
    assert "is not a number from 0 to 1" in call("tubes", scan, "-o", scan.with_name("o"), "--sure", "2").refused()
    assert not scan.with_name("out").exists()
    own = scan.with_name("probability.nii.gz")
    write(own, rods())
    assert "also the input" in call("tubes", own, "-o", own.parent, "--model", "toy").refused()
