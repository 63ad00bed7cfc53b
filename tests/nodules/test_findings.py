"""Nodules, their boxes in oblique scans, their tables, and what a training folder says about its scans."""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medssl.errors import BadInput
from napari_medssl.nodules import Annotated, Nodule, read_annotations, read_findings, read_scan_names, write_findings
from napari_medssl.nodules.boxes import ball_of, box_of, in_scan, inside, keep_best, outside_sentence
from napari_medssl.training.data import Case
from napari_medssl.volumes import Geometry

ANGLE = st.floats(-math.pi, math.pi)
MM = st.floats(-400, 400)


def turned(angles: tuple[float, float, float], spacing: tuple[float, float, float] = (0.7, 0.8, 2.5)) -> Geometry:
    direction = sitk.Euler3DTransform((0, 0, 0), *angles).GetMatrix()
    return Geometry(spacing, (-120.0, 35.5, -610.25), direction)


@given(angles=st.tuples(ANGLE, ANGLE, ANGLE), centre=st.tuples(MM, MM, MM), diameter=st.floats(1.0, 60.0))
def test_a_box_holds_the_ball_and_no_more_in_any_direction(
    angles: tuple[float, float, float], centre: tuple[float, float, float], diameter: float
) -> None:
    geometry = turned(angles)
    box = np.array(box_of(centre, diameter, geometry))
    rng = np.random.default_rng(0)
    points = rng.normal(size=(200, 3))
    points = np.array(centre) + points / np.linalg.norm(points, axis=1, keepdims=True) * diameter / 2
    touched = np.rint(geometry.indices(points))
    assert (touched >= box[:3]).all()
    assert (touched < box[3:]).all()
    for axis in range(3):  # the outermost points of the ball along each axis lie in the outermost voxels
        for side in (-1, 1):
            tip = geometry.indices(centre)
            tip[axis] += side * diameter / 2 / geometry.spacing_zyx[axis]
            edge = box[axis] if side < 0 else box[3 + axis] - 1
            assert abs(tip[axis] - edge) <= 0.5 + 1e-6
    back, size = ball_of(box.tolist(), geometry)
    assert np.abs(np.array(back) - centre).max() <= np.linalg.norm(geometry.spacing) / 2 + 1e-6
    assert abs(size - diameter) <= np.mean(geometry.spacing) * 2


def test_positions_are_those_of_simpleitk() -> None:
    geometry = turned((0.1, -0.2, 0.3))
    image = sitk.Image([20, 30, 10], sitk.sitkInt16)
    geometry.apply_to(image)
    place = image.TransformContinuousIndexToPhysicalPoint((3.0, 7.0, 5.0))
    assert ball_of((5, 7, 3, 6, 8, 4), geometry)[0] == pytest.approx(place, abs=1e-9)
    assert box_of(place, 0.1, geometry) == (5, 7, 3, 6, 8, 4)


def test_boxes_are_cut_to_the_scan() -> None:
    nodule = in_scan(Nodule((9.0, 0.0, 4.0), 6.0), Geometry(), (5, 8, 10))
    assert nodule.box == (1, 0, 6, 5, 4, 10)
    assert in_scan(Nodule((50.0, 0.0, 4.0), 6.0), Geometry(), (5, 8, 10)).box == (1, 0, 9, 5, 4, 10)
    assert in_scan(Nodule((5.0, 5.0, 5.0), math.nan), Geometry(), (99, 99, 99)).box == (0, 0, 0, 11, 11, 11)


@pytest.mark.parametrize("wrong", [{"centre": (1, 2, math.nan)}, {"centre": (1, 2)}, {"diameter": 0.0}])
def test_what_is_no_nodule_is_refused(wrong: dict) -> None:
    with pytest.raises(BadInput):
        Nodule(**{"centre": (1, 2, 3), "diameter": 5.0, **wrong})


@given(st.lists(st.tuples(MM, MM, MM, st.floats(2, 30), st.integers(0, 20)), max_size=40))
def test_suppression_agrees_with_brute_force(balls: list[tuple[float, float, float, float, int]]) -> None:
    values = np.array(balls, dtype=float).reshape(-1, 5) * [0.1, 0.1, 0.1, 1, 1]  # close together, with equal scores
    kept: list[int] = []
    for i in sorted(range(len(values)), key=lambda i: -values[i, 4]):
        far = (math.dist(values[i, :3], values[j, :3]) >= max(values[i, 3], values[j, 3]) for j in kept)
        if all(far):
            kept.append(i)
    assert keep_best(values[:, :3], values[:, 3], values[:, 4]).tolist() == kept


# ---- tables


def table(path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode(encoding))
    return path


NAME = st.text(st.characters(categories=["L", "N"]) | st.sampled_from(',;" .-_'), min_size=1, max_size=30).map(
    lambda text: f"a{text}z"  # names lose what lies around them
)
FOUND = st.builds(Nodule, st.tuples(MM, MM, MM), st.floats(0.5, 80) | st.just(math.nan), st.floats(0, 1))


@settings(max_examples=40)
@given(findings=st.dictionaries(NAME, st.lists(FOUND, min_size=1, max_size=5), max_size=4))
def test_tables_come_back(findings: dict[str, list[Nodule]], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "findings.csv"
    write_findings(path, findings)
    back = read_findings(path, "predictions")
    assert list(back) == list(findings)
    for name, nodules in findings.items():
        for one, other in zip(nodules, back[name], strict=True):
            assert other.centre == pytest.approx(one.centre, abs=1e-5)
            assert other.diameter == pytest.approx(one.diameter, rel=1e-8, nan_ok=True)
            assert other.score == pytest.approx(one.score, rel=1e-8)


def test_luna16s_own_table_is_read(medssl_data: Path, tmp_path: Path) -> None:
    source = medssl_data / "nodule_crops" / "luna16_annotations_head.csv"
    found = read_findings(source, "annotations")
    first = found["1.3.6.1.4.1.14519.5.2.1.6279.6001.100225287222365663678666836860"]
    assert [one.diameter for one in first] == pytest.approx([5.651470635, 4.224708481])
    assert sum(map(len, found.values())) == len(source.read_text().splitlines()) - 1
    write_findings(tmp_path / "again.csv", found, probability=False)
    assert (tmp_path / "again.csv").read_text().splitlines()[0] == source.read_text().splitlines()[0]
    again = read_findings(tmp_path / "again.csv", "annotations")
    for scan, nodules in found.items():
        assert [one.centre for one in again[scan]] == [pytest.approx(one.centre, abs=1e-5) for one in nodules]


HEAD = "seriesuid,coordX,coordY,coordZ,diameter_mm,probability"


@pytest.mark.parametrize(
    ("lines", "encoding"),
    [
        ((HEAD, "scan.nii.gz,1.5,-2,3e1,4,0.5"), "utf-8-sig"),
        ((HEAD.replace(",", ";"), "scan;1,5;-2;30,0;4;0,5"), "utf-8"),
        ((HEAD.replace(",", "\t"), "scan\t1,5\t-2\t30\t4\t0.5", ""), "utf-16"),
        (("Probability, seriesUID ,coordx,coordY,coordZ,note,diameter_mm", "0.5,scan,1.5,-2,30,müde,4"), "cp1252"),
    ],
)
def test_what_spreadsheets_make_of_a_table_is_read(lines: tuple[str, ...], encoding: str, tmp_path: Path) -> None:
    assert read_findings(table(tmp_path / "t.csv", *lines, encoding=encoding)) == {
        "scan": [Nodule((1.5, -2.0, 30.0), 4.0, 0.5)]
    }


@pytest.mark.parametrize(
    ("lines", "kind", "words"),
    [
        ((), "any", "is empty"),
        (("seriesuid,coordX,coordY,diameter_mm", "a,1,2,3"), "any", "no column coordZ"),
        (("seriesuid,x,y,z,diameter_mm", "a,1,2,3,4"), "any", "must be world coordinates in mm (LPS"),
        (("seriesuid,coordX,coordY,coordZ", "a,1,2,3"), "annotations", "no column diameter_mm"),
        (("seriesuid,coordX,coordY,coordZ", "a,1,2,3"), "predictions", "need the detector's probability"),
        ((HEAD, "a,1,2,3,4,0.5", "a,1,two,3,4,0.5"), "any", "Line 3 of"),
        ((HEAD, "a,1,nan,3,4,0.5"), "any", "coordY is 'nan', which is no number"),
        ((HEAD, ",1,2,3,4,0.5"), "any", "it has no seriesuid"),
        ((HEAD, "a,1,2"), "any", "it has no coordZ"),
        ((HEAD, "a,1,2,3,-1,0.5"), "annotations", "diameter_mm is -1, and must be above 0"),
        ((HEAD, "a,1,2,3,4\0,0.5"), "any", "is no text table"),
    ],
)
def test_tables_that_cannot_be_used(lines: tuple[str, ...], kind: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(BadInput) as raised:
        read_findings(path, kind)
    assert words in str(raised.value)
    assert str(path) in str(raised.value)


def test_irrelevant_findings_need_no_diameter(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", HEAD[: -len(",probability")], "a,1,2,3,-1", "a,1,2,3,")
    found = read_findings(path, "irrelevant")["a"]
    assert [math.isnan(one.diameter) for one in found] == [True, True]
    assert found[0].radius == 5.0


def test_long_tables_are_read_quickly(tmp_path: Path) -> None:
    path = tmp_path / "candidates.csv"
    path.write_text("\n".join([HEAD, *(f"scan{i % 800},1.25,{i},-3.5,4,0.5" for i in range(20_000))]))
    started = time.process_time()
    found = read_findings(path)
    assert time.process_time() - started < 3  # a tenth of that on an idle machine
    assert sum(map(len, found.values())) == 20_000
    assert found["scan7"][1].centre == (1.25, 807.0, -3.5)


def test_names_of_scans(tmp_path: Path) -> None:
    assert read_scan_names(table(tmp_path / "s.csv", "1.2.3", "scan.mhd", "")) == ["1.2.3", "scan"]
    assert read_scan_names(table(tmp_path / "s.csv", "seriesuid", "b", "a")) == ["b", "a"]
    with pytest.raises(BadInput, match="twice, on lines 1 and 3"):
        read_scan_names(table(tmp_path / "s.csv", "a", "b", "a"))
    with pytest.raises(BadInput, match="names no scan"):
        read_scan_names(table(tmp_path / "s.csv", "seriesuid"))


# ---- other conventions

SCAN = Geometry((0.5, 0.5, 2.0), (-100.0, -150.0, -600.0))
SHAPE = (60, 400, 420)
VOXELS = ((30.0, 20.0, 10.0), (5.0, 39.0, 380.0))  # z, y, x


@pytest.mark.parametrize(
    ("places", "words"),
    [
        ([(-x, -y, z) for x, y, z in SCAN.world(VOXELS)], "(RAS)"),
        ([v[::-1] for v in VOXELS], "voxel numbers (x, y, z)"),
        (list(VOXELS), "voxel numbers (z, y, x)"),
        ([(900.0, 900.0, 900.0)], "check that the table is of this scan"),
    ],
)
def test_other_conventions_are_named(places: list[tuple[float, float, float]], words: str) -> None:
    sentence = outside_sentence([Nodule(tuple(p), 5.0) for p in places], SCAN, SHAPE, "scan 3", "found.csv")
    assert sentence is not None
    assert words in sentence
    assert sentence.startswith(f"{len(places)} of {len(places)} findings of scan 3 in found.csv lie outside")


def test_what_lies_inside_is_not_complained_about() -> None:
    nodules = [Nodule(tuple(SCAN.world(v)), 5.0) for v in VOXELS]
    assert outside_sentence(nodules, SCAN, SHAPE, "a", "b") is None
    assert outside_sentence([], SCAN, SHAPE, "a", "b") is None
    assert inside([*nodules, Nodule((0.0, 0.0, 0.0), 5.0)], SCAN, SHAPE).tolist() == [True, True, False]


# ---- a training folder

CASES = [Case(Path(f"images/{name}.mhd")) for name in ("1.2.3", "1.2.4", "1.2.5")]


def test_who_is_annotated(tmp_path: Path) -> None:
    assert read_annotations(tmp_path, CASES) == dict.fromkeys(("1.2.3", "1.2.4", "1.2.5"), Annotated())
    table(tmp_path / "annotations.csv", HEAD[: -len(",probability")], "1.2.3,1,2,3,4", "1.2.5,1,2,3,4", "9,0,0,0,3")
    found = read_annotations(tmp_path, CASES)
    assert {name: known.labelled for name, known in found.items()} == {"1.2.3": True, "1.2.4": False, "1.2.5": True}
    table(tmp_path / "seriesuids.csv", "1.2.3", "1.2.4")
    table(tmp_path / "annotations_excluded.csv", HEAD[: -len(",probability")], "1.2.4,7,8,9,-1")
    found = read_annotations(tmp_path, CASES)
    assert found["1.2.3"] == Annotated((Nodule((1.0, 2.0, 3.0), 4.0),), (), True)
    assert found["1.2.4"].labelled
    assert found["1.2.4"].findings == ()
    assert found["1.2.4"].irrelevant[0].centre == (7.0, 8.0, 9.0)
    assert found["1.2.5"] == Annotated()


def test_luna16s_own_folders_are_understood(tmp_path: Path) -> None:
    home = tmp_path / "evaluationScript" / "annotations"
    home.mkdir(parents=True)
    table(home / "seriesuids.csv", "1.2.4")
    table(home / "annotations.csv", HEAD[: -len(",probability")], "1.2.3,1,2,3,4")
    assert [name for name, known in read_annotations(tmp_path, CASES).items() if known.labelled] == ["1.2.4"]


def test_tables_of_other_scans_are_refused(tmp_path: Path) -> None:
    table(tmp_path / "seriesuids.csv", "somebody")
    with pytest.raises(BadInput, match=r"no annotations\.csv beside it"):
        read_annotations(tmp_path, CASES)
    table(tmp_path / "annotations.csv", HEAD[: -len(",probability")], "1.2.3,1,2,3,4")
    with pytest.raises(BadInput, match=r"names none of the scans, for instance not 1\.2\.3"):
        read_annotations(tmp_path, CASES)
