"""The recipe `ddt`: the deep distance transform, from labelled scans, made trees, or both.

Source: Wang et al., Deep Distance Transform for Tubular Structure Segmentation in CT Scans, CVPR 2020.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

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
from napari_medssl.tubes.learning.task import TubesTask


class DDTSettings(RunSettings):
    """Settings of the recipe `ddt`."""

    seconds: Seconds = 1800
    batch: Batch = 2
    learning_rate: LearningRate = 2e-3
    label: int = Field(
        0,
        ge=0,
        le=2**31 - 1,
        title="Label of the tubes",
        description="Which label is the vessel, duct or airway; 0 takes every label.",
        json_schema_extra=BASIC,
    )
    synthetic: float = Field(
        0.25,
        ge=0,
        le=1,
        title="Made samples",
        description="Share of the samples that are made: random trees, and your drawn tubes in other surroundings. More"
        " helps with few scans; 1 learns from made samples alone.",
        json_schema_extra=BASIC,
    )
    drawn: float = Field(
        0.3,
        ge=0,
        le=1,
        title="Drawn among made",
        description="Share of the made samples whose tubes are those drawn in your scans.",
    )
    trees: int = Field(
        160, ge=1, le=5000, title="Boxes of trees", description="How many boxes of random trees made samples come from."
    )
    largest: float = Field(
        12.0, ge=2, le=32, title="Thickest tree", description="Largest radius of made trees, in voxels."
    )
    network: NetworkSize = "small"
    architecture: Literal["unet", "residual"] = Field(
        "unet", title="Kind of network", description="unet: a 3D U-Net; residual: of ResDSN's kind."
    )
    side: int = Field(
        64, ge=32, le=192, multiple_of=16, title="Sample side (voxels)", description="Samples are cubes of this side."
    )
    foreground: float = Field(
        0.8,
        ge=0,
        le=1,
        title="Samples on tubes",
        description="Share of the samples of scans that are placed on a drawn tube; the rest come from anywhere.",
    )
    close_up: float = Field(
        16.0,
        ge=0,
        le=192,
        title="Close-up (voxels)",
        description="The network sees grey values scaled to windows of this side beside those scaled to a whole sample;"
        " shows faint tubes. 0: not.",
    )
    loss: Literal["overlap", "balanced", "cldice", "skeleton"] = Field(
        "overlap",
        title="Loss of the mask",
        description="overlap: Dice and cross-entropy; balanced: class-balanced cross-entropy, as published; cldice and"
        " skeleton: overlap with soft clDice or skeleton recall.",
    )
    distance_weight: float = Field(
        0.5, ge=0, le=100, title="Weight of radii", description="Weight of the radius loss; 0 learns the mask alone."
    )
    far_off: float = Field(
        1.0,
        ge=0,
        le=10,
        title="Far-off radii (lambda)",
        description="How much more it costs to be sure of a radius that is far off.",
    )
    skip_surface: bool = Field(
        False,
        title="Skip surfaces",
        description="As published, learn no radius on the surface of tubes; thin tubes are all surface.",
    )
    judged: Judged = 6


def build(settings: DDTSettings, collection: Collection) -> Strategy:
    """The strategy that the engine trains."""
    return Plain(TubesTask(settings, collection))


DDT = Recipe(
    name="ddt",
    title="Find tubes like in my labelled scans",
    group="Tubes",
    summary="A network learns vessels, ducts or airways with their radii from your labelled scans (DDT, supervised).",
    purpose="tubes",
    settings_model=DDTSettings,
    build=build,
    needs_labels=True,
    presets=(
        Preset("Laptop CPU", "Half an hour without a graphics card."),
        quick_check(side=32, trees=16, validate_every=100, judged=2),
        Preset(
            "One GPU",
            "Two hours on a graphics card.",
            {"seconds": 7200, "network": "medium", "side": 128, "batch": 4, "trees": 1000, "learning_rate": 1e-3},
        ),
    ),
)
