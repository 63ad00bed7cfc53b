"""Recipes: what can be trained, by name, each with its settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Generator, Tensor, nn

from napari_medssl.errors import BadInput
from napari_medssl.training.data import Case


class RunSettings(BaseModel):
    """What every recipe lets one set."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field("my-model", pattern=r"^[a-z0-9][a-z0-9._-]*$", description="Name of the model that comes out.")
    seconds: float = Field(600, ge=0, description="Stop after this many seconds of training; 0 means no limit.")
    steps: int = Field(0, ge=0, description="Stop after this many steps; 0 means no limit.")
    batch: int = Field(4, ge=1, le=256, description="Samples in a step.")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="Peak learning rate (AdamW, warm-up, cosine decay).")
    seed: int = Field(0, ge=0, description="Another seed gives another run; the same seed the same one.")
    device: str = Field("auto", description="auto, cpu, cuda or mps.")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto computes in bfloat16 where the hardware is quicker with it."
    )
    checkpoint_seconds: float = Field(60, gt=0, description="A checkpoint is written this often.")


class Task(Protocol):
    """What is learnt: a network, batches, a loss."""

    network: nn.Module

    def batch(self, step: int) -> dict[str, Tensor]:
        """The samples of a step, a function of the seed and the step alone."""
        ...

    def loss(self, batch: Mapping[str, Tensor], random: Generator) -> tuple[Tensor, dict[str, float]]:
        """The loss to minimise, and figures for the log."""
        ...

    def card(self) -> dict[str, Any]:
        """The fields of the model's card that the task knows."""
        ...


@dataclass(frozen=True)
class Recipe:
    """A named way to train something.

    Attributes
    ----------
    name, summary : for lists and forms
    settings_model : a pydantic model; CLI options and forms are made from it
    build : makes the task from the settings and the cases
    """

    name: str
    summary: str
    settings_model: type[RunSettings]
    build: Callable[[Any, Iterable[Case]], Task]


# Recipes live with their methods, which this module may not import; they are looked up when asked for.
_RECIPES = {"sli2vol": "napari_medssl.propagation.recipe:SLI2VOL"}


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
        return recipe.settings_model.model_validate(dict(settings))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "settings"
        known = ", ".join(recipe.settings_model.model_fields)
        if first["type"] == "extra_forbidden":
            raise BadInput(f"Recipe {recipe.name} has no setting {where!r}; it has: {known}.") from error
        raise BadInput(
            f"Setting {where} of recipe {recipe.name}: {first['msg']} (given: {first['input']!r})."
        ) from error
