"""What goes wrong in the middle of a run: a sentence, nothing lost, and the run goes on when it is mended."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from napari_medssl.errors import BadInput, Cancelled
from napari_medssl.propagation.learning.task import Sli2Vol
from napari_medssl.training import train
from napari_medssl.training.checkpoint import Parts
from napari_medssl.training.events import newest, read_events
from napari_medssl.training.failures import sentence_for


def at_step(step: int, error: BaseException) -> Any:
    """A loss that fails at one step."""
    original = Sli2Vol.loss

    def loss(self: Any, network: Any, batch: Any, moment: Any) -> Any:
        if moment.step == step:
            raise error
        return original(self, network, batch, moment)

    return loss


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "graphics card ran out of memory"),
        (MemoryError(), "computer ran out of memory"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk is full"),
        (BadInput("The scan x has gone."), "The scan x has gone"),
    ],
)
def test_a_run_that_fails_says_why_keeps_all_steps_and_goes_on(
    scans: Path, quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Any, sentence: str
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(Sli2Vol, "loss", at_step(4, error))
        with pytest.raises(BadInput, match=sentence):
            train("sli2vol", scans, tmp_path / "run", **quick)
    end = newest(read_events(tmp_path / "run" / "events.jsonl"), "end")
    assert (end["reason"], end["step"], end["complete"]) == ("failed", 4, False)
    assert sentence in end["sentence"]
    assert not (tmp_path / "run" / "lock").exists()
    resumed = train("sli2vol", None, tmp_path / "run", resume=True)
    start = newest(read_events(tmp_path / "run" / "events.jsonl"), "start")
    assert start["step"] == 4  # nothing was lost
    assert resumed.complete


def test_a_fault_of_ours_is_passed_on_and_told(
    scans: Path, quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sli2Vol, "loss", at_step(1, ZeroDivisionError("oh")))
    with pytest.raises(ZeroDivisionError):
        train("sli2vol", scans, tmp_path / "run", **quick)
    assert "an error of ours" in newest(read_events(tmp_path / "run" / "events.jsonl"), "end")["sentence"]


def test_a_disk_that_fills_up_keeps_the_checkpoint_before(
    scans: Path, quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train("sli2vol", scans, tmp_path / "run", **quick)
    kept = (tmp_path / "run" / "checkpoint.safetensors").read_bytes()

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("napari_medssl.training.checkpoint.save_file", full)
        with pytest.raises(BadInput, match="disk is full"):
            train("sli2vol", None, tmp_path / "run", resume=True, steps=9)
    assert (tmp_path / "run" / "checkpoint.safetensors").read_bytes() == kept
    assert train("sli2vol", None, tmp_path / "run", resume=True, steps=9).steps == 9


def test_scans_that_vanish_while_they_are_read_from_disk_are_told(
    scans: Path, quick: dict[str, Any], tmp_path: Path
) -> None:
    def vanish(event: dict[str, Any]) -> None:
        if event["event"] == "step" and event["step"] == 2:
            shutil.rmtree(tmp_path / "run" / "cache")

    many = quick | {"steps": 60, "synthetic": 0, "memory_gb": 1e-9, "validate_every": 100}
    with pytest.raises(BadInput):
        train("sli2vol", scans, tmp_path / "run", on_event=vanish, **many)
    end = newest(read_events(tmp_path / "run" / "events.jsonl"), "end")
    assert end["reason"] == "failed"
    assert end["step"] >= 2
    assert train("sli2vol", None, tmp_path / "run", resume=True).steps == 60


def test_a_run_stopped_while_scans_are_read_says_so_and_can_be_resumed(
    scans: Path, quick: dict[str, Any], tmp_path: Path
) -> None:
    def stop(event: dict[str, Any]) -> None:
        if event["event"] == "prepare":
            (tmp_path / "run" / "cancel").touch()

    with pytest.raises(Cancelled):
        train("sli2vol", scans, tmp_path / "run", on_event=stop, **quick)
    end = newest(read_events(tmp_path / "run" / "events.jsonl"), "end")
    assert (end["reason"], end["step"], end["model"]) == ("cancelled", 0, None)
    assert "before its first step" in end["sentence"]
    assert not (tmp_path / "run" / "cancel").exists()
    assert train("sli2vol", scans, tmp_path / "run", **quick).complete


def test_early_stopping_ends_a_run_that_gets_no_better(
    scans: Path, quick: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_medssl.training.strategy import Validation

    scores = iter([0.1, 0.5, 0.4, 0.3, 0.2])
    monkeypatch.setattr(Sli2Vol, "validate", lambda *_: Validation({"dice": 1.0}, next(scores)))
    settings = quick | {"steps": 50, "validate_every": 2, "patience": 2}
    result = train("sli2vol", scans, tmp_path / "run", **settings)
    assert (result.steps, result.complete) == (8, True)
    assert result.card.training["taken_at_step"] == 4  # the best one's weights
    assert newest(read_events(tmp_path / "run" / "events.jsonl"), "end")["reason"] == "early stop"


def test_sentences_say_what_to_do() -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    assert "make room" in str(sentence_for(full))
    assert "batch" in str(sentence_for(RuntimeError("CUDA error: out of memory")))
    assert "memory_gb" in str(sentence_for(RuntimeError("DefaultCPUAllocator: can't allocate memory")))
    assert "permission" in str(sentence_for(PermissionError(errno.EACCES, "Permission denied", "/x")))
    assert sentence_for(ZeroDivisionError()) is None


def test_a_checkpoint_is_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch import nn
    from torch.amp.grad_scaler import GradScaler

    from napari_medssl.training.checkpoint import Progress
    from napari_medssl.training.strategy import Plain

    network = nn.Linear(2, 2)
    optimiser = torch.optim.AdamW(network.parameters())
    parts = Parts(network, nn.Linear(2, 2), optimiser, GradScaler("cpu", enabled=False), Plain(None))  # type: ignore[arg-type]
    network(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    parts.save(tmp_path / "c", Progress(3, 1.5, best=0.25))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    moments = optimiser.state_dict()["state"][0]["exp_avg"].clone()
    with torch.no_grad():
        network.weight.zero_()
        optimiser.state_dict()["state"][0]["exp_avg"].zero_()

    def torn(tensors: Any, path: Path, metadata: Any) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr("napari_medssl.training.checkpoint.save_file", torn)
        with pytest.raises(OSError, match="error"):
            parts.save(tmp_path / "c", Progress(4))
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
    progress = parts.load(tmp_path / "c")
    assert (progress.step, progress.seconds, progress.best) == (3, 1.5, 0.25)
    assert all(torch.equal(network.state_dict()[key], before[key]) for key in before)
    assert torch.equal(optimiser.state_dict()["state"][0]["exp_avg"], moments)
