"""A folder of scans: one failure does not stop the others, and the exit status tells."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import SimpleITK as sitk

from napari_medssl.errors import BadInput
from napari_medssl.propagation.batch import find_cases
from napari_medssl.propagation.review import NAME, mark, read_review
from tests.commands.conftest import Call, make_case


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Three scans ("a" as NIfTI, "b" as NRRD, "c" as MHA) and their seeds; the output folder is not there yet."""
    images, seeds = tmp_path / "images", tmp_path / "seeds"
    images.mkdir()
    seeds.mkdir()
    made = make_case(tmp_path, slices=9, side=48, drawn=4)
    for name, suffix in (("a", ".nii.gz"), ("b", ".nrrd"), ("c", ".mha")):
        sitk.WriteImage(sitk.ReadImage(str(made.image)), str(images / f"{name}{suffix}"))
        sitk.WriteImage(sitk.ReadImage(str(made.seeds)), str(seeds / f"{name}.nii.gz"))
    return images, seeds, tmp_path / "masks"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_scan_of_a_folder(call: Call, folders: tuple[Path, Path, Path]) -> None:
    images, seeds, out = folders
    outcome = call("propagate", images, seeds, "-o", out)
    assert outcome.status == 0, outcome.err
    assert names(out) == ["a.nii.gz", "b.nii.gz", "c.nii.gz", NAME]
    assert "All 3 scans are done" in outcome.out
    first, second = (sitk.GetArrayFromImage(sitk.ReadImage(str(out / f"{name}.nii.gz"))) for name in "ab")
    assert (first == second).all()
    assert first.any(axis=(1, 2)).sum() > 5


def test_one_failure_does_not_stop_the_others(call: Call, folders: tuple[Path, Path, Path]) -> None:
    images, seeds, out = folders
    (images / "a.nii.gz").write_bytes(b"nothing like a scan")
    (images / "d.nii").write_bytes((images / "b.nrrd").read_bytes())
    outcome = call("propagate", images, seeds, "-o", out, "--json")
    report = outcome.json
    assert outcome.status == 2
    assert names(out) == ["b.nii.gz", "c.nii.gz", NAME]
    assert set(report["failed"]) == {"a", "d"}
    assert "no seeds of this name" in report["failed"]["d"]
    assert [Path(one["output"]).name for one in report["done"]] == ["b.nii.gz", "c.nii.gz"]
    assert report["done"][0]["confidence"]["1"][4] == 1
    assert "2 of 4 scans" in report["error"]
    assert outcome.err.splitlines()[-1] == report["error"]
    words = call("propagate", images, seeds, "-o", out)
    assert words.status == 2
    assert "a" in words.err
    assert "Traceback" not in words.err


def test_nothing_is_left_behind_when_all_fail(call: Call, folders: tuple[Path, Path, Path]) -> None:
    images, seeds, out = folders
    for path in seeds.iterdir():
        path.write_bytes(b"")
    assert call("propagate", images, seeds, "-o", out).status == 2
    assert not out.exists()


@pytest.mark.parametrize("wrong", ["images", "seeds", "file", "nowhere/masks", "link"])
def test_output_folders_that_cannot_be_used(call: Call, folders: tuple[Path, Path, Path], wrong: str) -> None:
    images, seeds, out = folders
    (out.parent / "file").write_bytes(b"")
    (out.parent / "link").symlink_to(images)
    before = names(images), names(seeds)
    call("propagate", images, seeds, "-o", out.parent / wrong).refused()
    assert (names(images), names(seeds)) == before


def test_an_empty_folder_of_scans(call: Call, folders: tuple[Path, Path, Path]) -> None:
    images, seeds, out = folders
    for path in [*images.iterdir(), *seeds.iterdir()]:
        path.unlink()
    call("propagate", images, seeds, "-o", out).refused()
    assert not out.exists()


def test_pairs_by_name(folders: tuple[Path, Path, Path]) -> None:
    images, seeds, out = folders
    (images / "dicom").mkdir()
    (images / "twice.nii").touch()
    (images / "twice.mha").touch()
    (images / ".hidden.nii").touch()
    (images / "notes.txt").touch()
    (images / "e.hdr").touch()
    (images / "e.img").touch()
    for name in ("dicom.seg.nrrd", "twice.nii.gz", "e.hdr", "e.img", "lonely.nii.gz"):
        (seeds / name).touch()
    cases = find_cases(images, seeds, out)
    jobs = {case.name: case.job for case in cases if case.job is not None}
    failed = {case.name: case.why for case in cases if case.job is None}
    assert sorted(jobs) == ["a", "b", "c", "dicom", "e"]
    assert jobs["dicom"].output.name == "dicom.seg.nrrd"
    assert jobs["e"].output.name == "e.nii.gz"
    assert sorted(failed) == ["lonely", "twice"]


def test_a_missing_seeds_folder(call: Call, folders: tuple[Path, Path, Path]) -> None:
    images, seeds, out = folders
    shutil.rmtree(seeds)
    call("propagate", images, seeds, "-o", out).refused()
    with pytest.raises(BadInput):
        find_cases(images, images, images)


def test_running_again_does_what_is_left_and_nothing_twice(call: Call, folders: tuple[Path, Path, Path]) -> None:
    images, seeds, out = folders
    kept = (seeds / "c.nii.gz").read_bytes()
    (seeds / "c.nii.gz").unlink()
    assert call("propagate", images, seeds, "-o", out).status == 2
    review = read_review(out)
    assert [review[name].status for name in "abc"] == ["to review", "to review", "failed"]
    assert "no seeds of this name" in review["c"].message
    assert review["a"].labels == "1 2"
    assert 0 < review["a"].lowest_confidence <= 1
    mark(out, "a", "reviewed")
    before = (out / "a.nii.gz").stat().st_mtime_ns

    (seeds / "c.nii.gz").write_bytes(kept)
    again = call("propagate", images, seeds, "-o", out, "--json")
    assert again.status == 0, again.err
    assert again.json["unchanged"] == ["a", "b"]
    assert [Path(one["output"]).name for one in again.json["done"]] == ["c.nii.gz"]
    assert (out / "a.nii.gz").stat().st_mtime_ns == before
    assert {name: one.status for name, one in read_review(out).items()} == {
        "a": "reviewed", "b": "to review", "c": "to review",
    }  # fmt: skip
    other = call("propagate", images, seeds, "-o", out, "--range", "2:7", "--json")
    assert [Path(one["output"]).name for one in other.json["done"]] == ["b.nii.gz", "c.nii.gz"]
    assert "was reviewed" in other.json["failed"]["a"]


def test_a_mask_that_somebody_changed_stays(call: Call, folders: tuple[Path, Path, Path]) -> None:
    images, seeds, out = folders
    assert call("propagate", images, seeds, "-o", out).status == 0
    corrected = (seeds / "b.nii.gz").read_bytes()
    (out / "a.nii.gz").write_bytes(corrected)
    assert call("propagate", images, seeds, "-o", out).status == 0
    assert (out / "a.nii.gz").read_bytes() == corrected
    outcome = call("propagate", images, seeds, "-o", out, "--range", "2:7", "--json")
    assert outcome.status == 2
    assert "was reviewed or changed by someone" in outcome.json["failed"]["a"]
    assert (out / "a.nii.gz").read_bytes() == corrected


def test_the_session_beside_a_drawing_says_what_was_drawn(call: Call, folders: tuple[Path, Path, Path]) -> None:
    images, seeds, out = folders
    for name in "ab":
        shutil.copy(seeds / f"{name}.nii.gz", out.parent)
    first = call("propagate", images, seeds, "-o", out, "--save-session")
    assert first.status == 0, first.err
    assert "a.session.json" in names(out)
    for name in ("a.nii.gz", "a.session.json"):  # the whole mask, of which the session knows the one drawn slice
        shutil.copy(out / name, seeds / name)
    second = call("propagate", images, seeds, "-o", out.parent / "second", "--json")
    a, b = (one["confidence"]["1"] for one in second.json["done"][:2])
    assert a == b
    assert a.count(1) == 1
