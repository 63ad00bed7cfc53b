"""The reading list without a viewer: steps and undo, tables, what is kept on disk, comparing, training data."""

from __future__ import annotations

import itertools
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medssl.errors import BadInput
from napari_medssl.nodules import Nodule, read_annotations, read_findings
from napari_medssl.nodules.comparing import compare
from napari_medssl.nodules.reading import Finding, Reading, Sizes, imported
from napari_medssl.nodules.reading_file import import_reading, write_reading
from napari_medssl.nodules.reading_recovery import ReadingStore, ScanKnown, reading_offers
from napari_medssl.nodules.reading_training import add_to_training, series_name
from napari_medssl.training.data import Case
from napari_medssl.volumes import Geometry, Volume, read_volume

MARKS = [Nodule((0, 0, 0), 8.0, 0.9), Nodule((40, 0, 0), 6.0, 0.4), Nodule((0, 40, 0), 5.0, 0.6)]
SIZES = Sizes(long_mm=9.0, short_mm=7.0, volume_ml=0.25)


@pytest.fixture
def reading() -> Reading:
    made = Reading()
    made.found(MARKS)
    return made


# ---- steps


def test_the_surest_come_first_and_the_next_unread_goes_round(reading: Reading) -> None:
    assert [one.number for one in reading.findings] == [1, 3, 2]
    assert reading.next_unread(None, 0) == 1
    assert reading.next_unread(3, 0) == 2
    assert reading.next_unread(3, 0.5) == 1  # No. 2 is hidden
    for number in (1, 3):
        reading.decide(number, "rejected")
    assert reading.next_unread(1, 0.5) is None
    assert reading.next_unread(1, 0) == 2


def test_what_was_read_or_marked_is_always_shown(reading: Reading) -> None:
    assert [one.number for one in reading.shown(0.95)] == []
    reading.decide(2, "rejected")
    reading.import_findings([imported(Nodule((9, 9, 99), 5.0, 0.1))])
    reading.add((70, 0, 0), 5.0)
    assert {one.number for one in reading.shown(0.95)} == {2, 4, 5}


def test_looking_again_keeps_what_a_person_did(reading: Reading) -> None:
    reading.decide(1, "accepted")
    by_hand = reading.add((70, 0, 0), 5.0)
    new = reading.found([Nodule((1, 1, 1), 8.0, 0.99), Nodule((0, 90, 0), 7.0, 0.3)])
    assert new == 1  # the first is No. 1 again
    assert {one.number: one.state for one in reading.findings} == {1: "accepted", by_hand: "accepted", 5: "unread"}


def test_measuring_sets_the_diameter_and_moving_forgets_it(reading: Reading) -> None:
    assert reading.measured(2, SIZES) is not None
    assert (reading[2].diameter, reading[2].sizes) == (8.0, SIZES)
    assert reading.measured(2, SIZES) is None  # nothing changes, so there is nothing to undo
    reading.move(2, (41, 0, 0))
    assert reading[2].sizes is None
    reading.undo()
    assert reading[2].sizes == SIZES


def test_a_finding_of_ones_own_can_be_taken_out(reading: Reading) -> None:
    by_hand = reading.add((70, 0, 0), 5.0)
    reading.remove(by_hand)
    assert by_hand not in reading
    reading.remove(1)
    assert reading[1].state == "rejected"
    with pytest.raises(BadInput):
        reading.resize(1, -2.0)
    with pytest.raises(BadInput):
        reading.add((1, 2, math.nan), 3.0)


ACTIONS = st.sampled_from(["accept", "reject", "back", "add", "move", "resize", "note", "measure", "remove", "found"])


@settings(max_examples=60)
@given(st.lists(st.tuples(ACTIONS, st.integers(1, 9)), max_size=25))
def test_undo_goes_back_through_everything_and_redo_forth(actions: list[tuple[str, int]]) -> None:
    reading = Reading()
    reading.found(MARKS)
    states = [(), reading.findings]
    for action, number in actions:
        before = reading.findings
        if action == "add":
            reading.add((number, 2, 3), 4.0)
        elif action == "found":
            reading.found([Nodule((number * 30, 0, 0), 4.0, number / 10)])
        elif number in reading:
            {
                "accept": lambda n: reading.decide(n, "accepted"),
                "reject": lambda n: reading.decide(n, "rejected"),
                "back": lambda n: reading.decide(n, "unread"),
                "move": lambda n: reading.move(n, (n, n, n)),
                "resize": lambda n: reading.resize(n, n + 0.5),
                "note": lambda n: reading.annotate(n, " two   words "),
                "measure": lambda n: reading.measured(n, SIZES),
                "remove": reading.remove,
            }[action](number)
        if reading.findings != before:
            states.append(reading.findings)
    assert len({one.number for one in reading.findings}) == len(reading.findings)
    for wanted in reversed(states[:-1]):
        while reading.findings != wanted:
            assert reading.undo() is not None
    assert reading.undo() is None
    assert reading.can_undo == ""
    for wanted in states:
        while reading.findings != wanted:
            assert reading.redo() is not None
    assert reading.findings == states[-1]


# ---- tables

GEOMETRY, SHAPE = Geometry((1.0, 1.0, 2.0), (-50.0, -50.0, -100.0)), (100, 100, 100)
NOTE = st.text(st.characters(categories=["L", "N", "P"]) | st.sampled_from(' ,;"=+-@'), max_size=20)


@settings(max_examples=40)
@given(
    notes=st.lists(NOTE, min_size=3, max_size=3),
    states=st.lists(st.sampled_from(["unread", "accepted", "rejected"]), min_size=3, max_size=3),
)
def test_an_exported_reading_comes_back(
    notes: list[str], states: list, tmp_path_factory: pytest.TempPathFactory
) -> None:
    reading = Reading()
    reading.found(MARKS)
    for number, (note, state) in enumerate(zip(notes, states, strict=True), 1):
        reading.annotate(number, note)
        reading.decide(number, state)
    path = tmp_path_factory.getbasetemp() / "reading.csv"
    write_reading(path, "scan", reading.findings)
    back = import_reading(path, "scan", GEOMETRY, SHAPE)
    other = Reading()
    assert other.import_findings(back.findings) == 3
    assert other.findings == reading.findings
    assert read_findings(path, "predictions")["scan"] == [one.nodule for one in reading.findings]
    assert other.import_findings(back.findings) == 0  # they are there
    assert other.add((70, 0, 0), 5.0) == 4
    busy = Reading()
    busy.add((70, 0, 0), 5.0)
    assert busy.import_findings(back.findings) == 3
    assert sorted(one.number for one in busy.findings) == [1, 2, 3, 4]


def test_the_table_begins_with_luna16s_columns_and_no_cell_is_a_formula(reading: Reading, tmp_path: Path) -> None:
    reading.measured(1, SIZES)
    reading.annotate(1, "=HYPERLINK(1)")
    write_reading(tmp_path / "r.csv", "scan", reading.findings)
    lines = (tmp_path / "r.csv").read_text().splitlines()
    assert lines[0].startswith("seriesuid,coordX,coordY,coordZ,diameter_mm,probability,state")
    assert lines[1] == "scan,0,0,0,8,0.9,unread,model,9,7,0.25,'=HYPERLINK(1),1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seriesuid,coordX,coordY,coordZ\nscan,900,900,900\n", "1 of 1 findings of scan in t.csv lie outside the scan"),
        ("seriesuid,coordX,coordY,coordZ\nb,1,2,3\nc,1,2,3\n", "speaks of 2 scans (b, c), none of which is this one"),
        ("seriesuid,coordX,coordY,coordZ\n", "no findings"),
        ("seriesuid,coordX\nscan,1\n", "no column coordY"),
    ],
)
def test_tables_that_do_not_fit_the_scan(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(BadInput) as raised:
        import_reading(tmp_path / "t.csv", "scan", GEOMETRY, SHAPE)
    assert words in str(raised.value)


def test_a_table_of_one_scan_by_another_name_is_taken_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("seriesuid,coordX,coordY,coordZ\n1.2.3,1,2,3\n")
    taken = import_reading(tmp_path / "t.csv", "scan", GEOMETRY, SHAPE)
    (one,) = taken.findings
    assert (one.centre, one.state, one.origin, one.sizes, one.number) == ((1, 2, 3), "unread", "imported", None, 0)
    assert "calls its scan 1.2.3" in taken.said


# ---- comparing


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(2, 8)), max_size=5),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(2, 8)), max_size=5),
)
def test_pairs_are_as_many_and_as_near_as_trying_everything_finds(mine: list, theirs: list) -> None:
    ours, others = ([Nodule((x, y * 1.37, 0), d) for x, y, d in balls] for balls in (mine, theirs))

    def cost(pairs: tuple) -> float:
        return sum(math.dist(ours[i].centre, others[j].centre) for i, j in pairs)

    possible = [
        (i, j)
        for i, one in enumerate(ours)
        for j, two in enumerate(others)
        if math.dist(one.centre, two.centre) < max(one.diameter, two.diameter) / 2
    ]
    best: tuple = ()
    for count in range(min(len(ours), len(others)), 0, -1):
        sets = [
            pairs
            for pairs in itertools.combinations(possible, count)
            if len({i for i, _ in pairs}) == len({j for _, j in pairs}) == count
        ]
        if sets:
            best = min(sets, key=cost)
            break
    found = compare(ours, others)
    assert len(found.agreed) == len(best)
    assert set(found.agreed) <= set(possible)
    assert cost(found.agreed) == pytest.approx(cost(best))
    assert sorted([i for i, _ in found.agreed] + list(found.only_mine)) == list(range(len(ours)))
    assert sorted([j for _, j in found.agreed] + list(found.only_theirs)) == list(range(len(others)))


# ---- kept on disk

SCAN = ScanKnown.of("scan", SHAPE, GEOMETRY, scan_path="/data/scan.nii.gz")


def test_an_unsaved_reading_is_offered_once_nobody_works_on_it(
    reading: Reading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_MEDSSL_RECOVERY", str(tmp_path))
    reading.import_findings([imported(Nodule((9, 9, 99), math.nan, 1.0), "accepted")])
    store = ReadingStore()
    store.write(SCAN, reading.findings)
    assert reading_offers() == []  # this process is alive
    store.write(SCAN, reading.findings, released=True)
    (offer,) = reading_offers()
    assert (offer.scan, offer.decided) == (SCAN, 1)
    assert [one.model_dump(exclude={"diameter"}) for one in offer.findings] == [
        one.model_dump(exclude={"diameter"}) for one in reading.findings
    ]
    assert math.isnan(next(one for one in offer.findings if one.number == 4).diameter)
    late = ReadingStore(offer.path)
    taken = ReadingStore(offer.path).take()
    assert taken.findings[1] == reading[1]
    assert reading_offers() == []
    with pytest.raises(BadInput, match="Another napari"):
        late.take()
    ReadingStore(taken.path).remove()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_leaves_its_last_state(tmp_path: Path) -> None:
    code = (
        "from tests.nodules.test_reading import MARKS, SCAN\n"
        "from napari_medssl.nodules.reading import Reading\n"
        "from napari_medssl.nodules.reading_recovery import ReadingStore\n"
        "import itertools\n"
        "reading, store = Reading(), ReadingStore()\n"
        "reading.found(MARKS)\n"
        "for count in itertools.count():\n"
        "    reading.annotate(1, 'x' * 1000 + str(count))\n"
        "    store.write(SCAN, reading.findings)\n"
        "    print(count, flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
        env={**os.environ, "NAPARI_MEDSSL_RECOVERY": str(tmp_path)},
    )  # fmt: skip
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(5)]
    os.kill(process.pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    lines += process.stdout.readlines()
    process.wait(10)
    (offer,) = reading_offers(tmp_path)
    last = int(lines[-1])
    assert int(next(one for one in offer.findings if one.number == 1).note[1000:]) in (last, last + 1)


def test_a_scan_is_known_again_by_its_place_and_name() -> None:
    assert SCAN.same_scan(ScanKnown.of("scan", SHAPE, GEOMETRY))
    assert not SCAN.same_scan(ScanKnown.of("other", SHAPE, GEOMETRY))
    assert not SCAN.same_scan(ScanKnown.of("scan", SHAPE, Geometry((1.0, 1.0, 2.0))))
    assert not SCAN.same_scan(ScanKnown.of("scan", (99, 100, 100), GEOMETRY))


def test_what_is_no_reading_is_not_offered(tmp_path: Path) -> None:
    (tmp_path / "a.reading").write_text("no JSON")
    (tmp_path / "b.reading").write_text(json.dumps({"version": 9}))
    assert reading_offers(tmp_path) == []
    with pytest.raises(BadInput, match="damaged"):
        ReadingStore(tmp_path / "a.reading").take()


# ---- training data


def scan(name: str, seed: int = 0) -> Volume:
    array = np.random.default_rng(seed).integers(-900, 100, (6, 8, 7)).astype(np.int16)
    return Volume(array, Geometry((1.5, 1.25, 2.0), (10.0, 20.0, seed)), name)


def decided(*states: str) -> list[Finding]:
    return [
        Finding(number=n, centre=(n, 2, 3), diameter=4.5, score=0.5, state=state)  # type: ignore[arg-type]
        for n, state in enumerate(states, 1)
    ]


def test_readings_become_a_training_folder(tmp_path: Path) -> None:
    folder = tmp_path / "training"
    first = add_to_training(folder, scan("a"), decided("accepted", "rejected"))
    assert (first.name, first.nodules, first.scans, first.unlabelled, first.replaced) == ("a", 1, 1, 0, False)
    second = add_to_training(folder, scan("b scan", 1), decided("rejected"))
    assert (second.name, second.scans) == ("b_scan", 2)
    (folder / "images" / "c.nii.gz").write_bytes((folder / "images" / "a.nii.gz").read_bytes())
    again = add_to_training(folder, scan("a"), decided("accepted", "accepted"))
    assert (again.nodules, again.scans, again.unlabelled, again.replaced) == (2, 2, 1, True)
    written = read_volume(folder / "images" / "a.nii.gz")
    np.testing.assert_array_equal(written.array, scan("a").array)
    assert written.geometry.same_grid(scan("a").geometry)
    known = read_annotations(folder, [Case(folder / "images" / f"{name}.nii.gz") for name in ("a", "b_scan", "c")])
    assert [(one.labelled, len(one.findings)) for one in known.values()] == [(True, 2), (True, 0), (False, 0)]
    assert known["a"].findings[1] == Nodule((2, 2, 3), 4.5)


def test_training_data_that_would_be_wrong_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "training"
    with pytest.raises(BadInput, match="Accept or reject the 1 finding left"):
        add_to_training(folder, scan("a"), decided("accepted", "unread"))
    assert not folder.exists()
    add_to_training(folder, scan("a"), decided("accepted", "unread"), least=0.6)
    unmeasured = [decided("accepted")[0].model_copy(update={"diameter": math.nan})]
    with pytest.raises(BadInput, match=r"Give No\. 1 a diameter first"):
        add_to_training(folder, scan("a"), unmeasured)
    with pytest.raises(BadInput, match="another scan by the same name"):
        add_to_training(folder, scan("a", 1), decided("accepted"))
    other = tmp_path / "papers"
    other.mkdir()
    (other / "thesis.txt").write_text("x")
    with pytest.raises(BadInput, match="holds other things"):
        add_to_training(other, scan("a"), decided("accepted"))


def test_names_become_names_of_files() -> None:
    assert series_name("Chest CT: phantom/2.nii.gz") == "Chest_CT_phantom_2"
    assert series_name("///") == "scan"
