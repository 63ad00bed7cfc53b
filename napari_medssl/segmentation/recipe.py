"""The recipe `segmentation`: a plain supervised model of the structures in labelled scans."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from napari_medssl.segmentation.task import Segmentation
from napari_medssl.training.collection import Collection
from napari_medssl.training.recipes import Recipe
from napari_medssl.training.settings import (
    BASIC,
    Batch,
    Judged,
    LearningRate,
    NetworkSize,
    Preset,
    RunSettings,
    Seconds,
    quick_check,
)
from napari_medssl.training.strategy import Plain, Strategy


class SegmentationSettings(RunSettings):
    """Settings of the recipe `segmentation`."""

    seconds: Seconds = 1800
    batch: Batch = 2
    learning_rate: LearningRate = 2e-3
    network: NetworkSize = "small"
    side: int = Field(
        48,
        ge=16,
        le=256,
        title="Sample side (voxels)",
        description="Samples have as many voxels as a cube of this side; their shape follows the scans.",
    )
    megavoxels: float = Field(
        4,
        gt=0.01,
        le=1000,
        title="Scan size (million voxels)",
        description="Scans are made coarser until a typical one has no more; less is quicker and shows less detail.",
    )
    foreground: float = Field(
        0.6,
        ge=0,
        le=1,
        title="Samples on structures",
        description="Share of the samples that are centred on a drawn structure; the rest come from anywhere.",
    )
    augmentation: Literal["usual", "none"] = Field(
        "usual",
        title="Vary samples",
        description="usual: turn, size and disturb samples at random, so that few scans go further.",
    )
    mirror: bool = Field(
        False,
        title="Mirror samples",
        description="Show samples mirrored, too. Leave it off where labels tell left from right (left kidney, right"
        " kidney): a mirrored left kidney is a right one.",
        json_schema_extra=BASIC,
    )
    judged: Judged = 10
    label_names: str = Field(
        "",
        title="Names of labels",
        description="What the labels are, such as 1=liver, 2=spleen; may be left empty.",
        json_schema_extra=BASIC,
    )

    @field_validator("label_names")
    @classmethod
    def _readable(cls, text: str) -> str:
        _names(text)
        return text

    def names(self) -> dict[int, str]:
        """{label: name}."""
        return _names(self.label_names)


def _names(text: str) -> dict[int, str]:
    found: dict[int, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = re.fullmatch(r"(\d{1,9})\s*[=:]\s*(\S.*)", part, re.ASCII)
        if match is None:
            raise ValueError(f"{part!r} is not of the form label=name, such as 1=liver")
        found[int(match[1])] = match[2]
    return found


def build(settings: SegmentationSettings, collection: Collection) -> Strategy:
    """The strategy that the engine trains."""
    return Plain(Segmentation(settings, collection))


SEGMENTATION = Recipe(
    name="segmentation",
    title="Segment like my labelled scans",
    group="Segmentation",
    summary="A network learns the structures drawn in your labelled scans and finds them in others (supervised).",
    purpose="segmentation",
    settings_model=SegmentationSettings,
    build=build,
    needs_labels=True,
    presets=(
        Preset("Laptop CPU", "Half an hour without a graphics card, at reduced detail.", {"megavoxels": 2}),
        quick_check(side=32, megavoxels=0.5, validate_every=50, judged=3),
        Preset(
            "One GPU",
            "Two hours on a graphics card, at full detail.",
            {"seconds": 7200, "network": "medium", "side": 112, "megavoxels": 64, "learning_rate": 1e-3},
        ),
    ),
)
