"""``napari-medssl runs``: what is told of runs, and what is asked of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from napari_medssl.files import write_text
from napari_medssl.training import jobs
from napari_medssl.training.processes import identity
from napari_medssl.training.run_folder import RunFolder
from tests.commands.conftest import Call, make_case
from tests.training.jobs_kit import end_all, exists, pretend, wait_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake children end themselves by signals")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "images"
    folder.mkdir(parents=True)
    make_case(folder).image.rename(folder / "one.nii.gz")
    for rest in ("seeds", "truth"):
        (folder / f"{rest}.nii.gz").unlink()
    return folder.parent


@pytest.fixture
def run(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that waits for its turn."""
    monkeypatch.setenv("NAPARI_MEDSSL_RUNS", str(tmp_path / "runs"))
    return jobs.submit("sli2vol", data, {"steps": 6, "seconds": 0}, name="liver")


def test_no_runs(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_MEDSSL_RUNS", str(tmp_path / "runs"))
    assert "no runs" in call("runs", "list").out
    assert call("runs", "list", "--json").json == {"folder": str(tmp_path / "runs"), "runs": []}


def test_runs_are_listed_and_shown(call: Call, run: Path, data: Path) -> None:
    listed = call("runs", "list")
    assert (listed.status, "liver" in listed.out, "queued" in listed.out) == (0, True, True)
    (entry,) = call("runs", "list", "--json").json["runs"]
    assert (entry["run"], entry["state"], entry["data"]) == (run.name, "queued", str(data))
    assert call("runs", "list", "--folder", run.parent, "--json").json["runs"] == [entry]
    for word in (run, run.name):
        assert call("runs", "show", word, "--json").json == entry
    shown = call("runs", "show", run.name).out
    assert "Waits for its turn" in shown
    assert str(data) in shown


def test_a_run_from_the_command_line_outlives_it_and_is_stopped_and_resumed(
    call: Call, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, "until cancelled", "hang", "done")
    try:
        assert "not begun" in call("runs", "stop", run.name).out
        outcome = call("runs", "resume", run.name, "--set", "steps=9", "--device", "cpu", "--json")
        assert outcome.json["state"] in ("starting", "running")
        assert (outcome.json["settings"]["steps"], outcome.json["settings"]["device"]) == (9, "cpu")
        wait_for(lambda: jobs.look(run).state == "running")
        assert "still going" in call("runs", "resume", run.name).refused()
        assert "still going" in call("runs", "remove", run.name).refused()
        assert call("runs", "stop", run.name).status == 0
        wait_for(lambda: jobs.look(run).state == "stopped")
        wait_for(lambda: (run / "exit").exists())
        assert call("runs", "resume", run.name).status == 0
        wait_for(lambda: (run / "helper").exists() and jobs.look(run).step == 3)
        helper = int((run / "helper").read_text())
        assert call("runs", "stop", run.name, "--now", "--json").json["state"] == "stopped"
        assert not exists(helper)
        assert call("runs", "resume", run.name).status == 0
        wait_for(lambda: (run / "exit").exists())
        shown = call("runs", "show", run.name)
        assert "finished. It is done." in shown.out
        assert "dice 0.8" in shown.out
        assert "100%" in call("runs", "list").out
    finally:
        end_all(run.parent)


def test_a_run_is_removed(call: Call, run: Path) -> None:
    (run / "mine.txt").touch()
    assert call("runs", "remove", run.name, "--json").json == {"removed": str(run), "left": ["mine.txt"]}
    assert "no run" in call("runs", "remove", run.name).refused()


@pytest.mark.parametrize("action", ["show", "stop", "resume", "remove"])
def test_a_run_that_there_is_not(call: Call, run: Path, action: str) -> None:
    assert "'nowhere'" in call("runs", action, "nowhere").refused()
    assert json.loads(call("runs", action, "nowhere", "--json").out)["error"]


def test_what_cannot_be_resumed_is_refused(call: Call, run: Path, data: Path, tmp_path: Path) -> None:
    assert "batch" in call("runs", "resume", run.name, "--set", "batch=0").refused()
    assert "KEY=VALUE" in call("runs", "resume", run.name, "--set", "batch").refused()
    data.rename(tmp_path / "moved")
    assert "data" in call("runs", "resume", run.name).refused()


def test_a_run_of_this_very_process_is_not_ended(call: Call, run: Path) -> None:
    write_text(RunFolder.of_another(run).lock, json.dumps(identity()))
    assert "this very process" in call("runs", "stop", run.name, "--now").refused()
