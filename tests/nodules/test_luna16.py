"""LUNA16 as it lies on disk after unpacking: subset0 to subset9 with .mhd and .raw, tables beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from napari_medssl.cli import main
from napari_medssl.nodules import Nodule, read_annotations, write_findings
from napari_medssl.nodules.learning.recipe import count_annotations
from napari_medssl.training import train
from napari_medssl.training.data import find_cases, folder_of_tables
from napari_medssl.volumes import Geometry

UID = "1.3.6.1.4.1.14519.5.2.1.6279.6001."
NAMES = [f"{UID}{number}" for number in ("100225287222365663678666836860", "1000231300", "12802390265123398659", "4")]
GEOMETRY = Geometry((1.0, 1.0, 1.25), (-20.0, 35.5, -300.0))
PLACES = {name: (20.0, 15.0 + 5 * at, 22.0) for at, name in enumerate(NAMES)}  # z, y, x in voxels
COLUMNS = "seriesuid,coordX,coordY,coordZ"


@pytest.fixture(scope="module")
def luna(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four scans in two subsets; the last one has no nodule, the first has an irrelevant finding, too."""
    folder = tmp_path_factory.mktemp("LUNA16")
    findings = {}
    for at, name in enumerate(NAMES):
        subset = folder / f"subset{at // 2}"
        subset.mkdir(exist_ok=True)
        z, y, x = np.ogrid[:36, :44, :44]
        middle = PLACES[name]
        away = np.sqrt(((z - middle[0]) * 1.25) ** 2 + (y - middle[1]) ** 2 + (x - middle[2]) ** 2)
        noise = np.random.default_rng(at).normal(0, 20, away.shape)
        ball = away < 5 if name != NAMES[3] else away < 0
        hu = np.where(ball, 30, -850) + noise
        hu[..., :4] = 40  # the chest wall
        image = sitk.GetImageFromArray(hu.astype(np.int16))
        image.SetSpacing(GEOMETRY.spacing)
        image.SetOrigin(GEOMETRY.origin)
        sitk.WriteImage(image, str(subset / f"{name}.mhd"))
        assert (subset / f"{name}.raw").is_file()
        x_mm, y_mm, z_mm = GEOMETRY.world(middle).tolist()
        if name != NAMES[3]:
            findings[name] = [Nodule((x_mm, y_mm, z_mm), 10.0)]
    write_findings(folder / "annotations.csv", findings, probability=False)
    rows = [f"{name},{x},{y},{z},0" for name in NAMES for x, y, z in ((0, 40, -290), (1, 42, -280))]
    (folder / "candidates.csv").write_text("\n".join([f"{COLUMNS},class", *rows]))
    return folder


@pytest.fixture
def tables(luna: Path) -> Any:
    """LUNA16's own script brings more tables."""
    inside = luna / "evaluationScript" / "annotations"
    inside.mkdir(parents=True, exist_ok=True)
    (inside / "seriesuids.csv").write_text("\n".join(NAMES))
    (inside / "annotations_excluded.csv").write_text(f"{COLUMNS},diameter_mm\n{NAMES[0]},0,40,-290,-1\n")
    yield inside
    for path in inside.iterdir():
        path.unlink()


def test_every_scan_that_was_looked_at_is_annotated(luna: Path) -> None:
    cases = find_cases(luna)
    assert [case.name for case in cases] == sorted(NAMES)
    assert len({case.patient for case in cases}) == 4
    assert {folder_of_tables(case.image) for case in cases} == {luna}
    known = read_annotations(luna, cases)
    assert {name: len(one.findings) for name, one in known.items()} == {name: int(name != NAMES[3]) for name in NAMES}
    assert all(one.labelled for one in known.values())
    assert [case.name for case in find_cases(luna / "subset1")] == sorted(NAMES[2:])
    assert folder_of_tables(find_cases(luna / "subset1")[0].image) == luna
    assert count_annotations(cases).words == "4 annotated scans, none without annotations, 3 nodules"


def test_subsets_in_folders_of_their_own_name_are_found(tmp_path: Path) -> None:
    for number in (0, 10):
        folder = tmp_path / f"subset{number}" / f"subset{number}"
        folder.mkdir(parents=True)
        sitk.WriteImage(sitk.Image(4, 4, 4, sitk.sitkInt16), str(folder / f"{number}.mhd"))
    cases = find_cases(tmp_path)
    assert [case.name for case in cases] == ["0", "10"]
    assert {folder_of_tables(case.image) for case in cases} == {tmp_path}


def test_irrelevant_findings_and_fewer_labels(luna: Path, tables: Path) -> None:
    known = read_annotations(luna, find_cases(luna))
    assert len(known[NAMES[0]].irrelevant) == 1
    (tables / "seriesuids.csv").write_text(NAMES[1])
    counted = count_annotations(find_cases(luna))
    assert (counted.labelled, counted.words) == (1, "1 annotated scan, 3 without annotations, 1 nodule")


def test_it_is_trained_on_and_judged_with_two_commands(
    luna: Path, tables: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small: dict[str, Any] = {"side": 32, "batch": 2, "device": "cpu", "threads": 1, "workers": 0, "seconds": 0}
    trained = train("nodules", luna, tmp_path / "run", steps=2, validation=0.0, **small)
    assert trained.card.purpose == "nodules"
    assert trained.card.training["scans"] == {"labelled": 4, "unlabelled": 0}

    found = tmp_path / "found.csv"
    rows = [
        f"{name},{','.join(map(str, GEOMETRY.world(PLACES[name])))},10,{score}"
        for name, score in zip(NAMES, (0.9, 0.8, 0.7, 0.6), strict=True)
    ]
    found.write_text("\n".join([f"{COLUMNS},diameter_mm,probability", *rows]))
    assert main(["evaluate", "detection", str(found), str(luna), "--bootstrap", "0", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["scans"], report["nodules"], report["found"], report["marks"]) == (4, 3, 3, 4)
    assert report["cpm"] == 1.0
    command = ["evaluate", "detection", str(found), str(luna), "--scans", str(luna / "subset1"), "--bootstrap", "0"]
    assert main([*command, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["scans"], report["nodules"], report["found"]) == (2, 1, 1)
    assert any("does not name did not count" in note for note in report["notes"])

    turned = [f"{NAMES[2]},900,40,-290,10,0.9"]
    found.write_text("\n".join([f"{COLUMNS},diameter_mm,probability", *turned]))
    assert main(command) == 0
    assert "1 of 1 findings" in capsys.readouterr().out
    found.unlink()
    assert main(["evaluate", "detection", str(found), str(luna / "subset0")]) == 2
    assert "There is no annotations.csv in" in capsys.readouterr().err


def test_detect_takes_the_folder(luna: Path) -> None:
    from napari_medssl.commands.detect import scans_of

    assert set(scans_of([luna])) == set(NAMES)
    assert set(scans_of([luna / "subset1"])) == set(NAMES[2:])
