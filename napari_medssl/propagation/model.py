"""A trained propagation model: a network and how it is to be used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from napari_medssl.propagation.affinity import copy_by_affinity
from napari_medssl.propagation.networks import PaperEncoder, StridedEncoder
from napari_medssl.propagation.refiner import Refiner


class MatchSettings(BaseModel):
    """How a network's features are matched; travels with its weights in the model's card."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: Literal["paper", "strided"] = "strided"
    radius: int = Field(6, ge=1, le=32, description="Half the side of the search window, in feature pixels.")
    temperature: float = Field(1.0, gt=0, description="Divides the dot products of the features.")
    top: int = Field(0, ge=0, description="Copy only from this many best matches; 0 copies from all.")
    zero_padding: bool = Field(False, description="Let the outside of the image take part in the softmax.")
    pixels: float | None = Field(
        80,
        gt=8,
        description="The drawn structure is resampled to be about this many pixels across; none: left as it is.",
    )
    finest: float = Field(4, ge=1, description="How many pixels the smallest pixel may be blown up to.")
    margin: float = Field(24, ge=8, description="Working pixels around the structure that are looked at.")
    refined: bool = Field(False, description="Whether a refiner corrects what was copied (strided networks only).")
    percentiles: tuple[float, float] = Field((1, 99), description="Intensities stretched to 0..1, within the region.")


@dataclass(frozen=True)
class PropagationModel:
    """A network in evaluation mode on its device, and its settings."""

    network: nn.Module
    settings: MatchSettings
    device: torch.device

    @property
    def stride(self) -> int:
        return int(self.network.stride)  # type: ignore[arg-type]

    def features(self, image: Tensor) -> Tensor:
        """(1, 1, h, w) intensities in 0..1 -> (1, channels, h / stride, w / stride)."""
        features: Tensor = self.network(image.to(self.device))
        return features

    def copy(self, query: Tensor, key: Tensor, maps: Tensor, *, cancelled: Callable[[], bool] | None = None) -> Tensor:
        """Copy (1, maps, h, w) full-resolution maps of the key's slice to the query's slice."""
        return copy_maps(query, key, maps.to(self.device), self.settings, self.stride, cancelled=cancelled)

    @property
    def refiner(self) -> Refiner | None:
        """What corrects the copied masks; None where copying is all."""
        found = getattr(self.network, "refiner", None)
        assert found is None or isinstance(found, Refiner)
        return found


def copy_maps(
    query: Tensor, key: Tensor, maps: Tensor, settings: MatchSettings, stride: int,
    *, cancelled: Callable[[], bool] | None = None,
) -> Tensor:  # fmt: skip
    """Copy maps at the image's resolution with features at 1 / stride of it.

    The maps are averaged down, copied, and interpolated up again. Copying the stride^2 pixels under a feature pixel
    side by side keeps more detail in one step, but its staircase edges cost 1 to 4 points of Dice over many steps.
    """
    return widened(copy_pooled(query, key, maps, settings, stride, cancelled=cancelled), stride)


def copy_pooled(
    query: Tensor, key: Tensor, maps: Tensor, settings: MatchSettings, stride: int,
    *, cancelled: Callable[[], bool] | None = None,
) -> Tensor:  # fmt: skip
    """Copy maps at the image's resolution; what comes out is at the features' own, 1 / stride of it."""
    return copy_by_affinity(
        query, key, maps if stride == 1 else F.avg_pool2d(maps, stride), settings.radius,
        temperature=settings.temperature, top=settings.top, zero_padding=settings.zero_padding, cancelled=cancelled,
    )  # fmt: skip


def widened(copied: Tensor, stride: int) -> Tensor:
    """Maps at the features' resolution, interpolated to the image's."""
    if stride == 1:
        return copied
    return F.interpolate(copied, scale_factor=stride, mode="bilinear", align_corners=False)


def build_network(settings: MatchSettings) -> nn.Module:
    """The untrained network that the settings name."""
    return PaperEncoder() if settings.architecture == "paper" else StridedEncoder(refined=settings.refined)
