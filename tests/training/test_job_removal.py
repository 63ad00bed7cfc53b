"""Removing runs: all that a run wrote, and nothing else."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from napari_medssl.errors import BadInput
from napari_medssl.training import jobs
from napari_medssl.training.events import EventLog
from napari_medssl.training.run_folder import RunFolder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake children end themselves by signals")


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
