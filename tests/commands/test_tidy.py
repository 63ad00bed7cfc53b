"""``napari-medssl tidy``: the file holds what the Python functions give, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path

import nrrd
import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from napari_medssl.propagation.fill_between import fill_between
from napari_medssl.volumes import Volume, read_labels, write_labels
from napari_medssl.volumes.segments import Segment
from napari_medssl.volumes.tidy import Step, tidy
from tests.commands.conftest import Call, write

SPACING = (3.0, 1.1, 0.9)


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    _, y, x = np.indices((10, 30, 30)).astype(float)
    labels = (((y - 12) ** 2 + (x - 12) ** 2) < 60).astype(np.uint8)
    labels[5, 12, 12] = 0  # a hole
    labels[[3, 4, 8]] = 0  # gaps
    labels[0, 27:, 27:] = 1  # an island
    labels[:, 20:24, 3:9] = 7
    write(tmp_path / "mask.nii.gz", labels)
    return tmp_path / "mask.nii.gz"


def arrays(first: Path, second: Path) -> tuple[np.ndarray, np.ndarray]:
    old, new = sitk.ReadImage(str(first)), sitk.ReadImage(str(second))
    assert new.GetDirection() == pytest.approx(old.GetDirection(), abs=1e-6)
    assert new.GetOrigin() == pytest.approx(old.GetOrigin(), abs=1e-4)
    return sitk.GetArrayFromImage(old), sitk.GetArrayFromImage(new)


def test_steps_are_done_in_the_order_given(call: Call, mask: Path, tmp_path: Path) -> None:
    words = ("--fill-between", "--keep-largest", "--fill-holes", "--smooth", 1.5, "--lock", 7)
    outcome = call("tidy", mask, "-o", tmp_path / "out.nii.gz", *words, "--json")
    assert outcome.status == 0
    old, new = arrays(mask, tmp_path / "out.nii.gz")
    filled = fill_between(old, SPACING, slices={1: [0, 1, 2, 5, 6, 7, 9]})
    steps = [Step("keep_largest"), Step("fill_holes"), Step("smooth", 1.5)]
    np.testing.assert_array_equal(new, tidy(filled, steps, SPACING, which=[1]))
    np.testing.assert_array_equal(new == 7, old == 7)
    volumes = outcome.json["labels"]["1"]
    assert volumes["before_ml"] == pytest.approx((old == 1).sum() * np.prod(SPACING) / 1000, rel=1e-5)
    assert volumes["after_ml"] == pytest.approx((new == 1).sum() * np.prod(SPACING) / 1000, rel=1e-5)


def test_slice_by_slice_and_only_some_labels(call: Call, mask: Path, tmp_path: Path) -> None:
    outcome = call("tidy", mask, "-o", tmp_path / "out.nrrd", "--labels", 1, "--axis", 0, "--fill-holes")
    old, new = arrays(mask, tmp_path / "out.nrrd")
    expected = old.copy()
    for plane in expected:
        plane[ndimage.binary_fill_holes(plane == 1) & (plane == 0)] = 1
    np.testing.assert_array_equal(new, expected)
    assert [line.split()[0] for line in outcome.out.splitlines()] == ["Label", "1", "7", "Written:"]


def test_names_and_colours_stay(call: Call, tmp_path: Path) -> None:
    labels = np.ones((3, 4, 5), np.uint8)
    write_labels(tmp_path / "in.seg.nrrd", Volume(labels, segments={1: Segment("Liver", (1.0, 0.0, 0.0))}))
    assert call("tidy", tmp_path / "in.seg.nrrd", "-o", tmp_path / "out.seg.nrrd", "--keep-largest").status == 0
    _, header = nrrd.read(str(tmp_path / "out.seg.nrrd"))
    assert header["Segment0_Name"] == "Liver"
    assert header["Segment0_Color"] == "1 0 0"
    assert read_labels(tmp_path / "out.seg.nrrd").array.all()


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ((), "what to tidy"),
        (("--smooth", "-1"), "above 0"),
        (("--smooth", "nan"), "above 0"),
        (("--labels", "0", "--fill-holes"), "list of labels"),
        (("--labels", "5", "--fill-holes"), "does not hold label 5"),
        (("--polish",), "--polish"),
    ],
)
def test_bad_input_is_one_sentence(call: Call, mask: Path, tmp_path: Path, words: tuple[str, ...], what: str) -> None:
    assert what in call("tidy", mask, "-o", tmp_path / "out.nii.gz", *words).refused()
    assert not (tmp_path / "out.nii.gz").exists()


def test_the_mask_itself_is_not_overwritten(call: Call, mask: Path) -> None:
    assert "also an input" in call("tidy", mask, "-o", mask, "--fill-holes").refused()
