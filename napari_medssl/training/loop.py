"""The training loop: from batch to batch, with validations, checkpoints and events, until something ends it."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from napari_medssl.training.board import Board
from napari_medssl.training.checkpoint import Parts, Progress, save_weights
from napari_medssl.training.distributed import World
from napari_medssl.training.events import EventLog
from napari_medssl.training.loader import Loader
from napari_medssl.training.optimisation import Stepper, learning_rate, update_average
from napari_medssl.training.pictures import write_pictures
from napari_medssl.training.randomness import generator
from napari_medssl.training.resources import device_memory_in_use, memory_in_use
from napari_medssl.training.run_folder import RunFolder
from napari_medssl.training.settings import RunSettings
from napari_medssl.training.strategy import Moment, Strategy, Term

DONE, CANCELLED, EARLY = "done", "cancelled", "early stop"
_EVERY = 10  # steps between two events, but for the first few


@dataclass
class Clock:
    """Tells how far a run has come and how long it will take, over all its parts."""

    progress: Progress
    settings: RunSettings
    started: float = field(default_factory=time.monotonic)
    already: float = 0.0
    first_step: int = 0

    def __post_init__(self) -> None:
        self.already, self.first_step = self.progress.seconds, self.progress.step

    def seconds(self) -> float:
        return self.already + time.monotonic() - self.started

    def done(self) -> float:
        """How much of the budget is used, 0..1 and beyond."""
        by_time = self.progress.seconds / self.settings.seconds if self.settings.seconds else 0.0
        by_step = self.progress.step / self.settings.steps if self.settings.steps else 0.0
        return max(by_time, by_step)

    def speed(self) -> float:
        """Steps a second since this part of the run began."""
        return (self.progress.step - self.first_step) / max(1e-9, time.monotonic() - self.started)

    def left(self) -> float | None:
        """Seconds to the nearest end, None where there is no telling yet."""
        ends = []
        if self.settings.seconds:
            ends.append(self.settings.seconds - self.progress.seconds)
        if self.settings.steps and self.speed() > 0:
            ends.append((self.settings.steps - self.progress.step) / self.speed())
        return max(0.0, min(ends)) if ends else None


class Loop:
    """One part of a run, from where its checkpoint left it to where it ends."""

    def __init__(
        self, strategy: Strategy, settings: RunSettings, folder: RunFolder, log: EventLog, world: World,
        device: torch.device, dtype: torch.dtype, workers: int,
    ) -> None:  # fmt: skip
        self.strategy, self.settings, self.folder, self.log = strategy, settings, folder, log
        self.world, self.device, self.workers = world, device, workers
        self.network = strategy.task.network.to(device)
        self.average = copy.deepcopy(self.network).requires_grad_(False).eval()
        self.wrapped = world.wrap(self.network, device)
        self.stepper = Stepper(self.network, settings, device, dtype)
        self.parts = Parts(self.network, self.average, self.stepper.optimiser, self.stepper.scaler, strategy)
        self.progress = Progress()
        if folder.checkpoint.is_file():
            self.progress = self.parts.load(folder.checkpoint)
        self._figures: dict[str, Tensor] = {}
        self._saved_step = -1

    def go(self, cancelled: Callable[[], bool]) -> str:
        """Train; the reason for the end."""
        clock = Clock(self.progress, self.settings)
        self._board = Board(
            self.folder.tensorboard,
            wanted=self.settings.tensorboard and self.world.leads,
            step=self.progress.step,
        )
        places = self.world.share(self.settings.batch)
        # No more than the last step: what is prepared beyond it would be thrown away.
        loader = Loader(
            self.strategy.batch, places, start=self.progress.step, stop=self.settings.steps or None,
            workers=self.workers, pin=self.device.type == "cuda",
        )  # fmt: skip
        try:
            return self._steps(loader, clock, cancelled)
        finally:
            loader.close()
            self._board.close()

    def _steps(self, loader: Loader, clock: Clock, cancelled: Callable[[], bool]) -> str:
        self.network.train()
        saved = time.monotonic()
        batches = iter(loader)
        while True:
            stop = self.world.leads and (cancelled() or self.folder.cancel.exists())
            done, told = self.world.agree(clock.done(), float(stop))
            if told:
                return self._end(CANCELLED)
            if done >= 1:
                return self._end(DONE)
            step, batch = next(batches)
            self._step(step, done, batch)
            self.progress.step, self.progress.seconds = step + 1, clock.seconds()
            if self.progress.step % _EVERY == 0 or self.progress.step <= _EVERY:
                self._tell(clock, loader, done)
            if self.progress.step % self.settings.validate_every == 0 and self.validate():
                return self._end(EARLY, validated=True)
            if time.monotonic() - saved > self.settings.checkpoint_seconds:
                self.checkpoint()
                saved = time.monotonic()

    def _step(self, step: int, done: float, batch: dict[str, Tensor]) -> None:
        batch = {key: value.to(self.device, non_blocking=True) for key, value in batch.items()}
        devices = [self.device] if self.device.type == "cuda" else []
        # Layers that draw at random, such as dropout, take torch's global state: a function of (seed, step) meanwhile.
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(int(generator(self.settings.seed, 11, step, self.world.rank).integers(2**62)))
            with self.stepper.autocast():
                terms = self.strategy.loss(self.wrapped, batch, Moment(step, done, self.average))
        loss, self._figures = self._weighed(terms)
        self.stepper.apply(loss, learning_rate(self.settings, step, done))
        update_average(self.average, self.network, self.settings.average, step + 1)

    def _weighed(self, terms: Sequence[Term]) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss whose gradient, averaged over the processes, is that of the whole batch; and its terms' values."""
        counts = torch.tensor([float(term.samples) for term in terms], device=self.device)
        all_counts = self.world.total(counts.clone()).clamp_min(1)
        shares = counts / all_counts
        values = torch.stack([term.value.float() for term in terms])
        weights = torch.tensor([term.weight for term in terms], device=self.device)
        loss = (weights * shares * values).sum() * self.world.size
        means = self.world.total(shares * values.detach())
        figures = {"loss": (weights * means).sum()}
        figures.update({term.name: mean for term, mean in zip(terms, means, strict=True) if len(terms) > 1})
        return loss, figures

    def _tell(self, clock: Clock, loader: Loader, done: float) -> None:
        self.stepper.check(self.progress.step)
        figures = {name: round(float(value), 6) for name, value in self._figures.items()}
        rate = self.stepper.optimiser.param_groups[0]["lr"]
        left = clock.left()
        elapsed = max(1e-9, time.monotonic() - clock.started)
        step = self.progress.step
        self.log.write(
            "step", step=step, seconds=round(self.progress.seconds, 1), loss=figures.pop("loss"), figures=figures,
            done=round(min(1.0, max(done, clock.done())), 4), rate=rate, speed=round(clock.speed(), 3),
            left=None if left is None else round(left, 1),
            memory=memory_in_use(), device_memory=device_memory_in_use(self.device),
            waiting=round(min(1.0, loader.waited / elapsed), 4),
        )  # fmt: skip
        self._board.write("train", {name: float(value) for name, value in self._figures.items()}, step)
        self._board.write("train", {"learning rate": rate}, step)

    def validate(self) -> bool:
        """Measure the averaged network; True when early stopping ends the run."""
        ended = 0.0
        if self.world.leads:
            ended = float(self._validate())
        (ended,) = self.world.agree(ended)
        return bool(ended)

    def _validate(self) -> bool:
        with torch.no_grad(), self.stepper.autocast(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed)
            found = self.strategy.validate(self.average, self.device)
        if found is None:
            return False
        progress = self.progress
        progress.metrics = {name: float(value) for name, value in found.metrics.items()}
        better = found.score is not None and (progress.best is None or found.score > progress.best)
        if better and found.score is not None:
            progress.best, progress.best_step, progress.stale = float(found.score), progress.step, 0
            progress.best_metrics = progress.metrics
            save_weights(self.folder.best, self.average)
        elif found.score is not None:
            progress.stale += 1
        names = write_pictures(self.folder.pictures, progress.step, found.pictures)
        self.log.write(
            "validation", step=progress.step, metrics={k: round(v, 6) for k, v in progress.metrics.items()},
            score=found.score, best=better, pictures=[f"{self.folder.pictures.name}/{name}" for name in names],
        )  # fmt: skip
        self._board.write("validation", progress.metrics, progress.step)
        return bool(self.settings.patience) and progress.stale >= self.settings.patience

    def _end(self, reason: str, *, validated: bool = False) -> str:
        # Not when cancelled: a validation that an uninterrupted run would not make could change which model is kept.
        if reason == DONE and not validated and self.progress.step % self.settings.validate_every:
            self.validate()
        self.checkpoint()
        self.world.wait()
        return reason

    def checkpoint(self) -> None:
        """Write everything down, once a step."""
        if self.world.leads and self._saved_step != self.progress.step:
            self.parts.save(self.folder.checkpoint, self.progress)
            self._saved_step = self.progress.step
            self.log.write("checkpoint", step=self.progress.step)
