"""The supervisor: the order of the queue, runs that others started, and that nothing it does harms a run."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from napari_medssl.training import jobs, run_info, supervisor
from napari_medssl.training.events import newest, read_events
from tests.training import jobs_kit
from tests.training.jobs_kit import FAKE, Listener, exists, pretend, wait_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake children end themselves by signals")


def submit(scans: Path, home: Path, name: str) -> Path:
    return jobs.submit("sli2vol", scans, {}, name=name, home=home)


def test_the_one_that_waited_longest_goes_first_and_only_so_many_at_once(
    home: Path, scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, "until cancelled")
    first, second, third = (submit(scans, home, name) for name in ("c", "b", "a"))
    jobs.cancel(first)
    jobs.resume(first)  # to the end of the queue
    with Listener(home, at_once=2) as listener:
        listener.until(second, "running")
        listener.until(third, "running")
        assert "starting" not in listener.states(first)
        jobs.cancel(third)
        listener.until(first, "running")
        assert jobs.look(third).state == "stopped"
        assert listener.states(first)[0] == "queued"


def test_two_supervisors_start_a_run_once_and_both_tell_of_it(
    home: Path, scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, "done")
    runs = [submit(scans, home, "liver") for _ in range(3)]
    with Listener(home) as one, Listener(home) as other:
        for run in runs:
            assert one.until(run, "finished").step == other.until(run, "finished").step == 1
    for run in runs:
        assert [event["event"] for event in read_events(run / "events.jsonl")].count("start") == 1


STARTER = """
import sys
from pathlib import Path
from napari_medssl.training import jobs, launch
launch.command = lambda folder: [sys.executable, sys.argv[2], str(folder.path), "until cancelled"]
jobs.start(Path(sys.argv[1]))
"""


def test_a_run_outlives_who_started_it_and_is_found_again(home: Path, scans: Path) -> None:
    run = submit(scans, home, "liver")
    subprocess.run([sys.executable, "-c", STARTER, run, FAKE], check=True, timeout=100)
    wait_for(lambda: jobs.look(run).state == "running" and newest(read_events(run / "events.jsonl"), "checkpoint"))
    with Listener(home) as listener:
        info = listener.until(run, "running")
        assert (info.step, info.metrics) == (1, {"dice": 0.8})
        assert run not in listener.events  # what was told before the opening is in the log
    pid = json.loads((run / "lock").read_text())["pid"]
    assert exists(pid)  # and goes on when the supervisor leaves
    with Listener(home) as listener:
        listener.until(run, "running")
        jobs.cancel(run)
        assert listener.until(run, "stopped").sentence == "It is cancelled."
        assert [event["event"] for event in listener.events[run]] == ["end"]
    assert not (run / "exit").exists()  # nobody was there to see it


def test_others_runs_count(home: Path, scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, "until cancelled", "done")
    theirs, ours = submit(scans, home, "theirs"), submit(scans, home, "ours")
    jobs.start(theirs)
    with Listener(home) as listener:
        listener.until(theirs, "running")
        assert listener.until(ours, "queued").state == "queued"
        jobs.cancel(theirs)
        listener.until(ours, "finished")
        assert jobs.look(theirs).state == "stopped"
        states = [(info.folder, info.state) for info in listener.changes]
    assert states.index((theirs, "stopped")) < states.index((ours, "finished"))


def test_a_run_that_vanished_is_told_and_one_that_is_removed_forgotten(
    home: Path, scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = submit(scans, home, "liver")
    with open(run / "log.txt", "wb") as log:
        subprocess.run([sys.executable, FAKE, run, "killed"], stderr=log, stdout=log, check=False)
    pretend(monkeypatch, "done")
    gone = threading.Event()
    with Listener(home) as listener:
        listener.supervisor.on_gone = lambda folder: gone.set() if folder == run else None
        info = listener.until(run, "lost")
        assert info.resumable
        jobs.remove(run)
        assert not run.exists()
        listener.supervisor.wake()
        assert gone.wait(60)
        other = submit(scans, home, "liver")
        assert other == run  # the name is free again
        listener.supervisor.wake()
        assert listener.until(run, "finished").step == 1


def test_a_listener_that_fails_ends_nothing(
    home: Path, scans: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pretend(monkeypatch, "done")
    run = submit(scans, home, "liver")
    listener = Listener(home)
    heard = listener.supervisor.on_change

    def fail(info: jobs.RunInfo) -> None:
        heard(info)
        raise RuntimeError("boom")

    listener.supervisor.on_change = fail
    with listener:
        listener.until(run, "finished")
    assert "boom" in caplog.text


def test_a_folder_of_runs_that_appears_later(home: Path, scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, "done")
    with Listener(home) as listener:
        run = submit(scans, home, "liver")
        listener.supervisor.wake()
        listener.until(run, "finished")


def test_stopping_from_its_own_thread_and_starting_again(home: Path, scans: Path) -> None:
    run = submit(scans, home, "liver")
    jobs.cancel(run)
    listener, stopped = Listener(home), threading.Event()
    heard = listener.supervisor.on_change

    def leave(info: jobs.RunInfo) -> None:
        listener.supervisor.stop()
        heard(info)
        stopped.set()

    listener.supervisor.on_change = leave
    listener.supervisor.start()
    assert stopped.wait(60)
    (thread,) = listener.threads
    thread.join(60)
    assert not thread.is_alive()
    listener.supervisor.on_change = heard
    (run / "note").touch()
    jobs.resume(run)
    jobs.cancel(run)
    jobs.resume(run)
    pretended = len(listener.changes)
    listener.supervisor.at_once = 0
    with listener:
        listener.wait(lambda: len(listener.changes) > pretended and listener.changes[-1].state == "queued")


def test_runs_that_are_over_are_not_read_again(home: Path, scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        jobs.cancel(submit(scans, home, "liver"))
    monkeypatch.setattr(supervisor, "_FRESH", 0.0)
    looked: list[Path] = []

    def look(folder: Path) -> jobs.RunInfo:
        looked.append(folder)
        return run_info.look(folder)

    monkeypatch.setattr(supervisor, "look", look)
    watching = jobs.Supervisor(home)
    watching.turn()
    assert len(looked) == 3
    watching.turn()
    assert len(looked) == 3
    jobs.resume(looked[0])
    watching.at_once = 0
    watching.turn()
    assert looked[3:] == looked[:1]


@pytest.mark.timeout(900)  # three times torch is imported, beside whatever else the computer does
def test_real_children_from_the_queue_to_a_model_stopped_killed_and_resumed(
    home: Path, scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_kit, "PATIENCE", 280.0)
    settings = {
        "seconds": 0, "steps": 6, "batch": 2, "synthetic": 2, "shapes": 2, "phantoms": 0, "side": 32, "device": "cpu",
        "precision": "float32", "name": "liver", "tensorboard": False, "checkpoint_seconds": 0.01, "threads": 1,
    }  # fmt: skip
    run = jobs.submit("sli2vol", scans, settings | {"steps": 10**6}, home=home)
    with Listener(home) as listener:

        def steps() -> list[int]:
            return [event["step"] for event in listener.events.get(run, []) if event["event"] == "step"]

        def starts() -> list[int]:
            return [event["step"] for event in listener.events.get(run, []) if event["event"] == "start"]

        listener.wait(lambda: len(steps()) > 3 and (run / "checkpoint.safetensors").exists())
        jobs.kill(run)
        killed = listener.until(run, "stopped", "lost", "failed")
        assert (killed.state, killed.resumable) == ("stopped", True)
        jobs.resume(run)
        listener.supervisor.wake()
        listener.wait(lambda: len(starts()) == 2)
        assert starts()[1] >= 1
        jobs.cancel(run)
        stopped = listener.until(run, "stopped", "lost", "failed")
        assert stopped.sentence.startswith("Training was stopped")
        assert stopped.model == run / "liver.json"
        jobs.resume(run, steps=stopped.step + 2)
        listener.supervisor.wake()
        done = listener.until(run, "finished", "lost", "failed")
        assert (done.state, done.step, done.done) == ("finished", stopped.step + 2, 1.0)
        wait_for(lambda: (run / "exit").exists())
    left = {path.name for path in run.iterdir()}
    assert left.isdisjoint({"lock", "cancel", "queued", "cache", "last-words"})
    jobs.remove(run)
    assert not run.exists()
