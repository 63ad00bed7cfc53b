"""`train`: a recipe, a data folder and a run folder in; a model with its card out."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from napari_medssl.devices import pick_device
from napari_medssl.errors import BadInput, Cancelled
from napari_medssl.files import remove_partials
from napari_medssl.models import Card, load_weights
from napari_medssl.training.checkpoint import Progress
from napari_medssl.training.collection import Collection
from napari_medssl.training.data import Case, find_cases
from napari_medssl.training.distributed import World, joined_world
from napari_medssl.training.events import Event, EventLog
from napari_medssl.training.failures import sentence_for
from napari_medssl.training.loader import choose_workers
from napari_medssl.training.loop import CANCELLED, Loop
from napari_medssl.training.outcome import keep_model
from napari_medssl.training.precision import compute_dtype
from napari_medssl.training.recipes import Recipe, check_settings, find_recipe
from napari_medssl.training.resources import computing_threads
from napari_medssl.training.run_folder import RunFolder
from napari_medssl.training.settings import RunSettings
from napari_medssl.training.strategy import Strategy

_PREPARE_EVERY = 20  # at most so many events while scans are read
_AT_ONCE = "Training was stopped at once; the last checkpoint is kept."


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
    data: str | Path | None,
    run_dir: str | Path,
    *,
    resume: bool = False,
    on_event: Callable[[Event], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    **settings: Any,
) -> TrainedModel:
    """Train a recipe on a data folder.

    The run stops at its time or step budget, when `cancelled` answers True, or when a file named ``cancel`` appears
    in the run folder; each time the model as it stands and a checkpoint are written. Under ``torchrun`` several
    processes share each batch.

    Parameters
    ----------
    recipe : a recipe's name (`list_recipes`)
    data : a data folder (`find_cases`); with `resume` None for that of the run
    run_dir : a new folder, or with `resume` that of a run to go on with
    on_event : called with each event that is written to ``events.jsonl``
    settings : the recipe's settings; with `resume` those that are to change

    Raises
    ------
    BadInput
        Unknown recipe, setting or device; unusable data; a run folder in use; not enough memory or disk.
    Cancelled
        It was stopped while scans were still being read.
    """
    found = find_recipe(recipe)
    if resume:
        before = RunFolder(Path(run_dir), resume=True).read_settings()
        if before.recipe != recipe:
            raise BadInput(f"The run in {run_dir} is one of recipe {before.recipe}, not {recipe}.")
        settings = {**before.settings, **settings}
        data = data or before.data
    if not data:
        raise BadInput("Say where the scans are: the data folder is missing.")
    chosen = check_settings(found, settings)
    with joined_world(chosen.device) as (world, device_name), computing_threads(chosen.threads):
        device = pick_device(device_name)  # before the data is read, which can take minutes
        world.share(chosen.batch)
        compute_dtype(chosen.precision, device)
        cases = find_cases(Path(data))  # first, so that a wrong data folder leaves no run folder behind
        # Of several processes the leading one makes the folder, and the others find it made.
        folder = RunFolder(Path(run_dir), resume=resume) if world.leads else None
        world.wait()
        folder = folder or RunFolder.of_another(Path(run_dir))
        run = _Run(found, chosen, Path(data), cases, folder, world, device, on_event)
        return run.go(cancelled or (lambda: False))


class _Run:
    """One part of a run: prepares, trains, keeps the model, and says how it ended."""

    def __init__(
        self, recipe: Recipe, settings: RunSettings, data: Path, cases: Sequence[Case], folder: RunFolder,
        world: World, device: torch.device, on_event: Callable[[Event], None] | None,
    ) -> None:  # fmt: skip
        self.recipe, self.settings, self.data, self.cases, self.folder = recipe, settings, data, cases, folder
        self.world, self.device = world, device
        self.log = EventLog(folder.events if world.leads else None, on_event if world.leads else None)
        self.workers = choose_workers(settings.workers, device)
        self.loop: Loop | None = None
        self._cancelled: Callable[[], bool] = lambda: False

    def go(self, cancelled: Callable[[], bool]) -> TrainedModel:
        self._cancelled = cancelled
        if not self.world.leads:
            return self._train(cancelled)
        with self.folder.locked():
            remove_partials(self.folder.path)
            try:
                trained = self._train(cancelled)
            except (Cancelled, KeyboardInterrupt):
                self.folder.cancel.unlink(missing_ok=True)
                begun = self.loop is not None and self.loop.progress.step
                self._tell_end("cancelled", _AT_ONCE if begun else "Training was stopped before its first step.")
                raise
            except BaseException as error:
                self._failed(error)
                known = sentence_for(error)
                if known is None or isinstance(error, BadInput):
                    raise
                raise BadInput(known) from error
            shutil.rmtree(self.folder.cache, ignore_errors=True)
            return trained

    def _train(self, cancelled: Callable[[], bool]) -> TrainedModel:
        strategy, collection = self._prepare()
        dtype = compute_dtype(self.settings.precision, self.device)
        self.loop = loop = Loop(
            strategy, self.settings, self.folder, self.log, self.world, self.device, dtype, self.workers
        )
        labelled = len(collection.labelled(range(len(collection))))
        counts = {"labelled": labelled, "unlabelled": len(collection) - labelled}
        counts = dict(getattr(strategy.task, "counts", counts))  # labels are not always maps of voxels
        self.log.write(
            "start", recipe=self.recipe.name, device=str(self.device), precision=str(dtype).removeprefix("torch."),
            step=loop.progress.step, steps=self.settings.steps, seconds=self.settings.seconds,
            parameters=sum(p.numel() for p in loop.network.parameters()), processes=self.world.size,
            **counts,
        )  # fmt: skip
        reason = loop.go(cancelled)
        complete = reason != CANCELLED
        card = keep_model(self.recipe, self.settings, strategy, loop, dtype, counts, complete, write=self.world.leads)
        self.folder.cancel.unlink(missing_ok=True)
        progress = loop.progress
        self.log.write(
            "end", step=progress.step, seconds=round(progress.seconds, 1), reason=reason, complete=complete,
            sentence=_sentence(reason), model=f"{card.name}.json", metrics=progress.best_metrics or progress.metrics,
        )  # fmt: skip
        return TrainedModel(card, self.folder.path, progress.step, progress.seconds, complete)

    def _prepare(self) -> tuple[Strategy, Collection]:
        """The strategy with its data; of several processes the leading one reads first, and writes for the others."""
        made: tuple[Strategy, Collection] | None = None
        if self.world.leads:
            made = self._build()
        self.world.wait()
        return made or self._build()

    def _build(self) -> tuple[Strategy, Collection]:
        collection = Collection.open(
            self.cases, cache=self.folder.cache, memory_gb=self.settings.memory_gb, validation=self.settings.validation,
            seed=self.settings.seed, leave_out_unusable=self.settings.leave_out_unusable,
            needs_labels=self.recipe.needs_labels, shared=self.workers > 0 or not self.world.alone,
            on_progress=self._reading,
        )  # fmt: skip
        self.log.write("data", **collection.report.as_dict())
        with torch.random.fork_rng(devices=[]):  # the caller's random state is not ours to change
            torch.manual_seed(self.settings.seed)
            strategy = self.recipe.build(self.settings, collection)
        if self.settings.start and not self.folder.checkpoint.is_file():
            self._start_from(self.settings.start, strategy)
        if self.world.leads:
            self.folder.write_settings(self.recipe.name, self.data, self.settings.model_dump(mode="json"))
        return strategy, collection

    def _start_from(self, name: str, strategy: Strategy) -> None:
        card, tensors = load_weights(name)
        if card.purpose != self.recipe.purpose:
            raise BadInput(f"Model {name!r} is for {card.purpose}; start from one that is for {self.recipe.purpose}.")
        network = strategy.task.network
        new = tuple(getattr(network, "may_be_new", ()))
        try:
            absent = network.load_state_dict(tensors, strict=not new)
            if any(not key.startswith(new) for key in absent.missing_keys) or absent.unexpected_keys:
                raise RuntimeError
        except RuntimeError as error:
            raise BadInput(
                f"Model {name!r} has another network than these settings ask for; choose its network or leave start"
                " empty."
            ) from error

    def _reading(self, done: int, total: int) -> None:
        if self.world.leads and (self._cancelled() or self.folder.cancel.exists()):
            raise Cancelled
        every = max(1, total // _PREPARE_EVERY)
        if done % every == 0 or done == total:
            self.log.write("prepare", text="Reading scans", done=done, total=total)

    def _failed(self, error: BaseException) -> None:
        """Keep what can be kept, and leave a sentence."""
        if self.loop is not None and isinstance(error, Exception) and self.loop.progress.step:
            with suppress(Exception):  # what went wrong first is what counts, and the last checkpoint is there
                self.loop.checkpoint()
        sentence = sentence_for(error) or f"Training ended with an error of ours ({type(error).__name__}); see the log."
        self._tell_end("failed", sentence)

    def _tell_end(self, reason: str, sentence: str) -> None:
        """The last words of a run that leaves no model this time."""
        progress = self.loop.progress if self.loop is not None else Progress()
        self.log.write(
            "end", step=progress.step, seconds=round(progress.seconds, 1), reason=reason, complete=False,
            sentence=sentence, model=None,
        )  # fmt: skip


def _sentence(reason: str) -> str:
    return {
        "done": "Training is done.",
        "early stop": "Training stopped early: it was not getting better any more.",
        "cancelled": "Training was stopped; the model as it stands and a checkpoint were kept.",
    }[reason]
