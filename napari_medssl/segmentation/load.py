"""From a model's name to a segmentation model on a device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from napari_medssl.models import Card
from napari_medssl.models.loading import Loading, ready
from napari_medssl.segmentation.networks import UNet
from napari_medssl.segmentation.plan import Plan

PURPOSE = "segmentation"


@dataclass(frozen=True)
class SegmentationModel:
    """A network in evaluation mode on its device, and how it is to be used."""

    network: nn.Module
    plan: Plan
    device: torch.device


def _make(card: Card, tensors: dict[str, Tensor], device: torch.device) -> SegmentationModel:
    plan = Plan.model_validate(card.settings)
    return SegmentationModel(ready(lambda: UNet(plan), tensors, device), plan, device)


_load = Loading(PURPOSE, _make, keep=2)


def load_model(name: str, device: str = "auto") -> SegmentationModel:
    """A segmentation model from the shelf, ready to use; the last two stay loaded.

    Raises
    ------
    BadInput
        There is no such model or device, or the model is for something else.
    """
    return _load(name, device)
