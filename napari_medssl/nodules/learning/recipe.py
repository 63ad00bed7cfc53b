"""The recipes `nodules` (supervised) and `focalmix` (with scans that nobody annotated)."""

from __future__ import annotations

from napari_medssl.errors import BadInput
from napari_medssl.nodules.learning.focalmix import FocalMix
from napari_medssl.nodules.learning.recipe_settings import FocalMixSettings, NodulesSettings
from napari_medssl.nodules.learning.task import NodulesTask
from napari_medssl.training.collection import Collection
from napari_medssl.training.recipes import Recipe
from napari_medssl.training.settings import Preset, quick_check
from napari_medssl.training.strategy import Plain, Strategy

__all__ = ["FOCALMIX", "NODULES", "FocalMixSettings", "NodulesSettings"]


def build_nodules(settings: NodulesSettings, collection: Collection) -> Strategy:
    """The supervised strategy."""
    return Plain(NodulesTask(settings, collection))


def build_focalmix(settings: FocalMixSettings, collection: Collection) -> Strategy:
    """FocalMix; `BadInput` where every scan has annotations."""
    task = NodulesTask(settings, collection)
    if not task.unlabelled:
        raise BadInput(
            "Every scan of the folder is annotated, so there is none to learn from without annotations: add scans that"
            " seriesuids.csv does not name, or use the recipe nodules."
        )
    return FocalMix(task, settings)


_QUICK = {"side": 32, "validate_every": 100, "judged": 2}
_GPU = {"seconds": 7200, "network": "medium", "side": 128, "batch": 8, "learning_rate": 1e-3, "validate_every": 1000}

NODULES = Recipe(
    name="nodules",
    title="Find nodules like those I marked",
    group="Nodules",
    summary="A network learns the nodules marked in your chest CT scans and finds them in others (supervised).",
    purpose="nodules",
    settings_model=NodulesSettings,
    build=build_nodules,
    presets=(
        Preset("Laptop CPU", "Half an hour without a graphics card."),
        quick_check(**_QUICK),
        Preset("One GPU", "Two hours on a graphics card.", _GPU),
    ),
)

FOCALMIX = Recipe(
    name="focalmix",
    title="Nodule detection with unlabelled scans",
    group="Nodules",
    summary="A network learns nodules from a few annotated scans and from many that nobody annotated (FocalMix).",
    purpose="nodules",
    settings_model=FocalMixSettings,
    build=build_focalmix,
    presets=(
        Preset("Laptop CPU", "An hour without a graphics card.", {"seconds": 3600}),
        quick_check(**_QUICK, augmentations=2),
        Preset("One GPU", "Four hours on a graphics card.", {**_GPU, "seconds": 14400}),
    ),
)
