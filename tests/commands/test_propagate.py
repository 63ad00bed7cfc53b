"""``napari-medssl propagate`` on one scan: the mask, its geometry, what is printed, and what is refused beforehand."""

from __future__ import annotations

import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from napari_medssl.volumes import read_labels
from tests.commands.conftest import Call, Case, write


def array(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def test_one_drawn_slice_becomes_the_volume_on_the_scans_grid(call: Call, case: Case) -> None:
    out = case.folder / "mask.nii.gz"
    outcome = call("propagate", case.image, case.seeds, "-o", out, "--device", "cpu")
    assert outcome.status == 0, outcome.err
    assert str(out) in outcome.out
    assert "Label 1: slices 0 to 13" in outcome.out
    image, mask = (sitk.ReadImage(str(path)) for path in (case.image, out))
    for name in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection"):
        np.testing.assert_allclose(getattr(mask, name)(), getattr(image, name)(), atol=1e-6)
    np.testing.assert_allclose(nib.load(out).affine, nib.load(case.image).affine, atol=1e-4)
    labels, truth = array(out), array(case.truth)
    np.testing.assert_array_equal(labels[6], truth[6])
    for label in (1, 2):
        assert dice(labels == label, truth == label) > 0.85


def test_progress_with_time_left_goes_to_stderr(call: Call, case: Case) -> None:
    err = call("propagate", case.image, case.seeds, "-o", case.folder / "m.nrrd").err
    first, *_, last = err.splitlines()
    assert first.startswith("Slice 1 of ")
    assert "left" in first
    assert last.endswith(", done")


def test_json_tells_confidence_label_by_label_and_slice_by_slice(call: Call, case: Case) -> None:
    out = case.folder / "mask.mha"
    outcome = call("propagate", case.image, case.seeds, "-o", out, "--json", "--range", "3:10")
    report = outcome.json
    assert outcome.status == 0
    assert report["complete"] is True
    assert report["output"] == str(out)
    labels = array(out)
    for label in ("1", "2"):
        confidence = report["confidence"][label]
        assert len(confidence) == 14
        assert confidence[6] == 1
        assert confidence[:3] + confidence[10:] == [None] * 7
        assert all(0 <= value <= 1 for value in confidence[3:10])
        found = report["labels"][label]
        mask = labels == int(label)
        assert found["voxels"] == mask.sum()
        assert found["millilitres"] == pytest.approx(mask.sum() * 0.9 * 1.1 * 3.0 / 1000)
        assert (found["first"], found["last"]) == (3, 9)
        assert found["lowest_confidence"] == min(confidence[3:10])
        assert confidence[found["least_confident_slice"]] == found["lowest_confidence"]


def test_range_axis_and_seed_slices_reach_the_method(call: Call, case: Case) -> None:
    seeds = array(case.seeds)
    seeds[:] = 0
    seeds[:, 20] = array(case.truth)[:, 20]
    write(case.seeds, seeds, sitk.ReadImage(str(case.image)))
    out = case.folder / "mask.nii.gz"
    words = (
        "propagate",
        case.image,
        case.seeds,
        "-o",
        out,
        "--axis",
        1,
        "--range",
        "16:30",
        "--seed-slices",
        "1:20,28",
    )
    assert call(*words).status == 0
    labels = array(out)
    np.testing.assert_array_equal(labels[:, 20] == 1, seeds[:, 20] == 1)
    assert not labels[:, 28].any(), "an empty seed slice is a stop"
    assert not labels[:, 30:].any(), "the range is half-open"
    assert not (labels == 2).any(), "labels that --seed-slices does not name are left out"
    assert labels[:, 18].any()


def test_hints_hold_to_the_voxel_and_a_bad_table_writes_nothing(call: Call, case: Case) -> None:
    out, hints = case.folder / "mask.nii.gz", case.folder / "hints.csv"
    truth = array(case.truth)
    z, y, x = (int(i) for i in np.argwhere(truth == 1)[len(np.argwhere(truth == 1)) // 4])
    hints.write_text(f"label,z,y,x,inside\n1,{z},{y},{x},0\n1,{z},0,0,1\n")
    outcome = call("propagate", case.image, case.seeds, "-o", out, "--device", "cpu", "--hints", hints)
    assert outcome.status == 0, outcome.err
    assert array(out)[z, y, x] != 1
    assert array(out)[z, 0, 0] == 1
    out.unlink()
    hints.write_text("label,z,y,x,inside\n1,900,0,0,1\n")
    outcome = call("propagate", case.image, case.seeds, "-o", out, "--device", "cpu", "--hints", hints)
    assert outcome.status == 2
    assert "outside the volume" in outcome.err
    assert not out.exists()


def test_a_dicom_folder_is_one_scan(call: Call, case: Case, medssl_data: Path) -> None:
    folder = next(path for path in sorted((medssl_data / "dicom").iterdir()) if path.is_dir())
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    reference = reader.Execute()
    scan = sitk.GetArrayViewFromImage(reference)
    seeds = np.zeros(scan.shape, np.uint8)
    middle = len(scan) // 2
    y, x = (n // 2 for n in scan.shape[1:])
    seeds[middle, y - 6 : y + 6, x - 6 : x + 6] = 1
    write(case.seeds, seeds, reference)
    out = case.folder / "mask.nii.gz"
    outcome = call("propagate", folder, case.seeds, "-o", out, "--range", f"{middle - 2}:{middle + 3}")
    assert outcome.status == 0, outcome.err
    assert read_labels(out).shape == scan.shape


def test_a_frame_of_a_4d_scan(call: Call, case: Case) -> None:
    scan = sitk.ReadImage(str(case.image))
    moving = case.folder / "moving.nii.gz"
    sitk.WriteImage(sitk.JoinSeries([scan * 0, scan, scan * 0]), str(moving))
    words = ("propagate", moving, case.seeds, "-o", case.folder / "a.nii.gz")
    assert "--frame" in call(*words).refused()
    assert call(*words, "--frame", 1).status == 0
    assert call("propagate", case.image, case.seeds, "-o", case.folder / "b.nii.gz").status == 0
    np.testing.assert_array_equal(array(case.folder / "a.nii.gz"), array(case.folder / "b.nii.gz"))
    assert "frame" in call(*words, "--frame", 3).refused()


def test_seeds_may_be_4d_where_the_scan_is(call: Call, case: Case) -> None:
    for path in (case.image, case.seeds):
        frame = sitk.ReadImage(str(path))
        sitk.WriteImage(sitk.JoinSeries([frame * 0, frame]), str(path))
    out = case.folder / "a.nii.gz"
    assert call("propagate", case.image, case.seeds, "-o", out, "--frame", 1).status == 0
    assert array(out)[6].any()


def test_an_existing_output_is_replaced_and_kept_when_refused(call: Call, case: Case) -> None:
    out = case.folder / "mask.nii.gz"
    out.write_bytes(b"old")
    call("propagate", case.image, case.seeds, "-o", out, "--range", "20:30").refused()
    assert out.read_bytes() == b"old"
    assert call("propagate", case.image, case.seeds, "-o", out, "--range", "5:8").status == 0
    assert array(out).any()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "mask.txt"], "mask.txt"),
        (["-o", "mask"], ".nii.gz"),
        (["-o", ".nii.gz"], ".nii.gz"),
        (["-o", "nowhere/mask.nii.gz"], "nowhere does not exist"),
        (["-o", "image.nii.gz"], "also an input"),
        (["-o", "./seeds.nii.gz"], "also an input"),
        (["-o", "link.nii.gz"], "also an input"),
        (["-o", "taken.nii.gz"], "folder"),
        (["-o", "truth.nii.gz/mask.nii.gz"], "does not exist"),
        (["-o", "m.nii.gz", "--seed-slices", "3:6"], "Label 3"),
        (["-o", "m.nii.gz", "--seed-slices", "1:5"], "not drawn on slice 5"),
        (["-o", "m.nii.gz", "--seed-slices", "1:14"], "0 to 13"),
        (["-o", "m.nii.gz", "--range", "0:15"], "14 slices"),
        (["-o", "m.nii.gz", "--range", "14:"], "14 slices"),
        (["-o", "m.nii.gz", "--range", "7:14"], "drawn"),
        (["-o", "m.nii.gz", "--model", "no-such-model"], "no-such-model"),
        (["-o", "m.nii.gz", "--model", "../default"], "../default"),
        (["-o", "m.nii.gz", "--series", "2"], "series"),
        (["-o", "m.nii.gz", "--frame", "1"], "frame"),
        (["-o", "m.nii.gz", "--frame", "-1"], "frame"),
        (["-o", "m.nii.gz", "--device", "cuda:9"], "cuda:9"),
    ],
)
def test_settings_that_cannot_be_used(
    call: Call, case: Case, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    (case.folder / "link.nii.gz").symlink_to(case.seeds)
    (case.folder / "taken.nii.gz").mkdir()
    monkeypatch.chdir(case.folder)
    before = {path: path.read_bytes() for path in case.folder.iterdir() if path.is_file()}
    assert said in call("propagate", "image.nii.gz", "seeds.nii.gz", *words).refused()
    assert {path: path.read_bytes() for path in case.folder.iterdir() if path.is_file()} == before
    assert not any((case.folder / "taken.nii.gz").iterdir())


def test_the_output_is_checked_before_anything_is_read(call: Call, tmp_path: Path) -> None:
    sentence = call("propagate", tmp_path / "no.nii", tmp_path / "nor.nii", "-o", tmp_path / "x" / "m.nii").refused()
    assert "x does not exist" in sentence


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to(call: Call, case: Case) -> None:
    closed = case.folder / "closed"
    closed.mkdir(mode=0o555)
    assert "permission" in call("propagate", case.image, case.seeds, "-o", closed / "m.nii.gz").refused()


def test_a_folder_that_may_not_be_written_to_even_for_root(
    call: Call, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode, **more: not mode & os.W_OK and allowed(path, mode, **more))
    assert "permission" in call("propagate", case.image, case.seeds, "-o", case.folder / "m.nii.gz").refused()


def test_cancelling_before_the_first_slice_writes_nothing(
    call: Call, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_medssl.commands.interrupts import Interruption

    monkeypatch.setattr(Interruption, "__call__", lambda self: True)
    before = case.files
    outcome = call("propagate", case.image, case.seeds, "-o", case.folder / "m.nii.gz")
    assert outcome.status == 3
    assert "nothing was written" in outcome.out
    assert case.files == before
