"""From a model's name to a nodule detector on a device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from napari_medssl.models import Card
from napari_medssl.models.loading import Loading, ready
from napari_medssl.nodules.anchors import Anchors
from napari_medssl.nodules.model import NodulePlan
from napari_medssl.nodules.networks import build_network

PURPOSE = "nodules"


@dataclass(frozen=True)
class DetectorModel:
    """A detector in evaluation mode on its device, and how it is to be used."""

    network: nn.Module
    settings: NodulePlan
    device: torch.device

    @property
    def anchors(self) -> Anchors:
        return self.settings.anchors


def _make(card: Card, tensors: dict[str, Tensor], device: torch.device) -> DetectorModel:
    plan = NodulePlan.model_validate(card.settings)
    return DetectorModel(ready(lambda: build_network(plan), tensors, device), plan, device)


_load = Loading(PURPOSE, _make, keep=2, default="nodules")  # the shipped model


def load_detector(model: str = "default", device: str = "auto") -> DetectorModel:
    """A detector from the shelf, ready to use; the last two stay loaded.

    Raises
    ------
    BadInput
        There is no such model or device, or the model is for something else.
    """
    return _load(model, device)
