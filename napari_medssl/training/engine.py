"""The training loop: steps, schedule, running average of the weights, checkpoints, events, cancelling, resuming."""

from __future__ import annotations

import copy
import math
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from napari_medssl.devices import pick_device, use_bfloat16
from napari_medssl.errors import BadInput
from napari_medssl.models import Card, save_model
from napari_medssl.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from napari_medssl.training.data import find_cases
from napari_medssl.training.events import Event, EventLog
from napari_medssl.training.randomness import torch_generator
from napari_medssl.training.recipes import Recipe, RunSettings, Task, check_settings, find_recipe
from napari_medssl.training.run_folder import RunFolder

_WARM_UP_STEPS = 50
_CLIP = 5.0
_LOG_EVERY = 10


@dataclass(frozen=True)
class TrainedModel:
    """What a run leaves: the model's card, the folder it lies in, and whether it ran to its end."""

    card: Card
    folder: Path
    steps: int
    seconds: float
    complete: bool


def train(
    recipe: str,
    data: str | Path,
    run_dir: str | Path,
    *,
    resume: bool = False,
    on_event: Callable[[Event], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    **settings: Any,
) -> TrainedModel:
    """Train a recipe on a data folder.

    The run stops at its time or step budget, when `cancelled` answers True, or when a file named ``cancel`` appears
    in the run folder; each time the model as it stands and a checkpoint are written.

    Parameters
    ----------
    recipe : a recipe's name (`list_recipes`)
    data : a data folder (`find_cases`)
    run_dir : a new folder, or with `resume` that of a run to go on with
    on_event : called with each event that is written to ``events.jsonl``
    settings : the recipe's settings; with `resume` those that are to change

    Raises
    ------
    BadInput
        Unknown recipe, setting or device; unusable data; a run folder in use.
    """
    found = find_recipe(recipe)
    folder = RunFolder(Path(run_dir), resume=resume)
    if resume:
        before, old = folder.read_settings()
        if before != recipe:
            raise BadInput(f"The run in {run_dir} is one of recipe {before}, not {recipe}.")
        settings = {**old, **settings}
    chosen = check_settings(found, settings)
    if not chosen.seconds and not chosen.steps:
        raise BadInput("Give the run an end: seconds or steps must be above 0.")
    device = pick_device(chosen.device)  # before the data is read, which can take minutes
    with folder.locked():
        task = found.build(chosen, find_cases(Path(data)))
        folder.write_settings(recipe, chosen.model_dump(mode="json"))
        folder.cancel.unlink(missing_ok=True)
        run = _Run(found, chosen, task, folder, EventLog(folder.events, on_event), device)
        return run.go(cancelled or (lambda: False))


class _Run:
    def __init__(
        self, recipe: Recipe, settings: RunSettings, task: Task, folder: RunFolder, log: EventLog, device: torch.device
    ) -> None:
        self.recipe, self.settings, self.task, self.folder, self.log = recipe, settings, task, folder, log
        self.device, self.half = device, use_bfloat16(settings.precision, device)
        self.network = task.network.to(device)
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=settings.learning_rate, weight_decay=1e-4)
        self.progress = Progress()
        if folder.checkpoint.is_file():
            self.progress = load_checkpoint(folder.checkpoint, self.network, self.average, self.optimiser)

    def go(self, cancelled: Callable[[], bool]) -> TrainedModel:
        already, started, saved = self.progress.seconds, time.monotonic(), time.monotonic()
        self.log.write("start", recipe=self.recipe.name, device=str(self.device), step=self.progress.step)
        self.network.train()
        complete = True
        while (done := self._done()) < 1:
            if cancelled() or self.folder.cancel.exists():
                complete = False
                break
            figures = self._step(done)
            self.progress.step += 1
            self.progress.seconds = already + time.monotonic() - started
            if self.progress.step % _LOG_EVERY == 0:
                self.log.write("step", step=self.progress.step, done=round(done, 4), **figures)
            if time.monotonic() - saved > self.settings.checkpoint_seconds:
                self._checkpoint()
                saved = time.monotonic()
        self._checkpoint()
        card = self._save_model(complete)
        self.folder.cancel.unlink(missing_ok=True)
        self.log.write("end", step=self.progress.step, seconds=round(self.progress.seconds, 1), complete=complete)
        return TrainedModel(card, self.folder.path, self.progress.step, self.progress.seconds, complete)

    def _done(self) -> float:
        """How much of the budget is used, 0..1."""
        by_time = self.progress.seconds / self.settings.seconds if self.settings.seconds else 0.0
        by_step = self.progress.step / self.settings.steps if self.settings.steps else 0.0
        return max(by_time, by_step)

    def _step(self, done: float) -> dict[str, float]:
        warm = min(1.0, (self.progress.step + 1) / _WARM_UP_STEPS)
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.learning_rate * warm * (0.5 + 0.5 * math.cos(math.pi * done))
        batch = {key: value.to(self.device) for key, value in self.task.batch(self.progress.step).items()}
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            loss, figures = self.task.loss(batch, torch_generator(self.settings.seed, 7, self.progress.step))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), _CLIP)
        self.optimiser.step()
        self._update_average()
        return {"loss": round(float(loss.detach()), 5), **{key: round(value, 5) for key, value in figures.items()}}

    def _update_average(self) -> None:
        # A young average follows quickly, so that a run of minutes is not held back by its start.
        decay = min(0.995, (1 + self.progress.step) / (10 + self.progress.step))
        with torch.no_grad():
            for kept, new in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
                if kept.dtype.is_floating_point:
                    kept.lerp_(new, 1 - decay)
                else:
                    kept.copy_(new)

    def _checkpoint(self) -> None:
        save_checkpoint(self.folder.checkpoint, self.network, self.average, self.optimiser, self.progress)

    def _save_model(self, complete: bool) -> Card:
        training = {
            "settings": self.settings.model_dump(mode="json"),
            "steps": self.progress.step,
            "seconds": round(self.progress.seconds, 1),
            "complete": complete,
            "device": str(self.device),
            "precision": "bfloat16" if self.half else "float32",
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "python": platform.python_version(),
        }
        fields = {"name": self.settings.name, "recipe": self.recipe.name, "training": training, **self.task.card()}
        return save_model(self.folder.path, self.average.state_dict(), **fields)
