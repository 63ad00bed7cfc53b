"""The processes of runs: apart from ours, ended with all that they started, and no bystander with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from napari_medssl.errors import BadInput
from napari_medssl.files import write_text
from napari_medssl.training import jobs, launch
from napari_medssl.training.processes import identity
from tests.training.jobs_kit import Listener, exists, pretend, wait_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake children end themselves by signals")


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
