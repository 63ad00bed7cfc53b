"""A short self-supervised fit of a model to the very volume it is about to be used on."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable

import numpy as np
import torch

from napari_medssl.errors import Cancelled
from napari_medssl.propagation.groups import largest
from napari_medssl.propagation.learning.losses import reconstruction_loss
from napari_medssl.propagation.learning.sampling import PairSampler, TrainingVolume, disturb
from napari_medssl.propagation.model import PropagationModel
from napari_medssl.propagation.region import region_around
from napari_medssl.propagation.seeds import Drawn
from napari_medssl.propagation.slices import Slices
from napari_medssl.training.randomness import generator

_BATCH = 4
_RATE = 2e-4
_SIDE = 96
_AROUND = 2.0  # how much of the structure's own size is looked at on each side
_SLICES = 48  # at most so many on each side of what is drawn


def adapt(
    model: PropagationModel,
    slices: Slices,
    drawn: Drawn,
    *,
    seconds: float,
    cancelled: Callable[[], bool] | None = None,
) -> PropagationModel:
    """A copy of the model, trained for `seconds` to rebuild slices near the drawn ones from their neighbours.

    The model given stays as it is. Uses no mask but to know where to look. Returns the model unchanged when the
    volume has too few slices, or nothing in them, to learn from.
    """
    volume = _surroundings(slices, drawn)
    sampler = PairSampler([volume], _SIDE, (1, max(1, min(3, len(volume.array) - 1))), cut=(32, 160))
    network = copy.deepcopy(model.network).requires_grad_(True).eval()  # eval keeps the normalisation as trained
    optimiser = torch.optim.AdamW(network.parameters(), lr=_RATE)
    until, step = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        if cancelled is not None and cancelled():
            raise Cancelled
        try:
            pairs = torch.stack([sampler.draw(generator(0, step, i))[0] for i in range(_BATCH)]).to(model.device)
        except ValueError:
            return model
        first, second = pairs[:, :1], pairs[:, 1:]
        keys = torch.from_numpy(generator(1, step).integers(2**62, size=2 * _BATCH))
        key, query = network(disturb(torch.cat([first, second]), keys)).chunk(2)
        loss = reconstruction_loss(query, key, first, second, model.settings, model.stride)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        step += 1
    return PropagationModel(network.requires_grad_(False), model.settings, model.device)


def _surroundings(slices: Slices, drawn: Drawn) -> TrainingVolume:
    """The part of the volume around what is drawn."""
    union = np.logical_or.reduce([largest(masks) for masks in drawn.values()])
    indices = [i for masks in drawn.values() for i in masks]
    reach = _AROUND * float(np.sqrt(union.sum()))
    region = region_around(union, slices.spacing, None, margin=reach, multiple=1)
    first, last = max(0, min(indices) - _SLICES), min(len(slices), max(indices) + _SLICES + 1)
    array = np.stack([slices[i][region.within] for i in range(first, last)])
    # A huge distance between slices keeps the sampler from slicing the other two ways.
    return TrainingVolume(array, (1e9, *slices.spacing))
