"""The training engine: recipes, data folders, runs. Names are imported when first used, since torch is heavy."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_medssl.training.data import Case, find_cases
    from napari_medssl.training.engine import TrainedModel, train
    from napari_medssl.training.recipes import Recipe, check_settings, find_recipe, list_recipes
    from napari_medssl.training.settings import Preset, RunSettings

_HOMES = {
    "Case": "data", "find_cases": "data", "TrainedModel": "engine", "train": "engine", "Recipe": "recipes",
    "RunSettings": "settings", "Preset": "settings", "check_settings": "recipes", "find_recipe": "recipes",
    "list_recipes": "recipes",
}  # fmt: skip

__all__ = [
    "Case", "Preset", "Recipe", "RunSettings", "TrainedModel", "check_settings", "find_cases", "find_recipe",
    "list_recipes", "train",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"napari_medssl.training.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'napari_medssl.training' has no attribute {name!r}")
