"""``napari-medssl propagate`` with sessions: it takes up what was drawn, and leaves a session to go on with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from napari_medssl.propagation.session import Session
from napari_medssl.propagation.session_file import load_session, save_session, session_path
from napari_medssl.propagation.strokes import Stroke, stroke_of
from tests.commands.conftest import Call, Case, make_case, write


def array(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def stroke(session: Session, labels: np.ndarray, axis: int, index: int, label: int) -> Stroke:
    """What is on a slice, as a stroke by hand."""
    where = tuple(slice(index, index + 1) if a == axis else slice(0, n) for a, n in enumerate(labels.shape))
    made = stroke_of(axis, [(where, labels[where] == label, 0, label)], labels.shape)
    session.strokes.append(made)
    return made


def test_what_one_call_leaves_the_next_one_takes_up(call: Call, case: Case) -> None:
    first, second, again = (case.folder / f"{name}.nii.gz" for name in ("first", "second", "again"))
    outcome = call("propagate", case.image, case.seeds, "-o", first, "--save-session", "--json")
    assert outcome.status == 0, outcome.err
    assert outcome.json["session"] == str(session_path(first))
    labels = array(first)
    session = load_session(session_path(first), labels)
    assert session.drawn(0, labels) == {1: [6], 2: [6]}
    run = session.last_run
    assert run is not None
    assert run.outcome == "done"
    told = outcome.json["confidence"]
    for label in (1, 2):
        assert [run.confidence[label].get(i) for i in range(14)] == told[str(label)]
        assert run.areas[label] == {i: int((labels[i] == label).sum()) for i in run.areas[label]}

    # a correction of slice 10, made elsewhere, counts as drawn; it is as if both slices had been named
    corrected = labels.copy()
    corrected[10][labels[10] == 1] = 0
    corrected[10][array(case.truth)[10] == 1] = 1
    mask = case.folder / "corrected.nii.gz"
    write(mask, corrected, sitk.ReadImage(str(case.image)))
    outcome = call("propagate", case.image, mask, "-o", second, "--session", session_path(first), "--save-session")
    assert outcome.status == 0, outcome.err
    assert "and its session second.session.json beside it" in outcome.out
    call("propagate", case.image, mask, "-o", again, "--seed-slices", "1:6,10;2:6")
    np.testing.assert_array_equal(array(second), array(again))
    assert load_session(session_path(second), array(second)).drawn(0, array(second)) == {1: [6, 10], 2: [6]}


def test_plane_stops_and_other_planes_come_from_the_session(call: Call, case: Case) -> None:
    truth = array(case.truth)
    seeds, session = np.zeros_like(truth), Session()
    seeds[:, 18] = np.where(truth[:, 18] == 1, 1, 0)
    stroke(session, seeds, 1, 18, 1)
    seeds[3, 40:44, 40:50] = 1  # drawn in another plane, where the structure is not
    stroke(session, seeds, 0, 3, 1)
    write(case.seeds, seeds, sitk.ReadImage(str(case.image)))
    path = case.folder / "s.session.json"
    save_session(path, session, seeds)
    out = case.folder / "out.nii.gz"
    assert session.drawn(1, seeds) == {1: [18]}
    outcome = call("propagate", case.image, case.seeds, "-o", out, "--session", path, "--json")
    assert outcome.status == 0, outcome.err
    assert outcome.json["axis"] == 1
    labels = array(out)
    assert (labels[3, 40:44, 40:50] == 1).all()
    np.testing.assert_array_equal(labels[:, 18], seeds[:, 18])
    assert (labels[:, 12:25] == 1).any(axis=(0, 2)).all()


def test_cancelled_work_is_told_apart(case: Case) -> None:
    from napari_medssl.propagation.result import Propagation
    from napari_medssl.propagation.session_use import write_beside

    labels = array(case.truth)
    confidence = np.full(14, np.nan)
    confidence[4:8] = 0.5
    path = write_beside(case.folder / "x.nrrd", None, Propagation(labels, {1: confidence}, 2.0, False), 0, {1: [6]}, [])
    run = load_session(path, labels).last_run
    assert run is not None
    assert (run.outcome, run.seconds, list(run.confidence[1])) == ("cancelled", 2.0, [4, 5, 6, 7])


@pytest.mark.parametrize("words", [("--seed-slices", "1:6"), ("--axis", "0")])
def test_saying_it_twice_is_refused(call: Call, case: Case, words: tuple[str, str]) -> None:
    out = case.folder / "out.nii.gz"
    said = call("propagate", case.image, case.seeds, "-o", out, "--session", "x.session.json", *words).refused()
    assert f"what {words[0]} would say" in said


def test_sessions_that_do_not_fit_are_refused(call: Call, case: Case) -> None:
    out, path = case.folder / "out.nii.gz", case.folder / "s.session.json"
    words = ("propagate", case.image, case.seeds, "-o", out, "--session", path)
    assert "Cannot read" in call(*words).refused()
    path.write_text("{}", encoding="utf-8")
    assert "is not a session" in call(*words).refused()
    save_session(path, Session(), np.zeros((3, 4, 5), np.uint8))
    assert "session of another mask" in call(*words).refused()
    seeds = array(case.seeds)
    session = Session()
    forgets = Stroke(0, (), {0: {1: frozenset([6]), 2: frozenset([6])}, 1: {}, 2: {}}, forgets=True)
    run = session.start(0, {1: [6], 2: [6]})
    run.note(6, {1: 1.0, 2: 1.0}, seeds[6])
    run.outcome = "done"
    session.strokes.append(forgets)
    save_session(path, session, seeds)
    assert "nothing in" in call(*words).refused()
    assert not out.exists()


def test_a_folder_takes_no_session_and_leaves_one_for_each_mask(call: Call, case: Case, tmp_path: Path) -> None:
    images, seeds, out = (tmp_path / name for name in ("images", "seeds", "masks"))
    for folder, source in ((images, case.image), (seeds, case.seeds)):
        folder.mkdir()
        (folder / "a.nii.gz").write_bytes(source.read_bytes())
    made = make_case(tmp_path, "b-", slices=5, side=48, drawn=2)
    (images / "b.nii.gz").write_bytes(made.image.read_bytes())
    (seeds / "b.nii.gz").write_bytes(made.seeds.read_bytes())
    assert "for one scan" in call("propagate", images, seeds, "-o", out, "--session", "x").refused()
    outcome = call("propagate", images, seeds, "-o", out, "--save-session", "--json")
    assert outcome.status == 0, outcome.err
    assert {path.name for path in out.iterdir()} == {
        "a.nii.gz", "a.session.json", "b.nii.gz", "b.session.json", "review.csv",
    }  # fmt: skip
    assert json.loads((out / "b.session.json").read_text(encoding="utf-8"))["shape"] == [5, 48, 48]
