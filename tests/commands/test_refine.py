"""``napari-medssl refine``: the files hold what the Python functions give, on the grid of the input."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from napari_medssl.tubes import refine, refine_mask
from tests.commands.conftest import Call, write

SPACING = (3.0, 1.1, 0.9)


def tubes() -> np.ndarray:
    """Two tubes along z with labels 3 and 9; the first has a gap of one slice."""
    z, y, x = np.indices((16, 30, 32))
    labels = np.zeros(z.shape, np.uint8)
    labels[(y - 9) ** 2 + (x - 9 - 0.3 * z) ** 2 < 14] = 3
    labels[(y - 21) ** 2 + (x - 22) ** 2 < 20] = 9
    labels[8][labels[8] == 3] = 0
    return labels


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    write(tmp_path / "mask.nii.gz", tubes())
    return tmp_path / "mask.nii.gz"


@pytest.fixture
def maps(tmp_path: Path) -> tuple[Path, Path]:
    inside = (tubes() > 0).astype(np.float32)
    like = write(tmp_path / "p.nii.gz", inside * np.float32(0.99))
    write(tmp_path / "r.nii.gz", inside * 3, like)
    return tmp_path / "p.nii.gz", tmp_path / "r.nii.gz"


def read(folder: Path, name: str, like: Path) -> np.ndarray:
    image, reference = sitk.ReadImage(str(folder / name)), sitk.ReadImage(str(like))
    for ours, theirs in zip(
        (image.GetSpacing(), image.GetOrigin(), image.GetDirection()),
        (reference.GetSpacing(), reference.GetOrigin(), reference.GetDirection()),
        strict=True,
    ):
        assert ours == pytest.approx(theirs, abs=1e-6)
    return sitk.GetArrayFromImage(image)


def test_a_mask_is_refined(call: Call, mask: Path, tmp_path: Path) -> None:
    outcome = call("refine", mask, "-o", tmp_path / "out", "--json")
    assert outcome.status == 0, outcome.err
    expected = refine_mask(tubes(), spacing=SPACING)
    refined, radius, difference = (
        read(tmp_path / "out", f"{name}.nii.gz", mask) for name in ("refined", "radius", "difference")
    )
    np.testing.assert_array_equal(refined, expected.labels)
    np.testing.assert_array_equal(read(tmp_path / "out", "skeleton.nii.gz", mask) > 0, expected.skeleton)
    np.testing.assert_allclose(radius, expected.radius, rtol=1e-6)
    np.testing.assert_array_equal(difference == 2, (refined != tubes()) & (refined > 0))
    np.testing.assert_array_equal(difference == 3, (refined == 0) & (tubes() > 0))
    with (tmp_path / "out" / "branches.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert sorted({row["label"] for row in rows}) == ["3", "9"]
    assert len(rows) == outcome.json["branches"]
    voxel = np.prod(SPACING) / 1000
    assert sum(float(row["volume_ml"]) for row in rows) == pytest.approx(outcome.json["after_ml"], rel=1e-3)
    assert outcome.json["added_ml"] == pytest.approx((difference == 2).sum() * voxel, rel=1e-5)
    assert not (tmp_path / "out" / "probability.nii.gz").exists()


@pytest.mark.parametrize("mode", ["default", "paper"])
def test_two_maps_are_refined(call: Call, maps: tuple[Path, Path], tmp_path: Path, mode: str) -> None:
    outcome = call("refine", *maps, "-o", tmp_path / "out", "--mode", mode, "--threshold", 0.4)
    assert outcome.status == 0, outcome.err
    assert outcome.out.splitlines()[-1] == f"Written into {tmp_path / 'out'}."
    p, z = (sitk.GetArrayFromImage(sitk.ReadImage(str(path))) for path in maps)
    expected = refine(p, z, spacing=SPACING, mode=mode, threshold=0.4)
    np.testing.assert_array_equal(read(tmp_path / "out", "refined.nii.gz", maps[0]), expected.labels)
    np.testing.assert_allclose(read(tmp_path / "out", "probability.nii.gz", maps[0]), expected.refined, 1e-5, 1e-30)
    np.testing.assert_array_equal(read(tmp_path / "out", "skeleton.nii.gz", maps[0]) > 0, expected.skeleton)


def test_bad_input_is_one_sentence(call: Call, mask: Path, maps: tuple[Path, Path], tmp_path: Path) -> None:
    out = ("-o", tmp_path / "out")
    write(tmp_path / "none.nii.gz", np.zeros((3, 4, 5), np.uint8))
    assert "is empty" in call("refine", tmp_path / "none.nii.gz", *out).refused()
    assert "whole" in call("refine", maps[0], *out).refused()
    assert "between 0 and 1" in call("refine", mask, maps[1], *out).refused()
    assert "same scan" in call("refine", maps[0], tmp_path / "none.nii.gz", *out).refused()
    p = sitk.ReadImage(str(maps[0]))
    for name, values, what in (
        ("low", sitk.GetArrayFromImage(p) - 0.5, "between 0 and 1"),
        ("nan", np.full(tubes().shape, np.nan, np.float32), "nan"),
    ):
        write(tmp_path / f"{name}.nii.gz", values, p)
        assert what in call("refine", tmp_path / f"{name}.nii.gz", maps[1], *out).refused()
        assert name == "nan" or "0 or more" in call("refine", maps[0], tmp_path / f"{name}.nii.gz", *out).refused()
    moved = sitk.ReadImage(str(maps[1]))
    moved.SetOrigin((0.0, 0.0, 0.0))
    sitk.WriteImage(moved, str(tmp_path / "moved.nii.gz"))
    assert "mm away" in call("refine", maps[0], tmp_path / "moved.nii.gz", *out).refused()
    assert "need a probability" in call("refine", mask, *out, "--mode", "paper").refused()
    assert "from 0 to 1" in call("refine", *maps, *out, "--threshold", "2").refused()
    assert "is a file" in call("refine", mask, "-o", mask).refused()
    assert not (tmp_path / "out").exists()


def test_a_radius_beyond_the_scan_and_a_single_voxel(call: Call, maps: tuple[Path, Path], tmp_path: Path) -> None:
    like = sitk.ReadImage(str(maps[0]))
    write(tmp_path / "large.nii.gz", np.full(tubes().shape, 1e4, np.float32), like)
    outcome = call("refine", maps[0], tmp_path / "large.nii.gz", "-o", tmp_path / "a")
    assert outcome.status == 0, outcome.err
    dot = np.zeros(tubes().shape, np.uint8)
    dot[8, 9, 10] = 5
    write(tmp_path / "dot.nii.gz", dot, like)
    outcome = call("refine", tmp_path / "dot.nii.gz", "-o", tmp_path / "b", "--json")
    assert outcome.json["branches"] == 1
    np.testing.assert_array_equal(read(tmp_path / "b", "refined.nii.gz", maps[0]), dot)


def test_the_input_is_not_overwritten(call: Call, tmp_path: Path) -> None:
    write(tmp_path / "refined.nii.gz", tubes())
    assert "also an input" in call("refine", tmp_path / "refined.nii.gz", "-o", tmp_path).refused()
