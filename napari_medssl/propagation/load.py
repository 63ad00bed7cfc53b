"""From a model's name to a propagation model on a device."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_medssl.models.card import Card
from napari_medssl.models.loading import Loading, ready
from napari_medssl.propagation.model import MatchSettings, PropagationModel, build_network

PURPOSE = "propagation"


def load_model(name: str = "default", device: str = "auto") -> PropagationModel:
    """A propagation model from the shelf, ready to use; the last few stay loaded.

    Raises
    ------
    BadInput
        There is no such model or device, or the model is for something else.
    """
    return _loaded(name, device)


def _make(card: Card, tensors: dict[str, Tensor], device: torch.device) -> PropagationModel:
    settings = MatchSettings.model_validate(card.settings)
    return PropagationModel(ready(lambda: build_network(settings), tensors, device), settings, device)


_loaded = Loading(PURPOSE, _make)
