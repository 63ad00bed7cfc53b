"""How each ending of a run is told: in one sentence, which says whether it can go on."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from napari_medssl.files import write_text
from napari_medssl.training import endings, jobs, launch
from tests.training.jobs_kit import FAKE, Listener, pretend

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake children end themselves by signals")

RESUME = "Resume goes on from its last checkpoint."


@pytest.mark.parametrize(
    ("manner", "state", "said"),
    [
        ("bad input", "failed", ["The data folder scans does not exist."]),
        ("traceback", "failed", ["No module named 'torch'", "log.txt"]),
        ("killed", "failed", ["ran out of memory", RESUME]),
        ("crash", "failed", ["crashed (SIGSEGV)", RESUME]),
        ("terminated", "failed", ["SIGTERM", RESUME]),
        ("full", "failed", ["The disk is full."]),
    ],
)
def test_each_end_is_told_in_a_sentence(
    submitted: Path, home: Path, monkeypatch: pytest.MonkeyPatch, manner: str, state: str, said: list[str]
) -> None:
    pretend(monkeypatch, manner)
    with Listener(home) as listener:
        info = listener.until(submitted, "failed", "lost", "stopped", "finished")
        assert info.state == state
        assert all(words in info.sentence for words in said), info.sentence
        assert "\n" not in info.sentence
        assert info.resumable
        assert "lost" not in listener.states(submitted)
        # and it goes on from there
        pretend(monkeypatch, "done")
        jobs.resume(submitted)
        listener.supervisor.wake()
        step = 0 if manner in ("bad input", "traceback") else 1
        assert listener.until(submitted, "finished").step == step + 1


@pytest.mark.parametrize(
    ("manner", "state", "said"),
    [("killed", "lost", "vanished without a word"), ("crash", "failed", "crashed (Segmentation fault)")],
)
def test_where_nobody_saw_the_end_the_files_tell(submitted: Path, manner: str, state: str, said: str) -> None:
    with open(submitted / "log.txt", "wb") as log:
        subprocess.run(
            [sys.executable, FAKE, submitted, manner], stderr=log, stdout=log, env=launch.environment(), check=False
        )
    info = jobs.look(submitted)
    assert (info.state, info.step, info.resumable) == (state, 1, True)
    assert said in info.sentence
    assert RESUME in info.sentence


def test_a_full_disk_is_seen_where_nothing_could_be_written(submitted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (submitted / "queued").unlink()
    write_text(submitted / "lock", json.dumps({"pid": -1}))
    assert jobs.look(submitted).state == "lost"
    usage = shutil.disk_usage(submitted)
    monkeypatch.setattr(endings.shutil, "disk_usage", lambda _: usage._replace(free=4096))
    info = jobs.look(submitted)
    assert info.state == "failed"
    assert "disk is full" in info.sentence


def test_a_process_that_cannot_be_started(submitted: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "command", lambda folder: [str(home / "no-python")])
    with Listener(home) as listener:
        info = listener.until(submitted, "failed")
    assert "could not be started: no such file" in info.sentence
    assert info.resumable


def test_the_signal_that_python_ignores_says_a_number() -> None:
    assert endings._signal(-signal.SIGKILL) == "SIGKILL"
    assert endings._signal(-200) == "signal 200"
