"""Two processes on the CPU (gloo) train as one does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from napari_medssl.errors import BadInput
from napari_medssl.training import train
from napari_medssl.training.distributed import World
from napari_medssl.training.events import read_events


def torchrun(*words: object) -> None:
    script = Path(__file__).with_name("two_processes.py")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", script, *words]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-3000:]


def test_shares_cover_the_batch_once() -> None:
    for size in (1, 2, 3):
        places = sorted(place for rank in range(size) for place in World(rank, size).share(7))
        assert places == list(range(7))
    with pytest.raises(BadInput, match="smaller than the number of processes"):
        World(0, 4).share(3)


def test_batch_normalisation_over_two_processes_is_that_of_the_whole_batch(tmp_path: Path) -> None:
    torchrun("norm", tmp_path / "told")
    torch.manual_seed(0)
    whole = (torch.randn(5, 3, 4, 6) * 2 + 1).requires_grad_(True)
    norm = nn.BatchNorm2d(3)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, 2.0, 3.0]))
    result = norm(whole)
    (result * torch.arange(6.0)).square().sum().backward()
    for rank in (0, 1):
        told = json.loads(Path(f"{tmp_path / 'told'}.{rank}").read_text())
        assert told["agreed"] == [3.0]
        for key, expected in (
            ("result", result[rank::2]), ("gradient", whole.grad[rank::2]), ("weight", norm.weight.grad),
            ("mean", norm.running_mean), ("variance", norm.running_var),
        ):  # fmt: skip
            assert torch.allclose(torch.tensor(told[key]), expected, rtol=1e-4, atol=1e-4), key


def test_two_processes_have_the_loss_curve_of_one(scans: Path, quick: dict[str, Any], tmp_path: Path) -> None:
    # 5 samples, 2 of them made: the processes' shares differ in size and in kind.
    settings = quick | {"steps": 10, "batch": 5, "synthetic": 2, "validate_every": 5}
    torchrun("run", scans, tmp_path / "two", json.dumps(settings))
    train("sli2vol", scans, tmp_path / "one", **settings)
    one, two = (read_events(tmp_path / name / "events.jsonl") for name in ("one", "two"))
    assert next(event for event in two if event["event"] == "start")["processes"] == 2
    for kind, key in (("step", "loss"), ("validation", "score")):
        curves = [[event[key] for event in events if event["event"] == kind] for events in (one, two)]
        assert len(curves[0]) == len(curves[1]) > 1
        assert curves[1] == pytest.approx(curves[0], rel=2e-3)
    weights = [load_file(tmp_path / name / "my-model.safetensors") for name in ("one", "two")]
    moved = [float((w["head.weight"] - weights[0]["head.weight"]).abs().max()) for w in weights]
    assert moved[1] < 1e-3
