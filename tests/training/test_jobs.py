"""Runs as jobs, with children that only pretend: how each ending is told, and what can be asked of a run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from napari_medssl.errors import BadInput
from napari_medssl.files import write_text
from napari_medssl.training import endings, jobs, launch
from napari_medssl.training.events import EventLog
from napari_medssl.training.processes import identity
from napari_medssl.training.run_folder import RunFolder
from tests.training.jobs_kit import FAKE, Listener, end_all, exists, pretend, wait_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake children end themselves by signals")


@pytest.fixture
def home(tmp_path: Path, scans: Path) -> Iterator[Path]:
    home = tmp_path / "runs"
    yield home
    end_all(home)


@pytest.fixture
def submitted(home: Path, scans: Path) -> Path:
    return jobs.submit("sli2vol", scans, {"steps": 6, "seconds": 0}, name="liver", home=home)


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


def test_a_run_that_hangs_is_ended_with_all_that_it_started(
    submitted: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, "hang")
    with Listener(home) as listener:
        listener.wait(lambda: any(event.get("step") == 2 for event in listener.events.get(submitted, [])))
        helper = int((submitted / "helper").read_text())
        pid = json.loads((submitted / "lock").read_text())["pid"]
        assert exists(helper)
        jobs.kill(submitted)
        assert not exists(helper)
        assert not exists(pid)
        info = jobs.look(submitted)
        assert info.state == "stopped"
        assert "as you asked" in info.sentence
        assert listener.until(submitted, "stopped", "lost", "failed").state == "stopped"
        wait_for(lambda: not psutil.pid_exists(pid), "the zombie to be reaped")
        assert jobs.look(submitted).state == "stopped"


def test_the_process_has_a_session_of_its_own_no_input_and_stands_back(
    submitted: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, "hang")
    with Listener(home) as listener:
        listener.wait(lambda: any(event.get("step") == 2 for event in listener.events.get(submitted, [])))
        pid = json.loads((submitted / "lock").read_text())["pid"]
        assert os.getsid(pid) == pid != os.getsid(0)
        assert psutil.Process(pid).nice() >= 5
        if sys.platform == "linux":
            names = [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink()]
            assert set(names) <= {"/dev/null", str(submitted / "log.txt")}
            assert Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "300"
        jobs.kill(submitted)


def test_one_that_is_leaving_can_be_resumed_and_is_waited_for(
    submitted: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, "leaves slowly", "done")
    with Listener(home) as listener:
        listener.until(submitted, "finished")
        child = json.loads((submitted / "child").read_text())["pid"]
        jobs.resume(submitted)
        listener.supervisor.wake()
        listener.until(submitted, "queued")
        assert exists(child)
        (submitted / "leave").touch()
        assert listener.until(submitted, "finished").step == 2
        assert not exists(child)


def test_one_that_is_only_starting_is_ended_at_once(
    submitted: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, "never begins")
    with Listener(home) as listener:
        listener.until(submitted, "starting")
        jobs.cancel(submitted)
        info = listener.until(submitted, "stopped", "failed", "lost")
    assert info.state == "stopped"
    assert "begins anew" in info.sentence


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


def test_this_process_is_not_ended(submitted: Path) -> None:
    write_text(submitted / "lock", json.dumps(identity()))
    with pytest.raises(BadInput, match="this very process"):
        jobs.kill(submitted)


def test_a_process_of_another_computer_is_asked_not_ended(submitted: Path) -> None:
    write_text(submitted / "lock", json.dumps({**identity(), "machine": "another"}))
    assert jobs.look(submitted).state == "running"
    with pytest.raises(BadInput, match="another computer"):
        jobs.kill(submitted)
    jobs.cancel(submitted)
    assert jobs.look(submitted).state == "stopping"


def test_a_process_that_only_has_the_number_is_not_ended(submitted: Path) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    who = identity(bystander.pid)
    write_text(submitted / "lock", json.dumps({**who, "started": who["started"] - 100}))
    jobs.kill(submitted)
    assert bystander.poll() is None
    bystander.communicate(b"\n")
    assert bystander.returncode == 0


def test_a_flood_of_output_is_cut(submitted: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "MOST_LOG", 3_000_000)
    pretend(monkeypatch, "flood")
    with Listener(home) as listener:
        listener.until(submitted, "finished")
    log = submitted / "log.txt"
    launch.trim_log(log)
    assert log.stat().st_size <= 3_000_000
    assert log.read_bytes().startswith(b"[what was printed before has been cut off]\nxxx")
    assert b"\x00" not in log.read_bytes()


def finish(folder: Path, **settings: Any) -> None:
    """Let a run have ended, with every file that a run leaves."""
    run = RunFolder.of_another(folder)
    run.queued.unlink()
    log = EventLog(run.events)
    log.write("start", step=0)
    log.write("end", step=3, seconds=1, reason="done", sentence="Done.")
    for path in (run.checkpoint, run.best, run.log, run.child, run.exit, folder / "liver.safetensors"):
        path.touch()
    (folder / "liver.json").write_text(json.dumps({"name": "liver", "recipe": "sli2vol", "sha256": ""}))
    (folder / ".0a1b2c3d.partialbest.safetensors").touch()
    for name, file in (
        ("pictures", "step-000250-0.png"), ("tensorboard", "events.out.tfevents.1.host.2.0"),
        ("cache", "0123456789abcdef01234567.image.npy"),
    ):  # fmt: skip
        (folder / name).mkdir()
        (folder / name / file).touch()


def test_a_finished_run_shows_its_model_and_is_removed_whole(submitted: Path) -> None:
    finish(submitted)
    info = jobs.look(submitted)
    assert (info.state, info.model) == ("finished", submitted / "liver.json")
    jobs.remove(submitted)
    assert not submitted.exists()


def test_only_what_a_run_wrote_is_removed(submitted: Path, scans: Path, tmp_path: Path) -> None:
    finish(submitted)
    (submitted / "thesis.txt").touch()
    (submitted / "notes.json").write_text("[]")
    (submitted / "pictures" / "holiday.png").touch()
    (submitted / "cache").rename(tmp_path / "elsewhere")
    (submitted / "cache").symlink_to(tmp_path / "elsewhere")
    before = sorted(scans.rglob("*"))
    jobs.remove(submitted)
    left = sorted(str(path.relative_to(submitted)) for path in submitted.rglob("*"))
    assert left == ["cache", "notes.json", "pictures", "pictures/holiday.png", "thesis.txt"]
    assert len(list((tmp_path / "elsewhere").iterdir())) == 1
    assert sorted(scans.rglob("*")) == before


def test_what_is_no_run_or_a_link_is_not_removed(submitted: Path, scans: Path, home: Path) -> None:
    with pytest.raises(BadInput, match="no run"):
        jobs.remove(scans)
    link = home / "link"
    link.symlink_to(submitted)
    with pytest.raises(BadInput, match="link"):
        jobs.remove(link)
    (submitted / "settings.json").write_text("{}")
    with pytest.raises(BadInput, match="cannot be read"):
        jobs.remove(submitted)
    assert (submitted / "queued").parent.is_dir()
    assert jobs.look(submitted).state == "failed"


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


def test_the_signal_that_python_ignores_says_a_number() -> None:
    assert endings._signal(-signal.SIGKILL) == "SIGKILL"
    assert endings._signal(-200) == "signal 200"
