"""``napari-medssl evaluate segmentation``: the table and the JSON say what the metrics say."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from tests.commands.conftest import Call, Case, write


@pytest.fixture
def shifted(case: Case) -> Case:
    """The truth moved by one voxel along x (0.9 mm), and without label 2."""
    truth = sitk.ReadImage(str(case.truth))
    moved = np.roll(sitk.GetArrayFromImage(truth), 1, axis=2)
    moved[moved == 2] = 0
    write(case.folder / "moved.nii.gz", moved, truth)
    return case


def test_json_agrees_with_simpleitk(call: Call, shifted: Case) -> None:
    outcome = call("evaluate", "segmentation", shifted.folder / "moved.nii.gz", shifted.truth, "--json")
    assert outcome.status == 0
    first, second = outcome.json["labels"]
    prediction, truth = (sitk.ReadImage(str(path)) for path in (shifted.folder / "moved.nii.gz", shifted.truth))
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(truth == 1, prediction == 1)
    assert first["label"] == 1
    assert first["dice"] == pytest.approx(overlap.GetDiceCoefficient(1), abs=1e-9)
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(truth)
    assert first["truth_ml"] == pytest.approx(shape.GetPhysicalSize(1) / 1000, rel=1e-6)
    assert first["hausdorff95_mm"] == pytest.approx(0.9, abs=1e-6)
    assert 0 < first["mean_surface_distance_mm"] < 0.9
    assert (second["label"], second["dice"], second["hausdorff95_mm"]) == (2, 0, None)
    assert second["prediction_ml"] == 0
    assert outcome.json["mean"]["dice"] == pytest.approx(first["dice"] / 2)


def test_the_table_for_people(call: Call, shifted: Case) -> None:
    lines = call("evaluate", "segmentation", shifted.folder / "moved.nii.gz", shifted.truth).out.splitlines()
    assert lines[0].split()[:2] == ["Label", "Dice"]
    assert "HD95 (mm)" in lines[0]
    assert [line.split()[0] for line in lines[1:]] == ["1", "2", "mean"]
    assert lines[1].split()[2] == "0.9"
    assert lines[2].split()[1:4] == ["0.000", "-", "-"]


def test_masks_of_different_scans_are_refused(call: Call, case: Case) -> None:
    truth = sitk.ReadImage(str(case.truth))
    truth.SetOrigin((0, 0, 0))
    sitk.WriteImage(truth, str(case.folder / "elsewhere.nii.gz"))
    sentence = call("evaluate", "segmentation", case.folder / "elsewhere.nii.gz", case.truth).refused()
    assert "elsewhere" in sentence


def test_two_empty_masks_are_refused(call: Call, case: Case) -> None:
    truth = sitk.ReadImage(str(case.truth))
    sitk.WriteImage(truth * 0, str(case.truth))
    assert "nothing to compare" in call("evaluate", "segmentation", case.truth, case.truth).refused()
