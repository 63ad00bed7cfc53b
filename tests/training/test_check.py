"""The report on a data folder: what is there, and what is wrong, told apart."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from malformed import build_malformed, build_wrong_seeds
from training.scan_folders import GEOMETRY, SHAPE, data_folder, half, noise

from napari_medssl.errors import Cancelled
from napari_medssl.training.check import check_data, read_cases
from napari_medssl.training.data import Case, find_cases
from napari_medssl.training.facts import Facts
from napari_medssl.training.glance import glance
from napari_medssl.training.report import Spread, report_on
from napari_medssl.volumes import Geometry, write_labels, write_volume


def only_problem(folder, **options):
    (problem,) = check_data(find_cases(folder), **options).problems
    return problem


def test_a_good_folder(tmp_path):
    images = {"p1_ED": noise(1, low=5, high=900), "p1_ES": noise(2, (6, 6, 8)), "p2": noise(3), "p3": noise(4)}
    folder = data_folder(tmp_path, images, {"p1_ED": half(1), "p2": half(3) + half(2)[::-1]})
    report = check_data(find_cases(folder))
    voxels = int(np.prod(SHAPE))
    assert (report.scans, report.labelled, report.unlabelled, report.patients) == (4, 2, 2, 3)
    assert (report.unusable, report.warnings, report.problems, report.notes) == (0, 0, (), ())
    assert [(count.value, count.scans, count.voxels) for count in report.label_values] == [
        (1, 1, voxels // 2), (2, 1, voxels // 2), (3, 1, voxels // 2),
    ]  # fmt: skip
    assert report.shape == Spread((4, 6, 8), (4, 6, 8), (6, 6, 8))
    assert report.spacing == Spread((2.5, 0.8, 0.7), (2.5, 0.8, 0.7), (2.5, 0.8, 0.7))
    assert report.intensity == (min(a.min() for a in images.values()), max(a.max() for a in images.values()))
    assert report.bytes == (3 * voxels + 6 * 6 * 8) * 2 + 2 * voxels
    assert report.refusal() == ""
    assert report.in_words().splitlines() == [
        "4 scans of 3 patients, 2 with labels.",
        "Labels: 1 (in 1 scan), 2 (in 1 scan), 3 (in 1 scan).",
        "Size (z, y, x): 4 x 6 x 8 to 6 x 6 x 8 (median 4 x 6 x 8) voxels of 2.5 x 0.8 x 0.7 mm.",
        f"Values: {report.intensity[0]:g} to {report.intensity[1]:g}. Read, the scans take 2.1e-06 GB.",
    ]


@pytest.mark.parametrize("label_dtype", [np.uint8, np.uint16])
def test_labels_are_counted_as_numpy_counts_them(tmp_path, label_dtype):
    rng = np.random.default_rng(0)
    labels = rng.choice([0, 0, 1, 7, 200 if label_dtype is np.uint8 else 3000], SHAPE).astype(label_dtype)
    folder = data_folder(tmp_path, {"a": noise(1)}, {"a": labels})
    report = check_data(find_cases(folder))
    values, counts = np.unique(labels[labels > 0], return_counts=True)
    assert [(c.value, c.voxels) for c in report.label_values] == list(zip(values, counts, strict=True))


def test_every_malformed_file_is_unusable_and_said_so(tmp_path):
    files = {name: path for name, path in build_malformed(tmp_path).items() if path.is_file()}
    report = check_data([Case(path) for path in files.values()])
    assert len(files) > 20
    assert report.unusable == report.scans == len(files)
    assert {problem.severity for problem in report.problems} == {"unusable"}
    for (name, path), problem in zip(files.items(), report.problems, strict=True):
        assert path.name in problem.sentence, name
        assert "--frame" not in problem.sentence, name
    assert report.shape is report.spacing is report.intensity is None
    assert report.refusal(leave_out_unusable=True).startswith(f"{len(files)} of {len(files)} scans cannot be used")


def test_every_label_map_that_does_not_fit_is_unusable(tmp_path):
    scan, wrong = build_wrong_seeds(tmp_path)
    report = check_data([Case(scan, path) for path in wrong.values()])
    assert len(wrong) > 4
    assert report.unusable == len(wrong)
    assert {problem.kind for problem in report.problems} == {"labels do not fit"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"shape": (5, 6, 8)}, "has the shape (5, 6, 8) and"),
        ({"spacing": (0.7, 0.9, 2.5)}, "its spacing is 2.5 x 0.9 x 0.7 mm instead of 2.5 x 0.8 x 0.7 mm"),
        ({"origin": (-50, -55, 70)}, "its origin is 5 mm away"),
        ({"direction": (0, 1, 0, -1, 0, 0, 0, 0, 1)}, "its axes are turned by 90 degrees"),
    ],
)
def test_label_geometry_is_told_apart(tmp_path, changed, said):
    folder = data_folder(tmp_path, {"a": noise(1)})
    shape = changed.pop("shape", SHAPE)
    write_labels(folder / "labels" / "a.nrrd", half(1, shape), replace(GEOMETRY, **changed))
    problem = only_problem(folder)
    assert said in problem.sentence
    assert problem.severity == "unusable"


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (np.full(SHAPE, 7, np.int16), "all the same value"),
        (noise(1, (1, 6, 8)), "a single slice"),
        (np.full(SHAPE, np.nan, np.float32), "no numbers"),
        (noise(1).astype(np.float64) * 1e40, "values too large"),
    ],
)
def test_images_that_show_nothing_are_unusable(tmp_path, array, kind):
    folder = data_folder(tmp_path, {"good": noise(2)})
    import SimpleITK

    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(array), str(folder / "images" / "bad.nii.gz"))
    problem = only_problem(folder)
    assert (problem.name, problem.severity, problem.kind) == ("bad", "unusable", kind)
    assert "bad.nii.gz" in problem.sentence


def test_frames_are_to_be_saved_as_files_of_their_own(tmp_path):
    import nibabel

    (tmp_path / "images").mkdir()
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 5, 6, 3), np.int16), np.eye(4)), tmp_path / "images" / "cine.nii.gz")
    problem = only_problem(tmp_path)
    assert problem.kind == "more than three dimensions"
    assert "holds 3 frames; save the one to train on" in problem.sentence


def test_voxels_that_are_no_numbers_are_a_warning(tmp_path):
    array = noise(1).astype(np.float32)
    array[0, 0, :3] = [np.nan, np.inf, -np.inf]
    write_volume(tmp_path / "a.nii.gz", array, GEOMETRY)
    problem = only_problem(tmp_path)
    assert problem.severity == "warning"
    finite = array[np.isfinite(array)]
    assert f"has 3 voxels that are no numbers; they are taken as the lowest value, {finite.min():g}" in problem.sentence
    ((scan, facts),) = read_cases(find_cases(tmp_path))
    assert (facts.lowest, facts.highest) == (finite.min(), finite.max())
    assert np.array_equal(scan.array, np.where(np.isfinite(array), array, finite.min()))


def test_labels_that_mark_nothing_are_a_warning(tmp_path):
    folder = data_folder(tmp_path, {"a": noise(1), "b": noise(2)}, {"a": half(0)})
    assert only_problem(folder).kind == "empty labels"
    assert "mark nothing" in check_data(find_cases(folder), needs_labels=True).refusal()


def test_the_same_voxels_under_two_names_are_a_warning_whatever_the_type_of_number(tmp_path):
    folder = data_folder(tmp_path, {"a": noise(1), "b": noise(2), "c": noise(1).astype(np.float32)})
    problem = only_problem(folder)
    assert (problem.name, problem.severity, problem.kind) == ("c", "warning", "duplicate")
    assert "same voxels as a.nii.gz" in problem.sentence
    assert check_data(find_cases(folder)).patients == 2


def test_a_voxel_of_difference_or_another_shape_is_no_duplicate(tmp_path):
    one = noise(1)
    other = one.copy()
    other[1, 2, 3] += 1
    folder = data_folder(tmp_path, {"a": one, "b": other, "c": one.reshape(4, 8, 6)})
    assert check_data(find_cases(folder)).problems == ()


def test_notes_on_the_folder(tmp_path):
    folder = data_folder(tmp_path, {"ct": noise(1, low=-1000), "mr": noise(2)}, {"mr": half(), "lost": half()})
    write_volume(folder / "images" / "thick.nii.gz", noise(3), Geometry(spacing=(1, 1, 4)))
    report = check_data(find_cases(folder))
    assert report.notes == (
        "1 scan has slices at least 4 times as thick as the pixels are large.",
        "Some scans look like CT (1) and others do not (2): mixed kinds of scans are better trained apart.",
        "1 label file in labels/ without an image of the same name: not used.",
    )


def test_the_event_log_gets_no_name_of_a_file(tmp_path):
    images, labels = {"smith": noise(1), "jones": noise(1)}, {"smith": half(0), "else": half()}
    folder = data_folder(tmp_path / "secret", images, labels)
    (folder / "images" / "miller.nii.gz").write_bytes(b"nothing")
    report = check_data(find_cases(folder))
    logged = json.dumps(report.as_dict())
    assert {problem.name for problem in report.problems} == {"smith", "miller"}
    assert not [name for name in ("smith", "jones", "miller", "else", "secret", str(tmp_path)) if name in logged]
    told = json.loads(logged)
    assert told["unusable"] == 1
    assert {"severity": "unusable", "kind": "cannot be read", "scans": 1} in told["problems"]


def test_what_is_refused(tmp_path):
    folder = data_folder(tmp_path, {"a": noise(1), "b": noise(2)})
    assert check_data(find_cases(folder)).refusal() == ""
    assert "none here has any" in check_data(find_cases(folder), needs_labels=True).refusal()
    (folder / "images" / "bad.nii.gz").write_bytes(b"")
    report = check_data(find_cases(folder))
    assert report.refusal(leave_out_unusable=True) == ""
    assert report.refusal().startswith(str(folder / "images" / "bad.nii.gz"))
    assert report.refusal().endswith("Or leave out unusable scans (leave_out_unusable).")


def test_progress_and_stopping(tmp_path):
    cases = find_cases(data_folder(tmp_path, {f"s{i}": noise(i) for i in range(6)}))
    told = []
    check_data(cases, on_progress=lambda *counts: told.append(counts))
    assert told == [(i + 1, 6) for i in range(6)]
    told.clear()
    with pytest.raises(Cancelled):
        check_data(cases, on_progress=lambda *counts: told.append(counts), cancelled=lambda: len(told) == 2)
    assert len(told) == 2


def test_cases_are_read_in_order_whatever_the_threads(tmp_path):
    cases = find_cases(data_folder(tmp_path, {f"s{i}": noise(i) for i in range(7)}))
    lowest = [read[1].digest for read in read_cases(cases, 1)]
    assert [read[1].digest for read in read_cases(cases, 4)] == lowest
    assert len(set(lowest)) == 7


def test_a_report_of_many_labels_and_much_data_stays_short():
    facts = Facts((9, 9, 9), (1.0, 1.0, 1.0), 0, 9, 0, 10**12, "x", dict.fromkeys(range(1, 40), 5))
    from pathlib import Path

    words = report_on([Case(Path("a.nii"), Path("b.nii"))], [facts]).in_words()
    assert "20 (in 1 scan) and 19 more." in words
    assert "take 1e+03 GB" in words


def test_a_glance(tmp_path):
    folder = data_folder(tmp_path, {"p1_ED": noise(1), "p1_ES": noise(2, (6, 6, 8)), "p2": noise(3)}, {"p2": half()})
    (folder / "images" / "bad.nii.gz").write_bytes(b"nothing")
    seen = glance(folder, seconds=60)
    assert (seen.scans, seen.labelled, seen.patients, seen.headers, seen.unreadable) == (4, 1, 3, 4, 1)
    assert seen.shape == Spread((4, 6, 8), (4, 6, 8), (6, 6, 8))
    assert seen.spacing == Spread((2.5, 0.8, 0.7), (2.5, 0.8, 0.7), (2.5, 0.8, 0.7))
    assert seen.bytes == sum(path.stat().st_size for path in folder.rglob("*.nii.gz"))
    assert seen.in_words().startswith("4 scans of 3 patients, 1 with labels, ")
    assert glance(folder, seconds=-1).headers == 0


@pytest.mark.parametrize(
    ("name", "scans", "patients", "values"), [("acdc", 60, 30, (1, 2, 3)), ("la2018", 40, 40, (1,))]
)
def test_real_folders_are_usable(medssl_data, name, scans, patients, values):
    report = check_data(find_cases(medssl_data / name))
    assert (report.scans, report.patients, report.unusable) == (scans, patients, 0)
    assert tuple(count.value for count in report.label_values) == values
