"""From a model's name to a propagation model on a device."""

from __future__ import annotations

import threading
from functools import lru_cache

import torch
from pydantic import ValidationError

from napari_medssl.devices import pick_device
from napari_medssl.errors import BadInput
from napari_medssl.models import load_weights, weights_path
from napari_medssl.propagation.model import MatchSettings, PropagationModel, build_network

PURPOSE = "propagation"
_loading = threading.Lock()


def load_model(name: str = "default", device: str = "auto") -> PropagationModel:
    """A propagation model from the shelf, ready to use; the last few stay loaded.

    Raises
    ------
    BadInput
        There is no such model or device, or the model is for something else.
    """
    path = weights_path(name)
    changed = path.stat().st_mtime_ns if path.is_file() else 0
    with _loading:
        return _loaded(name, str(path), changed, pick_device(device))


@lru_cache(maxsize=4)
def _loaded(name: str, path: str, changed: int, device: torch.device) -> PropagationModel:
    card, tensors = load_weights(name)
    if card.purpose != PURPOSE:
        raise BadInput(f"Model {name!r} is for {card.purpose}, not for propagation; choose another.")
    try:
        settings = MatchSettings.model_validate(card.settings)
        network = build_network(settings)
        network.load_state_dict(tensors)
    except (ValidationError, RuntimeError) as error:
        raise BadInput(f"Model {name!r} does not fit this version of napari-medssl; train or add it again.") from error
    network.requires_grad_(False).eval()
    return PropagationModel(network.to(device), settings, device)
