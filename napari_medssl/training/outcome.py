"""The model that a run leaves, with its card."""

from __future__ import annotations

import platform
from typing import Any

import torch

from napari_medssl.models import Card, save_model
from napari_medssl.training.checkpoint import load_tensors
from napari_medssl.training.loop import Loop
from napari_medssl.training.recipes import Recipe
from napari_medssl.training.settings import RunSettings
from napari_medssl.training.strategy import Strategy


def keep_model(
    recipe: Recipe, settings: RunSettings, strategy: Strategy, loop: Loop, dtype: torch.dtype,
    counts: dict[str, int], complete: bool, *, write: bool,
) -> Card:  # fmt: skip
    """Write the model into the run folder: the best validated weights where there are any, else the last average."""
    progress = loop.progress
    best = progress.best is not None and loop.folder.best.is_file()
    tensors = load_tensors(loop.folder.best) if best else loop.average.state_dict()
    training: dict[str, Any] = {
        "settings": settings.model_dump(mode="json"),
        "scans": counts,
        "steps": progress.step,
        "seconds": round(progress.seconds, 1),
        "complete": complete,
        "taken_at_step": progress.best_step if best else progress.step,
        "device": str(loop.device),
        "processes": loop.world.size,
        "precision": str(dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    metrics = progress.best_metrics if best else progress.metrics
    fields = {
        "name": settings.name,
        "recipe": recipe.name,
        "training": training,
        "metrics": {"validation": metrics} if metrics else {},
        "parents": [settings.start] if settings.start else [],
        **strategy.card(),
    }
    if not write:
        return Card(**fields, size=0, sha256="")
    return save_model(loop.folder.path, tensors, **fields)
