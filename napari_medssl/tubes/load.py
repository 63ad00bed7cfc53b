"""From a model's name to a tube network on a device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from napari_medssl.models import Card
from napari_medssl.models.loading import Loading, ready
from napari_medssl.tubes.model import TubePlan
from napari_medssl.tubes.networks import build_network

PURPOSE = "tubes"


@dataclass(frozen=True)
class TubeModel:
    """A network in evaluation mode on its device, and how it is to be used."""

    network: nn.Module
    plan: TubePlan
    device: torch.device


def _make(card: Card, tensors: dict[str, Tensor], device: torch.device) -> TubeModel:
    plan = TubePlan.model_validate(card.settings)
    return TubeModel(ready(lambda: build_network(plan), tensors, device), plan, device)


_load = Loading(PURPOSE, _make, keep=2, default="tubes")  # the shipped model


def load_model(name: str = "default", device: str = "auto") -> TubeModel:
    """A tube model from the shelf, ready to use; the last two stay loaded.

    Raises
    ------
    BadInput
        There is no such model or device, or the model is for something else.
    """
    return _load(name, device)
