"""A run that is killed at any moment goes on to the very curve and weights of one that was not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from napari_medssl.training import train
from napari_medssl.training.events import curve, read_events

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")


def losses(run: Path) -> dict[int, tuple[float, dict[str, float]]]:
    events = curve(read_events(run / "events.jsonl"))
    return {event["step"]: (event["loss"], event["figures"]) for event in events if event["event"] == "step"}


def test_killed_at_many_moments_a_run_ends_as_one_that_was_left_alone(
    scans: Path, quick: dict[str, Any], tmp_path: Path
) -> None:
    settings = quick | {"steps": 60, "threads": 1, "checkpoint_seconds": 0.05, "validate_every": 20, "batch": 3}
    script = Path(__file__).with_name("killed_often.py")
    done = subprocess.run(
        [sys.executable, script, scans, tmp_path / "killed", "9", "5", json.dumps(settings)],
        capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["killed"] >= 4
    assert told["with_checkpoint"] >= 2
    train("sli2vol", scans, tmp_path / "whole", **settings)
    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")
    one, other = (load_file(tmp_path / name / "my-model.safetensors") for name in ("killed", "whole"))
    assert all(torch.equal(one[key], other[key]) for key in one)
    left = sorted(path.name for path in (tmp_path / "killed").iterdir())
    assert left == sorted(path.name for path in (tmp_path / "whole").iterdir())
