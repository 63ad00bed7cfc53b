"""The recipe `sli2vol`: learn to match neighbouring slices from unlabelled volumes.

Source: Yeung, Namburete, Xie, "Sli2Vol", MICCAI 2021: reconstruct a slice by copying pixels of its neighbour
(equation 1, smooth L1). Added here: random volumes whose labels are known, on which the copying of masks itself is
learnt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Generator, Tensor

from napari_medssl.errors import BadInput
from napari_medssl.propagation.losses import mask_loss, one_hot, reconstruction_loss
from napari_medssl.propagation.model import MatchSettings, build_network
from napari_medssl.propagation.sampling import PairSampler, TrainingVolume, disturb, make_blobs, make_phantoms
from napari_medssl.training.data import Case
from napari_medssl.training.randomness import generator
from napari_medssl.training.recipes import Recipe, RunSettings
from napari_medssl.volumes import read_volume

_BLOBS = (24, 128, 128)
_BLOB_LABELS = 3
_LABELS = 7  # the phantoms' organs


class Sli2VolSettings(RunSettings):
    """Settings of the recipe `sli2vol`."""

    seconds: float = Field(420, ge=0, description="Stop after this many seconds of training; 0 means no limit.")
    network: Literal["strided", "paper"] = Field(
        "strided", description="strided: quick, at half resolution; paper: as published, at full resolution."
    )
    synthetic: int = Field(
        2,
        ge=0,
        le=256,
        description="How many samples of a batch come from random labelled shapes; the rest from the scans.",
    )
    shapes: int = Field(200, ge=1, le=5000, description="How many volumes of random shapes are made.")
    phantoms: int = Field(
        0, ge=0, le=500, description="How many phantom patients stand among the random shapes, a third of the samples."
    )
    mask_weight: float = Field(1.0, ge=0, description="Weight of copying masks (random shapes) against copying pixels.")
    temperature: float = Field(
        3.0, gt=0, le=20, description="Divides the matches' logits when the model is used; training itself uses 1."
    )
    side: int = Field(96, ge=32, le=512, multiple_of=8, description="Side of a training sample in pixels.")
    nearest: int = Field(1, ge=1, le=20, description="Fewest slices between the two of a pair.")
    furthest: int = Field(4, ge=1, le=20, description="Most slices between the two of a pair.")


class Sli2Vol:
    """The task: features by which one slice can be rebuilt from its neighbour."""

    def __init__(self, settings: Sli2VolSettings, cases: Iterable[Case]) -> None:
        if settings.synthetic > settings.batch:
            raise BadInput(f"synthetic ({settings.synthetic}) cannot exceed batch ({settings.batch}).")
        if settings.nearest > settings.furthest:
            raise BadInput(f"nearest ({settings.nearest}) cannot exceed furthest ({settings.furthest}).")
        self.settings = settings
        self.match = match_settings(settings)
        with torch.random.fork_rng(devices=[]):  # the caller's random state is not ours to change
            torch.manual_seed(settings.seed)
            self.network = build_network(self.match)
        gaps = (settings.nearest, settings.furthest)
        self.scans: PairSampler | None = None
        if settings.synthetic < settings.batch:
            self.scans = PairSampler(_read(cases), settings.side, gaps)
        self.blobs: PairSampler | None = None
        if settings.synthetic:
            shapes = make_blobs(settings.shapes, _BLOBS, seed=settings.seed, labels=_BLOB_LABELS)
            phantoms = make_phantoms(settings.phantoms, seed=settings.seed)
            repeated = phantoms * max(1, round(len(shapes) / 2 / max(1, len(phantoms))))
            self.blobs = PairSampler(shapes + repeated, settings.side, (1, 3), cut=(64, 128))

    def batch(self, step: int) -> dict[str, Tensor]:
        """ "images" (n, 2, side, side), the random shapes last; "labels" (synthetic, 2, side, side)."""
        drawn: list[Tensor] = []
        labels: list[Tensor] = []
        for index in range(self.settings.batch):
            rng = generator(self.settings.seed, step, index)
            of_shapes = self.blobs is not None and index >= self.settings.batch - self.settings.synthetic
            sampler = self.blobs if of_shapes else self.scans
            assert sampler is not None
            images, marked = sampler.draw(rng)
            drawn.append(images)
            if of_shapes and marked is not None:
                labels.append(marked)
        empty = torch.zeros(0, 2, self.settings.side, self.settings.side, dtype=torch.long)
        return {"images": torch.stack(drawn), "labels": torch.stack(labels) if labels else empty}

    def loss(self, batch: Mapping[str, Tensor], random: Generator) -> tuple[Tensor, dict[str, float]]:
        """Smooth L1 of the rebuilt slice, plus cross-entropy of the copied masks."""
        first, second = batch["images"][:, :1], batch["images"][:, 1:]
        features = self.network(torch.cat([disturb(first, random), disturb(second, random)]))
        key, query = features.chunk(2)
        stride = int(self.network.stride)  # type: ignore[arg-type]
        scans = len(first) - len(batch["labels"])
        loss, figures = first.new_zeros(()), {}
        if scans:
            pixels = reconstruction_loss(query[:scans], key[:scans], first[:scans], second[:scans], self.match, stride)
            loss = loss + pixels
            figures["pixels"] = float(pixels.detach())
        if len(batch["labels"]):
            before, after = (one_hot(batch["labels"][:, i], _LABELS) for i in (0, 1))
            copied = mask_loss(query[scans:], key[scans:], before, after, self.match, stride)
            loss = loss + self.settings.mask_weight * copied
            figures["masks"] = float(copied.detach())
        return loss, figures

    def card(self) -> dict[str, Any]:
        used = self.match.model_copy(update={"temperature": self.settings.temperature})
        return {
            "title": self.settings.name,
            "purpose": "propagation",
            "summary": "Propagates drawn slices; trained with the recipe sli2vol.",
            "trained_on": "The person's own volumes and random shapes.",
            "settings": used.model_dump(mode="json"),
        }


def match_settings(settings: Sli2VolSettings) -> MatchSettings:
    """How the trained network is to be used."""
    if settings.network == "paper":
        return MatchSettings(architecture="paper", zero_padding=True, pixels=None)
    return MatchSettings(architecture="strided")


def _read(cases: Iterable[Case]) -> list[TrainingVolume]:
    volumes = []
    for case in cases:
        volume = read_volume(case.image)
        volumes.append(TrainingVolume(np.asarray(volume.array, dtype=np.float32), volume.spacing))
    return volumes


SLI2VOL = Recipe(
    name="sli2vol",
    summary="Adapt propagation to your own unlabelled scans (Sli2Vol, self-supervised).",
    settings_model=Sli2VolSettings,
    build=Sli2Vol,
)
