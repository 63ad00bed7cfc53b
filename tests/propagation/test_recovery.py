"""Unsaved work on disk: what comes back is what was there, whatever happened to the process that wrote it."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medssl.errors import BadInput
from napari_medssl.propagation import recovery as module
from napari_medssl.propagation.recovery import About, Recovery, offers, prune, recovery_folder
from napari_medssl.propagation.session import Session
from napari_medssl.propagation.tiles import Tiles, checksum, pack, unpack

SHAPE = (20, 70, 130)
ABOUT = About(name="liver", shape=SHAPE, dtype="uint8", scan_path="/a/b.nii.gz", sample=("x", "y"))


@pytest.fixture
def gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever wrote is not there any more."""
    monkeypatch.setattr(module, "is_alive", lambda who: False)


def cut(array: np.ndarray) -> dict[int, np.ndarray | None]:
    grid = Tiles(array.shape)
    tiles = {number: array[grid.box(number)] for number in range(len(grid))}
    return {number: tile if tile.any() else None for number, tile in tiles.items()}


@settings(max_examples=100, deadline=None)
@given(shape=st.tuples(*[st.integers(1, 150)] * 3), seed=st.integers(0, 2**32 - 1))
def test_tiles_cover_a_volume_once_and_know_what_a_box_touches(shape: tuple[int, int, int], seed: int) -> None:
    grid, rng = Tiles(shape), np.random.default_rng(seed)
    seen = np.full(shape, -1)
    for number in range(len(grid)):
        assert (seen[grid.box(number)] == -1).all()
        seen[grid.box(number)] = number
    assert (seen >= 0).all()
    first = [int(rng.integers(0, n)) for n in shape]
    where = tuple(slice(a, int(rng.integers(a, n + 1))) for a, n in zip(first, shape, strict=True))
    assert set(grid.touched(where)) == set(np.unique(seen[where]))


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint64, np.int64, ">i2"])
def test_tiles_of_any_number_type_come_back(dtype: object) -> None:
    rng = np.random.default_rng(1)
    for top in (1, 200, 30000):
        tile = rng.integers(0, min(top, 200 if np.dtype(dtype).itemsize == 1 else top) + 1, (3, 4, 5)).astype(dtype)
        again = unpack(*pack(tile[:, ::-1]), tile.shape)
        np.testing.assert_array_equal(again, tile[:, ::-1])
        assert checksum(tile) != checksum(tile + tile.dtype.type(1))
    negative = np.full((2, 2, 2), -5, np.int16)
    np.testing.assert_array_equal(unpack(*pack(negative), (2, 2, 2)), negative)
    assert checksum(np.zeros((2, 2, 2), np.int16)) == 0


def test_what_changed_is_enough(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.where(rng.random(SHAPE) < 0.01, rng.integers(1, 9, SHAPE), 0).astype(np.uint8)
    labels[:16, :64] = 0
    kept = Recovery.new(tmp_path / "deep" / "folder")
    kept.write(cut(labels), Session(extra={"names": {"1": "Leber"}}), ABOUT)
    assert (tmp_path / "deep" / "folder").stat().st_mode & 0o077 == 0 or sys.platform == "win32"
    labels[3:9, 10:20, 60:70] = 200
    labels[16:, 64:] = 0
    grid = Tiles(SHAPE)
    changed = {*grid.touched(np.s_[3:9, 10:20, 60:70]), *grid.touched(np.s_[16:, 64:, :])}
    kept.write({number: tile for number, tile in cut(labels).items() if number in changed}, Session(), ABOUT)
    again, session, about = kept.read()
    np.testing.assert_array_equal(again, labels)
    assert again.dtype == np.uint8
    assert session.extra == {}
    assert about.model_copy(update={"saved": 0.0}) == ABOUT
    assert abs(about.saved - time.time()) < 60


def test_only_work_that_nobody_is_at_is_offered_and_only_one_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Recovery.new(tmp_path)
    kept.write({}, Session(), ABOUT)
    assert offers(tmp_path) == []
    assert not kept.claim()
    kept.release()
    assert [offer.path for offer in offers(tmp_path)] == [kept.path]
    assert kept.claim()
    assert offers(tmp_path) == []
    assert not kept.claim()
    elsewhere = module.identity() | {"machine": "another", "pid": 1}
    monkeypatch.setattr(module, "identity", lambda: elsewhere)
    kept.write({}, Session(), ABOUT)
    assert offers(tmp_path) == []  # perhaps somebody is at it there
    now = time.time()
    monkeypatch.setattr(module.time, "time", lambda: now + 3 * 86400)
    assert len(offers(tmp_path)) == 1
    kept.remove()
    assert list(tmp_path.iterdir()) == []
    kept.release()
    kept.remove()


@pytest.mark.usefixtures("gone")
def test_old_work_goes_but_never_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, now = [], time.time()
    for days in (200, 100, 90):
        monkeypatch.setattr(module.time, "time", lambda days=days: now - days * 86400)
        made.append(Recovery.new(tmp_path))
        made[-1].write({0: np.full((16, 64, 64), 3, np.uint8)}, Session(), ABOUT)
    monkeypatch.undo()
    monkeypatch.setattr(module, "is_alive", lambda who: False)
    assert [offer.path for offer in offers(tmp_path)] == [kept.path for kept in reversed(made)]
    assert set(prune(tmp_path)) == {kept.path for kept in made[:2]}
    assert prune(tmp_path) == []
    newer = Recovery.new(tmp_path)
    newer.write({}, Session(), ABOUT)
    monkeypatch.setattr(module, "OLD_DAYS", 1000)
    assert prune(tmp_path) == []
    monkeypatch.setattr(module, "MOST_BYTES", 1)
    assert prune(tmp_path) == [made[2].path]
    assert [offer.path for offer in offers(tmp_path)] == [newer.path]


def test_what_cannot_be_written_or_read_is_said(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    with pytest.raises(BadInput, match="Unsaved work cannot be kept in"):
        Recovery.new(blocked).write({}, Session(), ABOUT)
    broken = Recovery(tmp_path / f"x{module.ENDING}")
    broken.path.write_bytes(b"no database" * 100)
    with pytest.raises(BadInput):
        broken.read()
    with pytest.raises(BadInput, match="not there any more"):
        Recovery(tmp_path / "none").read()
    unfinished = Recovery.new(tmp_path)
    with closing(sqlite3.connect(unfinished.path)) as database:
        database.executescript(module._TABLES)
    later = Recovery.new(tmp_path)
    later.write({}, Session(), ABOUT.model_copy(update={"version": 2}))
    with pytest.raises(BadInput, match="later version"):
        later.read()
    assert offers(tmp_path) == []


def test_the_folder_can_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(module.FOLDER_VARIABLE, str(tmp_path / "x"))
    assert recovery_folder() == tmp_path / "x"
    assert offers() == []
    monkeypatch.delenv(module.FOLDER_VARIABLE)
    assert recovery_folder().name == "recovery"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")
def test_killed_at_any_moment_the_last_finished_state_is_there_whole(tmp_path: Path) -> None:
    script = Path(__file__).with_name("saves_killed.py")
    done = subprocess.run([sys.executable, script, tmp_path, "15"], capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for left in found:
        # the last one may have been done and not told of yet
        assert left["session"] in (left["told"], left["told"] + 1)
        assert left["tiles"] == [left["session"]]
    assert len({left["session"] for left in found}) > 1
    assert sum(left["midway"] for left in found) > 0  # in the middle of a save
    for path in tmp_path.glob(f"*/*{module.ENDING}"):
        with closing(sqlite3.connect(path)) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
