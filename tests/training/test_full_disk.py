"""A disk that is full, for real: a small file system in memory, where the computer lets us make one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from napari_medssl.errors import BadInput
from napari_medssl.training import jobs
from napari_medssl.training.events import EventLog, newest, read_events
from tests.training.jobs_kit import Listener, end_all, pretend


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if (
        sys.platform != "linux"
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("this computer does not let us mount a small disk")
    yield folder
    end_all(folder / "runs")
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> Path:
    """Take every byte that is left."""
    filler = disk / "filler"
    with open(filler, "ab", buffering=0) as handle, suppress(OSError):
        while handle.write(b"x" * 4096):
            pass
    assert shutil.disk_usage(disk).free == 0
    return filler


def test_the_last_words_of_a_run_have_room(disk: Path) -> None:
    path = disk / "events.jsonl"
    log = EventLog(path)
    log.write("step", step=1)
    filler = fill(disk)
    for step in range(2, 200):  # beyond what is left of the log's last block
        log.write("step", step=step)
    log.write("end", step=200, sentence="The disk is full.")
    told = read_events(path)
    assert newest(told, "end")["sentence"] == "The disk is full."
    assert path.read_bytes().endswith(b"\n")
    steps = [event["step"] for event in told[:-1]]
    assert steps == list(range(1, len(steps) + 1))
    filler.unlink()
    log.write("step", step=201)
    assert read_events(path)[-2]["step"] == 201


def test_a_run_on_a_full_disk_says_so_and_goes_on_once_there_is_room(
    disk: Path, scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = disk / "runs"
    pretend(monkeypatch, "fills the disk", "done")
    run = jobs.submit("sli2vol", scans, {}, name="liver", home=home)
    with Listener(home) as listener:
        info = listener.until(run, "failed", "lost", "stopped", "finished")
        assert info.state == "failed"
        assert "disk is full" in info.sentence
        assert info.resumable
        with pytest.raises(BadInput, match="disk is full"):
            jobs.submit("sli2vol", scans, {}, name="liver", home=home)
        with pytest.raises(BadInput, match="disk is full"):
            jobs.resume(run)
        assert [info.folder for info in jobs.list_runs(home)] == [run]
        (run / "filler").unlink()
        jobs.resume(run)
        listener.supervisor.wake()
        assert listener.until(run, "finished").step == 2


def test_a_run_that_finds_no_room_to_begin_says_so(disk: Path, scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = disk / "runs"
    pretend(monkeypatch, "done")
    run = jobs.submit("sli2vol", scans, {}, name="liver", home=home)
    filler = fill(disk)
    with Listener(home) as listener:
        info = listener.until(run, "failed", "lost", "stopped", "finished")
        assert info.state == "failed"
        assert "disk is full" in info.sentence
        filler.unlink()
        jobs.resume(run)
        listener.supervisor.wake()
        assert listener.until(run, "finished").step == 1
