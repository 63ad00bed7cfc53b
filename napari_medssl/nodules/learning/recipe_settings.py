"""Settings of the recipes `nodules` and `focalmix`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from napari_medssl.training.settings import Batch, Judged, LearningRate, NetworkSize, RunSettings, Seconds


class NodulesSettings(RunSettings):
    """Settings of the recipe `nodules`."""

    seconds: Seconds = 1800
    batch: Batch = 4
    learning_rate: LearningRate = 2e-3
    network: NetworkSize = "small"
    side: int = Field(
        64, ge=32, le=256, multiple_of=16, title="Sample side (mm)", description="Samples are cubes of this side."
    )
    on_nodules: float = Field(
        0.6,
        ge=0,
        le=1,
        title="Samples with nodules",
        description="Share of the samples that are placed so that a nodule is in them; the rest come from anywhere in"
        " the lungs.",
    )
    place_weight: float = Field(
        0.5, ge=0, le=100, title="Weight of places", description="Weight of where nodules lie and how large they are."
    )
    alpha_rest: float = Field(
        0.05, ge=0, le=1, title="Weight of the rest (a0)", description="Weight of places without a nodule."
    )
    alpha_nodule: float = Field(
        0.95, ge=0, le=1, title="Weight of nodules (a1)", description="Weight of places with a nodule."
    )
    gamma: float = Field(
        2.0, ge=1, le=5, title="Focus (gamma)", description="More looks away from what is easy already."
    )
    judged: Judged = 8

    @property
    def focal(self) -> dict[str, Any]:
        """The arguments of `soft_focal_loss`."""
        return {"alpha": (self.alpha_rest, self.alpha_nodule), "gamma": self.gamma}


class FocalMixSettings(NodulesSettings):
    """Settings of the recipe `focalmix`."""

    unlabelled: int = Field(
        1,
        ge=1,
        le=16,
        title="Unlabelled per labelled",
        description="Samples of scans without annotations for each one of annotated scans.",
    )
    unlabelled_weight: float = Field(
        1.0, ge=0, le=100, title="Weight of unlabelled", description="Weight of the loss on scans without annotations."
    )
    alone: float = Field(
        0.2,
        ge=0,
        lt=1,
        title="Annotated scans first",
        description="Share of the run in which only annotated scans are learnt from: until then there is nothing to"
        " teach.",
    )
    ramp: float = Field(
        0.3, ge=0, le=1, title="Rise", description="Share of the rest over which that weight rises from 0."
    )
    augmentations: int = Field(
        4,
        ge=1,
        le=48,
        title="Looks (K)",
        description="In how many ways a sample is turned and mirrored to predict its targets, which are averaged.",
    )
    temperature: float = Field(
        0.7, gt=0, le=1, title="Temperature (T)", description="Below 1, predicted targets are made surer."
    )
    pivot: float = Field(
        0.9,
        gt=0,
        lt=1,
        title="Sure from",
        description="Predicted targets above this are made surer, those below less sure; 0.5 as published. Weights that"
        " favour nodules make predictions too high.",
    )
    mixup: Literal["none", "image", "both"] = Field(
        "both", title="MixUp", description="Mix whole samples (image), and single nodules as well (both)."
    )
    eta: float = Field(
        0.2, gt=0, le=10, title="MixUp strength (eta)", description="Of the Beta distribution of the mixing weights."
    )
    teacher: Literal["average", "current"] = Field(
        "average",
        title="Teacher",
        description="Which network predicts targets: the running average of the weights, or the one in training, as"
        " published.",
    )
    soft_alpha: bool = Field(
        True, title="Soft alpha", description="Weigh by the target's probability; off only for comparisons."
    )
    soft_beta: bool = Field(
        True,
        title="Soft beta",
        description="Focus by the distance from the target's probability; off only for comparisons. With both off"
        " training can diverge.",
    )

    @property
    def focal(self) -> dict[str, Any]:
        return {**super().focal, "soft_alpha": self.soft_alpha, "soft_beta": self.soft_beta}
