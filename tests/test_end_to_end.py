"""The main job on real scans, from the command line: one drawn slice in, a mask on the scan's grid out, scored
against truth."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk


def command(*arguments, **environment):
    """Run napari-medssl as a person would; returns its JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "napari_medssl.cli", *map(str, arguments), "--json"],
        capture_output=True, text=True, timeout=280, env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def draw_largest(truth_path, labels, path):
    """What a person draws: each label on its largest slice, written without the project's own code."""
    image = sitk.ReadImage(str(truth_path))
    truth = sitk.GetArrayFromImage(image).astype(np.uint8)
    drawn, wanted = np.zeros_like(truth), np.where(np.isin(truth, labels), truth, 0)
    for label in labels:
        index = int((truth == label).sum((1, 2)).argmax())
        drawn[index][truth[index] == label] = label
    for array, where in ((drawn, path), (wanted, path.with_name("truth.nii.gz"))):
        result = sitk.GetImageFromArray(array)
        result.CopyInformation(image)
        sitk.WriteImage(result, str(where))
    return truth, drawn


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.mark.parametrize(
    ("collection", "name", "floors"),
    [
        ("acdc", "patient001_frame01.nii.gz", {1: 0.7, 2: 0.5, 3: 0.85}),
        ("lung_ct", "lung_2.nii.gz", {1: 0.75}),
        ("organ_ct", "abdomen_3mm.nii.gz", {1: 0.75, 3: 0.75}),
    ],
)
def test_one_drawn_slice_of_a_real_scan(medssl_data, tmp_path, collection, name, floors):
    image, truth_path = (medssl_data / collection / kind / name for kind in ("images", "labels"))
    seeds, out = tmp_path / "drawn.nii.gz", tmp_path / "mask.nii.gz"
    truth, drawn = draw_largest(truth_path, list(floors), seeds)
    report = command("propagate", image, seeds, "-o", out, "--device", "cpu")
    assert report["complete"]
    mask = np.asarray(nibabel.load(out).dataobj).T
    for label, floor in floors.items():
        own = dice(mask == label, truth == label)
        index = int((drawn == label).any((1, 2)).argmax())
        copied = dice(np.broadcast_to(drawn[index] == label, truth.shape), truth == label)
        assert own > floor
        assert own > copied
        np.testing.assert_array_equal(mask[index] == label, drawn[index] == label)
    np.testing.assert_allclose(nibabel.load(out).affine, nibabel.load(image).affine, atol=1e-3)

    report = command("evaluate", "segmentation", out, tmp_path / "truth.nii.gz")
    scores = {row["label"]: row for row in report["labels"]}
    for label in floors:
        assert scores[label]["dice"] == pytest.approx(dice(mask == label, truth == label), abs=1e-6)


def test_a_model_trained_on_real_scans_propagates(medssl_data, tmp_path):
    data, run = tmp_path / "data", tmp_path / "run"
    (data / "images").mkdir(parents=True)
    source = medssl_data / "unlabelled_ct" / "images" / "one_lung.nii.gz"
    (data / "images" / source.name).symlink_to(source.resolve())
    settings = ("steps=8", "seconds=0", "batch=2", "synthetic=1", "shapes=2", "side=48")
    command("train", "sli2vol", "--data", data, "--run", run, *(f"--set={setting}" for setting in settings))
    image = medssl_data / "acdc" / "images" / "patient001_frame01.nii.gz"
    seeds, out = tmp_path / "drawn.nii.gz", tmp_path / "mask.nii.gz"
    draw_largest(medssl_data / "acdc" / "labels" / image.name, [3], seeds)
    arguments = ("propagate", image, seeds, "-o", out, "--model", "my-model", "--device", "cpu")
    assert command(*arguments, NAPARI_MEDSSL_MODELS=str(run))["complete"]
    assert Path(out).is_file()
