"""Checkpoints: everything a run needs to go on as if it had never stopped, as one safetensors file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from napari_medssl.errors import BadInput
from napari_medssl.files import atomic_path


@dataclass
class Progress:
    """How far a run has come: steps done and seconds spent, over all its parts."""

    step: int = 0
    seconds: float = 0.0


def save_checkpoint(
    path: Path, network: nn.Module, average: nn.Module, optimiser: Optimizer, progress: Progress
) -> None:
    """Write network, its running average, optimiser and progress into one file, atomically.

    One file, since two could be caught by a crash in between and then tell of different moments.
    """
    tensors: dict[str, Tensor] = {}
    tensors.update({f"network.{key}": value for key, value in network.state_dict().items()})
    tensors.update({f"average.{key}": value for key, value in average.state_dict().items()})
    plain: dict[str, dict[str, Any]] = {}
    state = optimiser.state_dict()
    for parameter, entries in state["state"].items():
        for key, value in entries.items():
            if isinstance(value, Tensor):
                tensors[f"optimiser.{parameter}.{key}"] = value
            else:
                plain.setdefault(str(parameter), {})[key] = value
    record = {"step": progress.step, "seconds": progress.seconds, "optimiser": plain}
    tensors = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata={"record": json.dumps(record)})


def load_checkpoint(path: Path, network: nn.Module, average: nn.Module, optimiser: Optimizer) -> Progress:
    """Put a checkpoint's content back; `BadInput` when the file is damaged or of another network."""
    try:
        with safe_open(path, framework="pt") as handle:
            record = json.loads(handle.metadata()["record"])
            tensors = {key: handle.get_tensor(key) for key in handle.keys()}  # noqa: SIM118 (not a dict)
        network.load_state_dict(_part(tensors, "network."))
        average.load_state_dict(_part(tensors, "average."))
        state = optimiser.state_dict()
        restored: dict[int, dict[str, Any]] = {}
        for key, value in _part(tensors, "optimiser.").items():
            parameter, name = key.split(".", 1)
            restored.setdefault(int(parameter), {})[name] = value
        for parameter, entries in record["optimiser"].items():
            restored.setdefault(int(parameter), {}).update(entries)
        optimiser.load_state_dict({"state": restored, "param_groups": state["param_groups"]})
    except (SafetensorError, RuntimeError, KeyError, ValueError, TypeError, OSError) as error:
        raise BadInput(f"The checkpoint {path} cannot be used with these settings; start a new run folder.") from error
    return Progress(int(record["step"]), float(record["seconds"]))


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
