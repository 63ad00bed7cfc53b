"""The recipe `sli2vol`: learn to match neighbouring slices from unlabelled volumes.

Source: Yeung, Namburete, Xie, "Sli2Vol", MICCAI 2021: reconstruct a slice by copying pixels of its neighbour
(equation 1, smooth L1). Added here: made volumes whose labels are known, on which the copying of masks itself is
learnt; and chains of slices through regions of the scans, made volumes and labelled scans, on which a refiner learns to
mend what copying got wrong.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from napari_medssl.propagation.learning.task import Sli2Vol
from napari_medssl.training.collection import Collection
from napari_medssl.training.recipes import Recipe
from napari_medssl.training.settings import Preset, RunSettings, quick_check
from napari_medssl.training.strategy import Plain, Strategy


class Sli2VolSettings(RunSettings):
    """Settings of the recipe `sli2vol`."""

    network: Literal["strided", "paper"] = Field(
        "strided",
        title="Network",
        description="strided: quick, at half resolution; paper: as published, at full resolution.",
    )
    synthetic: int = Field(
        2,
        ge=0,
        le=256,
        title="Made samples per step",
        description="How many samples of a step come from made volumes with known masks; the rest from the scans.",
    )
    chains: int = Field(
        0,
        ge=0,
        le=256,
        title="Chains per step",
        description="How many samples of a step are chains of slices that masks are carried through, for the refiner;"
        " 0 trains a model without one.",
    )
    chain_slices: int = Field(7, ge=3, le=32, title="Slices of a chain", description="The drawn slice among them.")
    regions: int = Field(
        24,
        ge=0,
        le=2000,
        title="Regions from scans",
        description="How many blocks of the scans are cut into regions by their edges, for chains to run through.",
    )
    learn_labels: bool = Field(
        True, title="Learn from labels", description="Let chains run through the labels of scans that have some, too."
    )
    keep_features: bool = Field(
        False,
        title="Keep the matching",
        description="Train the refiner alone, on the features of the model that training starts from.",
    )
    shapes: int = Field(
        200, ge=0, le=5000, title="Volumes of shapes", description="How many volumes of random shapes are made."
    )
    phantoms: int = Field(
        0,
        ge=0,
        le=500,
        title="Phantom patients",
        description="How many phantom patients stand among the random shapes, a third of the made samples.",
    )
    mask_weight: float = Field(
        1.0, ge=0, title="Weight of masks", description="Weight of copying masks against copying pixels."
    )
    temperature: float = Field(
        3.0,
        gt=0,
        le=20,
        title="Temperature in use",
        description="Divides the matches' logits when the model is used; training itself uses 1.",
    )
    side: int = Field(
        96, ge=32, le=512, multiple_of=8, title="Sample side (pixels)", description="Side of a training sample."
    )
    smallest_zoom: float = Field(
        0.3, gt=0, le=16, title="Smallest zoom", description="The most that scans are made smaller for a sample."
    )
    largest_zoom: float = Field(
        4.0, gt=0, le=16, title="Largest zoom", description="The most that scans are enlarged for a sample."
    )
    nearest: int = Field(
        1, ge=1, le=20, title="Nearest pair", description="Fewest slices between the two of a pair."
    )
    furthest: int = Field(
        4, ge=1, le=20, title="Furthest pair", description="Most slices between the two of a pair."
    )


def build(settings: Sli2VolSettings, collection: Collection) -> Strategy:
    """The strategy that the engine trains."""
    return Plain(Sli2Vol(settings, collection))


SLI2VOL = Recipe(
    name="sli2vol",
    title="Adapt propagation to my scans",
    group="Propagation",
    summary="Propagation learns how your scans look, from unlabelled ones (Sli2Vol, self-supervised).",
    purpose="propagation",
    settings_model=Sli2VolSettings,
    build=build,
    presets=(
        Preset(
            "Laptop CPU",
            "Adapts the shipped model for ten minutes; pays most where some of the scans have labels.",
            {
                "start": "default", "keep_features": True, "seconds": 600, "batch": 4, "chains": 4, "synthetic": 0,
                "phantoms": 6, "learning_rate": 3e-4, "temperature": 1.5,
            },
        ),
        quick_check(
            start="default", keep_features=True, batch=2, chains=2, synthetic=0, regions=2, shapes=20,
            learning_rate=3e-4, temperature=1.5,
        ),
        Preset(
            "One GPU",
            "An hour on a graphics card, from a new network.",
            {
                "seconds": 3600, "batch": 48, "chains": 24, "regions": 100, "synthetic": 8, "phantoms": 40,
                "shapes": 1000,
            },
        ),
    ),
)
