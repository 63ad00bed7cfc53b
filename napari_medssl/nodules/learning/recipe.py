"""The recipes `nodules` (supervised) and `focalmix` (with scans that nobody annotated)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from napari_medssl.errors import BadInput
from napari_medssl.nodules.learning.focalmix import FocalMix
from napari_medssl.nodules.learning.recipe_settings import FocalMixSettings, NodulesSettings
from napari_medssl.nodules.learning.scans import annotations_of
from napari_medssl.nodules.learning.task import NO_NODULES, NodulesTask
from napari_medssl.training.collection import Collection
from napari_medssl.training.data import Case
from napari_medssl.training.recipes import Annotations, Recipe
from napari_medssl.training.report import some
from napari_medssl.training.settings import Preset, quick_check
from napari_medssl.training.strategy import Plain, Strategy

__all__ = ["FOCALMIX", "NODULES", "FocalMixSettings", "NodulesSettings"]

_NO_OTHERS = (
    "Every scan of the folder is annotated, so there is none to learn from without annotations: add scans that"
    " seriesuids.csv does not name, or use the recipe nodules."
)


def build_nodules(settings: NodulesSettings, collection: Collection) -> Strategy:
    """The supervised strategy."""
    return Plain(NodulesTask(settings, collection))


def build_focalmix(settings: FocalMixSettings, collection: Collection) -> Strategy:
    """FocalMix; `BadInput` where every scan has annotations."""
    task = NodulesTask(settings, collection)
    if not task.unlabelled:
        raise BadInput(_NO_OTHERS)
    return FocalMix(task, settings)


def count_annotations(cases: Sequence[Case]) -> Annotations:
    """What the tables of the scans' folder say of them.

    Raises
    ------
    BadInput
        A table cannot be read, or names none of the scans.
    """
    told = list(annotations_of(cases).values())
    labelled = [one for one in told if one.labelled]
    nodules = sum(len(one.findings) for one in labelled)
    others = f"{len(told) - len(labelled) or 'none'} without annotations"
    return Annotations(
        len(labelled), f"{some(len(labelled), 'annotated scan')}, {others}, {some(nodules, 'nodule')}",
        "" if nodules else NO_NODULES,
    )  # fmt: skip


def count_for_focalmix(cases: Sequence[Case]) -> Annotations:
    """As `count_annotations`; there must be scans that nobody annotated."""
    found = count_annotations(cases)
    return replace(found, lacking=_NO_OTHERS) if found.labelled == len(cases) and not found.lacking else found


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
    annotations=count_annotations,
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
    annotations=count_for_focalmix,
    presets=(
        Preset("Laptop CPU", "An hour without a graphics card.", {"seconds": 3600}),
        quick_check(**_QUICK, augmentations=2),
        Preset("One GPU", "Four hours on a graphics card.", {**_GPU, "seconds": 14400}),
    ),
)
