"""Recipes: what can be trained, by name, each with its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from napari_medssl.errors import BadInput
from napari_medssl.training.settings import Preset, RunSettings

if TYPE_CHECKING:
    from napari_medssl.training.collection import Collection
    from napari_medssl.training.data import Case
    from napari_medssl.training.strategy import Strategy


@dataclass(frozen=True)
class Annotations:
    """What is known of a folder's scans where this does not stand in label maps.

    Attributes
    ----------
    labelled : how many scans somebody annotated
    words : the counts, without a full stop: "3 annotated scans, 40 without annotations, 5 nodules"
    lacking : a sentence on what the recipe needs and the folder lacks, or ""
    """

    labelled: int
    words: str
    lacking: str = ""


@dataclass(frozen=True)
class Recipe:
    """A named way to train something.

    Attributes
    ----------
    name : for the command line
    title : for people, a thing to do ("Adapt propagation to my scans")
    group : the heading under which people look for it ("Propagation")
    summary : one sentence
    purpose : what its models are for, as on their cards
    needs_labels : whether it learns nothing from unlabelled scans
    settings_model : a pydantic model; CLI options and forms are made from it
    build : makes the strategy from the settings and the data
    presets : by name, the first one being the usual one
    annotations : counts what is known of scans from `find_cases`, for recipes that do not learn from label maps
    """

    name: str
    title: str
    group: str
    summary: str
    purpose: str
    settings_model: type[RunSettings]
    build: Callable[[Any, Collection], Strategy]
    needs_labels: bool = False
    presets: Sequence[Preset] = ()
    annotations: Callable[[Sequence[Case]], Annotations] | None = None


# Recipes live with their methods, which this module may not import; they are looked up when asked for.
_RECIPES = {
    "sli2vol": "napari_medssl.propagation.learning.recipe:SLI2VOL",
    "segmentation": "napari_medssl.segmentation.recipe:SEGMENTATION",
    "ddt": "napari_medssl.tubes.learning.recipe:DDT",
    "nodules": "napari_medssl.nodules.learning.recipe:NODULES",
    "focalmix": "napari_medssl.nodules.learning.recipe:FOCALMIX",
}


def list_recipes() -> dict[str, Recipe]:
    """All recipes by name."""
    return {name: find_recipe(name) for name in _RECIPES}


def find_recipe(name: str) -> Recipe:
    """A recipe by its name; `BadInput` where there is none."""
    if name not in _RECIPES:
        raise BadInput(f"There is no recipe {name!r}; the recipes are: {', '.join(_RECIPES)}.")
    module, attribute = _RECIPES[name].split(":")
    recipe: Recipe = getattr(import_module(module), attribute)
    return recipe


def check_settings(recipe: Recipe, settings: Mapping[str, Any]) -> RunSettings:
    """The settings as the recipe's model, `BadInput` with the first thing that is wrong."""
    try:
        chosen = recipe.settings_model.model_validate(dict(settings))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "settings"
        known = ", ".join(recipe.settings_model.model_fields)
        if first["type"] == "extra_forbidden":
            raise BadInput(f"Recipe {recipe.name} has no setting {where!r}; it has: {known}.") from error
        raise BadInput(
            f"Setting {where} of recipe {recipe.name}: {first['msg']} (given: {first['input']!r})."
        ) from error
    if not chosen.seconds and not chosen.steps:
        raise BadInput("Give the run an end: seconds or steps must be above 0.")
    return chosen
