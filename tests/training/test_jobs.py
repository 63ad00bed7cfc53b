"""Runs as jobs, with children that only pretend: what can be asked of a run, from the queue to its end."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from napari_medssl.errors import BadInput
from napari_medssl.files import write_text
from napari_medssl.training import jobs
from napari_medssl.training.events import EventLog
from napari_medssl.training.processes import identity
from napari_medssl.training.run_folder import RunFolder
from tests.training.jobs_kit import Listener, pretend, wait_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake children end themselves by signals")


def test_a_submitted_run_waits_and_says_what_it_is(submitted: Path, home: Path, scans: Path) -> None:
    info = jobs.look(submitted)
    assert (info.state, info.recipe, info.name, info.data) == ("queued", "sli2vol", "liver", scans)
    assert info.settings["steps"] == 6
    assert info.settings["batch"] == 4  # settings that were not given are written down as they are now
    assert time.time() - info.created < 60
    assert not info.resumable
    assert info.model is None
    assert submitted.parent == home
    assert submitted.name.endswith("-liver")
    assert jobs.list_runs(home) == [info]


def test_runs_of_one_name_get_folders_of_their_own_and_are_listed_newest_first(home: Path, scans: Path) -> None:
    made = [jobs.submit("sli2vol", scans, {"name": "liver"}, home=home) for _ in range(3)]
    assert len(set(made)) == 3
    (home / "not-a-run").mkdir()
    (home / "file").touch()
    assert [info.folder for info in jobs.list_runs(home)] == made[::-1]
    assert jobs.list_runs(home / "nowhere") == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"recipe": "alchemy"}, "no recipe"),
        ({"data": "nowhere"}, "nowhere"),
        ({"settings": {"stps": 3}}, "stps"),
        ({"settings": {"seconds": 0}}, "end"),
        ({"name": "../escape"}, "name"),
        ({"name": "patient Müller"}, "name"),
        ({"home": "file/runs"}, "cannot be written down"),
    ],
)
def test_what_cannot_be_submitted_is_refused_and_leaves_nothing(
    home: Path, scans: Path, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    (tmp_path / "file").touch()
    given: dict[str, Any] = {"recipe": "sli2vol", "data": scans, "settings": {}, "name": "liver", "home": home} | change
    given["home"] = tmp_path / given["home"]
    with pytest.raises(BadInput, match=said):
        jobs.submit(given["recipe"], given["data"], given["settings"], name=given["name"], home=given["home"])
    assert not home.exists()


def test_the_folder_of_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NAPARI_MEDSSL_RUNS", str(tmp_path))
    assert jobs.runs_folder() == tmp_path
    monkeypatch.delenv("NAPARI_MEDSSL_RUNS")
    assert jobs.runs_folder().parts[-2:] == ("napari-medssl", "runs")


def test_a_run_from_the_queue_to_its_end(submitted: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, "done")
    with Listener(home) as listener:
        info = listener.until(submitted, "finished")
    assert listener.states(submitted)[0] == "queued"
    assert set(listener.states(submitted)) <= {"queued", "starting", "running", "finished"}
    assert (info.step, info.done, info.seconds, info.metrics) == (1, 1.0, 8.0, {"dice": 0.8})
    assert info.sentence == "It is done."
    assert info.resumable
    assert [event["event"] for event in listener.events[submitted]] == [
        "start", "step", "validation", "checkpoint", "end",
    ]  # fmt: skip
    assert all(thread.name == "napari-medssl runs" for thread in listener.threads)
    wait_for(lambda: (submitted / "exit").is_file(), "the process to leave")
    assert json.loads((submitted / "exit").read_text())["code"] == 0


def test_stopping_writes_down_and_resuming_goes_on_with_changes(
    submitted: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, "until cancelled", "done")
    with Listener(home) as listener:
        listener.until(submitted, "running")
        with pytest.raises(BadInput, match="still going"):
            jobs.resume(submitted)
        with pytest.raises(BadInput, match="still going"):
            jobs.remove(submitted)
        jobs.cancel(submitted)
        assert jobs.look(submitted).state in ("stopping", "stopped")
        info = listener.until(submitted, "stopped")
        assert info.sentence == "It is cancelled."
        with pytest.raises(BadInput, match="batch"):
            jobs.resume(submitted, batch=0)
        jobs.resume(submitted, steps=9)
        assert jobs.look(submitted).state == "queued"
        listener.supervisor.wake()
        info = listener.until(submitted, "finished")
    assert info.settings["steps"] == 9
    assert info.step == 2
    assert not (submitted / "cancel").exists()


def test_one_that_waits_leaves_the_queue(submitted: Path) -> None:
    jobs.cancel(submitted)
    info = jobs.look(submitted)
    assert (info.state, info.resumable) == ("stopped", True)
    assert "not begun" in info.sentence
    jobs.resume(submitted)
    assert jobs.look(submitted).state == "queued"
    jobs.kill(submitted)
    assert jobs.look(submitted).state == "stopped"


def test_a_vanished_data_folder_is_named_on_resuming(submitted: Path, scans: Path, tmp_path: Path) -> None:
    jobs.cancel(submitted)
    moved = scans.rename(tmp_path / "moved")
    with pytest.raises(BadInput, match="data"):
        jobs.resume(submitted)
    jobs.resume(submitted, data=moved)
    assert jobs.look(submitted).data == moved


def test_finding_a_run(submitted: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_MEDSSL_RUNS", str(home))
    assert jobs.find_run(submitted.name) == jobs.find_run(submitted) == submitted
    with pytest.raises(BadInput, match="no run 'other'"):
        jobs.find_run("other")
    for word in ("", ".", ".."):
        with pytest.raises(BadInput):
            jobs.find_run(word)


def test_a_long_silence_and_reading_are_told(submitted: Path) -> None:
    run = RunFolder.of_another(submitted)
    log = EventLog(run.events)
    write_text(run.lock, json.dumps(identity()))
    log.write("prepare", text="Reading scans", done=3, total=12)
    assert jobs.look(submitted).sentence == "Reading scans: 3 of 12."
    run.events.write_text(json.dumps({"event": "step", "step": 5, "time": time.time() - 1300}) + "\n")
    info = jobs.look(submitted)
    assert info.state == "running"
    assert "22 minutes" in info.sentence
    run.lock.unlink()


def test_time_is_counted_over_all_parts(submitted: Path) -> None:
    told = [
        {"event": "start", "time": 100, "step": 0}, {"event": "step", "time": 130, "step": 3},
        {"event": "start", "time": 500, "step": 2}, {"event": "step", "time": 512, "step": 3},
    ]  # fmt: skip
    (submitted / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in told))
    assert jobs.look(submitted).seconds == 42.0
    assert jobs.look(submitted).step == 3
