"""A run's folder: what is written down, and who holds it."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from napari_medssl.errors import BadInput
from napari_medssl.training.processes import identity, is_alive
from napari_medssl.training.run_folder import RunFolder


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "run", resume=False)


def test_settings_come_back(folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder.write_settings("sli2vol", Path("scans"), {"steps": 3, "name": "größe"})
    saved = folder.read_settings()
    assert (saved.recipe, saved.data, saved.settings) == ("sli2vol", tmp_path / "scans", {"steps": 3, "name": "größe"})
    folder.write_settings("sli2vol", Path("scans"), {"steps": 4})
    assert folder.read_settings().created == saved.created
    assert folder.read_settings().settings == {"steps": 4}


def test_a_folder_of_an_older_version_has_no_data_path(folder: RunFolder) -> None:
    folder.settings.write_text(json.dumps({"recipe": "sli2vol", "settings": {"steps": 3}}))
    saved = folder.read_settings()
    assert saved.data is None
    assert saved.created == folder.settings.stat().st_mtime


@pytest.mark.parametrize("content", ["", "[]", "{", '{"recipe": "a"}', '{"recipe": "a", "settings": 3}', "\x00"])
def test_damaged_settings_are_named(folder: RunFolder, content: str) -> None:
    folder.settings.write_text(content)
    with pytest.raises(BadInput, match=r"settings\.json cannot be read"):
        folder.read_settings()


def test_settings_of_a_newer_version_are_refused(folder: RunFolder) -> None:
    folder.settings.write_text(json.dumps({"format": 2, "recipe": "a", "settings": {}, "data": "d", "created": 1}))
    with pytest.raises(BadInput, match="newer version"):
        folder.read_settings()


def test_new_runs_and_resumed_ones(folder: RunFolder) -> None:
    with pytest.raises(BadInput, match="no run to resume"):
        RunFolder(folder.path, resume=True)
    folder.write_settings("sli2vol", Path("scans"), {})
    with pytest.raises(BadInput, match="already holds a run"):
        RunFolder(folder.path, resume=False)
    RunFolder(folder.path, resume=True)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="cannot be made"):
        RunFolder(tmp_path / "file" / "run", resume=False)


def test_one_holds_the_folder_and_leaves_nothing(folder: RunFolder) -> None:
    folder.queued.touch()
    with folder.locked():
        assert not folder.queued.exists()
        assert json.loads(folder.lock.read_text())["pid"] == os.getpid()
        with pytest.raises(BadInput, match="still going"), RunFolder.of_another(folder.path).locked():
            pass
        assert folder.busy()
    assert not folder.lock.exists()
    with pytest.raises(KeyError), folder.locked():
        raise KeyError
    assert not folder.lock.exists()


def gone() -> dict[str, Any]:
    """The identity of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    who = identity(child.pid)
    assert is_alive(who)
    child.communicate(b"\n")
    return who


def reused() -> dict[str, Any]:
    """The identity of a process whose number another one has now: this one's parent."""
    who = identity(os.getppid())
    return {**who, "started": who["started"] - 60}


@pytest.mark.parametrize(
    "record", [gone, reused, lambda: {"pid": "x"}, dict, lambda: {"pid": 2**70}, lambda: {"pid": -1}]
)
def test_a_lock_of_nobody_is_taken_over(folder: RunFolder, record: Any) -> None:
    folder.lock.write_text(json.dumps(record()))
    with folder.locked():
        assert json.loads(folder.lock.read_text())["pid"] == os.getpid()


def test_a_lock_of_a_zombie_is_taken_over(folder: RunFolder) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    folder.lock.write_text(json.dumps(identity(child.pid)))
    assert folder.busy()
    assert child.stdin is not None
    child.stdin.close()
    if hasattr(os, "waitid"):
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has asked how
        assert psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE
    else:
        child.wait()
    assert not folder.busy()
    child.wait()


def test_a_clock_that_was_set_anew_does_not_end_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    who = identity()
    if sys.platform == "linux":  # elsewhere psutil allows for it, or the time does not depend on the clock
        who = {**who, "started": who["started"] - 3600, "boot": who["boot"] - 3600}
    assert is_alive(who)


def test_a_process_of_another_computer_counts_while_it_is_heard_of(folder: RunFolder) -> None:
    folder.lock.write_text(json.dumps({**identity(), "machine": "another"}))
    assert not is_alive(json.loads(folder.lock.read_text()))
    assert folder.busy()
    past = time.time() - 600
    os.utime(folder.lock, (past, past))
    assert not folder.busy()
    folder.events.touch()
    assert folder.busy()
    os.utime(folder.events, (past, past))
    with folder.locked():
        pass


def test_the_computers_name_is_not_written_down(folder: RunFolder) -> None:
    with folder.locked():
        assert not platform.node() or platform.node() not in folder.lock.read_text()


RACE = """
import sys
from pathlib import Path
from napari_medssl.training.run_folder import RunFolder
from napari_medssl.errors import BadInput

folder = RunFolder.of_another(Path(sys.argv[1]))
print("ready", flush=True)
input()
try:
    with folder.locked():
        print("won", flush=True)
        input()
except BadInput:
    print("lost", flush=True)
"""


def test_of_many_that_start_at_once_one_wins(folder: RunFolder) -> None:
    folder.lock.write_text(json.dumps(gone()))
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    racers = [subprocess.Popen([sys.executable, "-c", RACE, str(folder.path)], **pipes) for _ in range(5)]

    def say(racer: subprocess.Popen[str]) -> None:
        assert racer.stdin is not None
        racer.stdin.write("\n")
        racer.stdin.flush()

    try:
        for racer in racers:
            assert racer.stdout is not None
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            say(racer)
        said = [racer.stdout.readline() for racer in racers if racer.stdout is not None]
        assert sorted(said) == ["lost\n"] * 4 + ["won\n"]
        winner = racers[said.index("won\n")]
        assert json.loads(folder.lock.read_text())["pid"] == winner.pid
        say(winner)
        assert winner.wait(20) == 0
        assert not folder.lock.exists()
    finally:
        for racer in racers:
            racer.kill()
            racer.communicate()


def test_of_many_threads_one_wins(folder: RunFolder) -> None:
    everybody, done, won = threading.Barrier(8), threading.Barrier(8), []

    def race() -> None:
        everybody.wait()
        try:
            with RunFolder.of_another(folder.path).locked():
                won.append(1)
                done.wait()
        except BadInput:
            done.wait()

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert won == [1]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_killed_holder_leaves_a_folder_that_can_be_had(folder: RunFolder) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", RACE, str(folder.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    holder.stdin.write("\n")
    holder.stdin.flush()
    assert [holder.stdout.readline(), holder.stdout.readline()] == ["ready\n", "won\n"]
    assert folder.busy()
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    assert not folder.busy()
    with folder.locked():
        pass
