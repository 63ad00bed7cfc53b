"""``napari-medssl detect`` and ``evaluate detection``: tables, lists, JSON, folders, and what is refused."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import napari_medssl.nodules.load as loading
from napari_medssl import write_volume
from tests.commands.conftest import Call
from tests.nodules.test_use import MIDDLE, NODULES, SHAPE, STRAIGHT
from tests.nodules.toys import chest, toy_model


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scans") / "patient.1.nii.gz"
    volume = chest(STRAIGHT, SHAPE, NODULES, MIDDLE)
    write_volume(path, volume.array, volume.geometry)
    return path


@pytest.fixture
def scan(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    real = loading._load
    monkeypatch.setattr(loading, "_load", lambda name, device: toy_model() if name == "toy" else real(name, device))
    return Path(shutil.copy(made, tmp_path))


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def test_the_table_and_the_list(call: Call, scan: Path) -> None:
    outcome = call("detect", scan, "-o", scan.with_name("found.csv"), "--model", "toy")
    assert outcome.status == 0, outcome.err
    table = rows(scan.with_name("found.csv"))
    assert {row["seriesuid"] for row in table} == {"patient.1"}
    for centre, diameter in NODULES:
        apart = [
            np.linalg.norm([float(row[f"coord{a}"]) - c for a, c in zip("XYZ", centre, strict=True)]) for row in table
        ]
        assert min(apart) < 2.5
        assert abs(float(table[int(np.argmin(apart))]["diameter_mm"]) - diameter) < 3
    assert outcome.err.count("For research use, not for diagnosis.") == 1
    assert f"patient.1: {len(table)} findings" in outcome.out
    assert "left" in outcome.out
    assert "right" in outcome.out


def test_a_folder_one_failure_and_the_score(call: Call, scan: Path) -> None:
    """What was found, judged against what was put in: everything is found, and one scan without nodules counts."""
    folder = scan.parent / "scans"
    folder.mkdir()
    scan.rename(folder / "a.nii.gz")
    write_volume(folder / "b.nii.gz", np.zeros((4, 8, 8), np.int16), STRAIGHT)
    out = scan.with_name("found.csv")
    outcome = call("detect", folder, "-o", out, "--model", "toy", "--json")
    assert outcome.status == 2
    assert list(outcome.json["failed"]) == ["b"]
    assert "1 of 2 scans could not be used: b." in outcome.json["error"]
    (report,) = outcome.json["scans"]
    assert len(report["findings"]) == len(rows(out))
    assert set(report["findings"][0]) == {"centre_mm", "diameter_mm", "probability", "side", "box_zyx"}

    truth, scans, plot = (folder.parent / name for name in ("truth.csv", "scans.csv", "froc.png"))
    lines = [f"a,{x},{y},{z},{diameter}" for (x, y, z), diameter in NODULES]
    truth.write_text("\n".join(["seriesuid,coordX,coordY,coordZ,diameter_mm", *lines]))
    scans.write_text("a\nb\n")
    judged = call("evaluate", "detection", out, truth, "--scans", scans, "--plot", plot, "--json", "--bootstrap", 50)
    assert judged.status == 0, judged.err
    assert (judged.json["found"], judged.json["nodules"], judged.json["scans"]) == (3, 3, 2)
    assert judged.json["cpm"] == 1
    assert Image.open(plot).size == (900, 640)
    words = call("evaluate", "detection", out, truth, "--scans", scans).out
    assert "mean (CPM)" in words
    assert "3 of 3 nodules in 2 scans" in words


def test_what_cannot_be_used_is_refused(call: Call, scan: Path) -> None:
    out = scan.with_name("found.csv")
    assert "must end in .csv" in call("detect", scan, "-o", scan.with_name("found.txt")).refused()
    assert "no model 'nobody'" in call("detect", scan, "-o", out, "--model", "nobody").refused()
    twin = scan.with_name("patient.1.nrrd")
    shutil.copy(scan, twin)
    assert "have the same name" in call("detect", scan, twin, "-o", out).refused()
    assert not out.exists()


def test_tables_that_do_not_fit_are_refused(call: Call, tmp_path: Path) -> None:
    found, truth, scans = (tmp_path / name for name in ("found.csv", "truth.csv", "scans.csv"))
    found.write_text("seriesuid,coordX,coordY,coordZ,diameter_mm,probability\na,1,2,3,4,0.5\n")
    truth.write_text("seriesuid,coordX,coordY,coordZ,diameter_mm\na,1,2,3,4\nz,1,2,3,4\n")
    scans.write_text("c\n")
    words = ("evaluate", "detection", found, truth, "--scans", scans)
    assert "names none of the scans in" in call(*words).refused()
    scans.write_text("a\n")
    assert "1 scan in" in call(*words).out
    assert "no column probability" in call("evaluate", "detection", truth, truth, "--scans", scans).refused()
    assert "must end in .png" in call(*words, "--plot", tmp_path / "x.pdf").refused()
