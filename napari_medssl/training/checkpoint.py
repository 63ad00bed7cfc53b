"""Checkpoints: everything a run needs to go on as if it had never stopped, as one safetensors file.

There is no random state in them: randomness is a function of (seed, step, index), and the step is there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from napari_medssl.errors import BadInput
from napari_medssl.files import atomic_path


@dataclass
class Progress:
    """How far a run has come, over all its parts.

    Attributes
    ----------
    step, seconds : steps done, time spent
    best, best_step : the best validation's score and when it was; None before the first
    stale : validations since the best one
    metrics : of the last validation, and of the best one
    """

    step: int = 0
    seconds: float = 0.0
    best: float | None = None
    best_step: int = 0
    stale: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    best_metrics: dict[str, float] = field(default_factory=dict)


class Stateful(Protocol):
    """What has learnt something besides the weights: a strategy."""

    def state(self) -> dict[str, Tensor]: ...

    def load_state(self, state: Mapping[str, Tensor]) -> None: ...


@dataclass(frozen=True)
class Parts:
    """All that changes while a run goes on."""

    network: nn.Module
    average: nn.Module
    optimiser: Optimizer
    scaler: GradScaler
    strategy: Stateful

    def save(self, path: Path, progress: Progress) -> None:
        """Write everything into one file, atomically.

        One file, since two could be caught by a crash in between and then tell of different moments.
        """
        tensors: dict[str, Tensor] = {}
        tensors.update({f"network.{key}": value for key, value in self.network.state_dict().items()})
        tensors.update({f"average.{key}": value for key, value in self.average.state_dict().items()})
        tensors.update({f"strategy.{key}": value for key, value in self.strategy.state().items()})
        plain: dict[str, dict[str, Any]] = {}
        for parameter, entries in self.optimiser.state_dict()["state"].items():
            for key, value in entries.items():
                if isinstance(value, Tensor):
                    tensors[f"optimiser.{parameter}.{key}"] = value
                else:
                    plain.setdefault(str(parameter), {})[key] = value
        record = {"progress": asdict(progress), "optimiser": plain, "scaler": self.scaler.state_dict()}
        # Copies: safetensors refuses tensors that share memory, as tied weights do.
        kept = {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
        with atomic_path(path) as temporary:
            save_file(kept, temporary, metadata={"record": json.dumps(record)})

    def load(self, path: Path) -> Progress:
        """Put a checkpoint's content back; `BadInput` when the file is damaged or of another network."""
        try:
            with safe_open(path, framework="pt") as handle:
                record = json.loads(handle.metadata()["record"])
                tensors = {key: handle.get_tensor(key) for key in handle.keys()}  # noqa: SIM118 (not a dict)
            progress = Progress(**record["progress"])
            self.network.load_state_dict(_part(tensors, "network."))
            self.average.load_state_dict(_part(tensors, "average."))
            self.strategy.load_state(_part(tensors, "strategy."))
            self._load_optimiser(_part(tensors, "optimiser."), record["optimiser"])
            if self.scaler.is_enabled() and record["scaler"]:
                self.scaler.load_state_dict(record["scaler"])
        except (SafetensorError, RuntimeError, KeyError, ValueError, TypeError, OSError) as error:
            raise BadInput(
                f"The checkpoint {path} cannot be used with these settings; start a new run folder."
            ) from error
        return progress

    def _load_optimiser(self, tensors: Mapping[str, Tensor], plain: Mapping[str, dict[str, Any]]) -> None:
        restored: dict[int, dict[str, Any]] = {}
        for key, value in tensors.items():
            parameter, name = key.split(".", 1)
            restored.setdefault(int(parameter), {})[name] = value
        for number, entries in plain.items():
            restored.setdefault(int(number), {}).update(entries)
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": restored, "param_groups": groups})


def save_weights(path: Path, network: nn.Module) -> None:
    """Write a network's weights alone, atomically."""
    tensors = {key: value.detach().cpu().contiguous().clone() for key, value in network.state_dict().items()}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file that a run wrote; `BadInput` when it is damaged."""
    try:
        with safe_open(path, framework="pt") as handle:
            return {key: handle.get_tensor(key) for key in handle.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError) as error:
        raise BadInput(f"{path} is damaged; remove it and resume the run.") from error


def _part(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
