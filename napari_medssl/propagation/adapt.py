"""A short fit of a model to the very volume it is about to be used on."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_medssl.errors import Cancelled
from napari_medssl.propagation.groups import largest
from napari_medssl.propagation.learning.appearance import worn
from napari_medssl.propagation.learning.bending import bent_chain
from napari_medssl.propagation.learning.blocks import region_blocks
from napari_medssl.propagation.learning.chains import ChainSampler, Source
from napari_medssl.propagation.learning.losses import reconstruction_loss
from napari_medssl.propagation.learning.sampling import PairSampler, TrainingVolume, disturb
from napari_medssl.propagation.learning.unroll import unroll
from napari_medssl.propagation.model import PropagationModel
from napari_medssl.propagation.region import bounding_box, region_around
from napari_medssl.propagation.seeds import Drawn, Mask
from napari_medssl.propagation.slices import Slices
from napari_medssl.training.randomness import generator

_BATCH = 4
_RATE = 2e-4
_SIDE = 96
_AROUND = 2.0  # how much of the structure's own size is looked at on each side
_SLICES = 48  # at most so many on each side of what is drawn
_CHAINS, _LENGTH = 3, 5  # a step of the refiner's: chains of so many slices
_BLOCKS = 3
_FLATTEST = 0.02  # standard deviation, of 0..1, below which a drawn slice shows nothing
_DRAWN = 0.5  # share of the chains that are the drawn slices, bent


def adapt(
    model: PropagationModel,
    slices: Slices,
    drawn: Drawn,
    *,
    seconds: float,
    cancelled: Callable[[], bool] | None = None,
) -> PropagationModel:
    """A copy of the model, fitted for `seconds` to this very volume.

    A model with a refiner keeps its matching and trains the refiner, on regions of the surroundings and on the drawn
    slices, bent: a refiner does not forgive when the features under it change. A model without one learns to rebuild
    slices near the drawn ones from their neighbours.

    The model given stays as it is, and comes back when the volume has too few slices, or nothing in them, to learn
    from.
    """
    if len(slices) < 2:
        return model
    network = copy.deepcopy(model.network).requires_grad_(False).eval()  # eval keeps the normalisation as trained
    adapted = PropagationModel(network, model.settings, model.device)
    refiner = adapted.refiner
    lesson: Lesson
    if refiner is None:
        lesson = Matching(adapted, slices, drawn)
        trained: nn.Module = network
    else:
        lesson = Refining(adapted, slices, drawn)
        trained = refiner
    trained.requires_grad_(True)
    optimiser = torch.optim.AdamW(trained.parameters(), lr=_RATE)
    until, step = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        if cancelled is not None and cancelled():
            raise Cancelled
        try:
            loss = lesson.loss(step)
        except ValueError:
            return model
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(trained.parameters(), 1.0)
        optimiser.step()
        step += 1
    network.requires_grad_(False)
    return adapted


class Lesson(Protocol):
    """What a model learns from a volume."""

    def loss(self, step: int) -> Tensor:
        """Of the samples of a step; ValueError where there is nothing to learn from."""
        ...


class Matching:
    """Rebuild slices near the drawn ones from their neighbours; masks only say where to look."""

    def __init__(self, model: PropagationModel, slices: Slices, drawn: Drawn) -> None:
        volume = _surroundings(slices, drawn, thickness=1e9)  # such a distance keeps it from being sliced otherwise
        self.model = model
        self.sampler = PairSampler([volume], _SIDE, (1, max(1, min(3, len(volume.array) - 1))), cut=(32, 160))

    def loss(self, step: int) -> Tensor:
        model = self.model
        pairs = torch.stack([self.sampler.draw(generator(0, step, i))[0] for i in range(_BATCH)]).to(model.device)
        first, second = pairs[:, :1], pairs[:, 1:]
        keys = torch.from_numpy(generator(1, step).integers(2**62, size=2 * _BATCH))
        key, query = model.network(disturb(torch.cat([first, second]), keys)).chunk(2)
        return reconstruction_loss(query, key, first, second, model.settings, model.stride)


class Refining:
    """Follow regions of the surroundings, and the drawn slices as they bend."""

    def __init__(self, model: PropagationModel, slices: Slices, drawn: Drawn) -> None:
        volume = _surroundings(slices, drawn, thickness=slices.thickness)
        self.model = model
        squares = [
            _square(slices, index, mask) for masks in drawn.values() for index, mask in masks.items() if mask.any()
        ]
        self.squares = [(image, mask) for image, mask in squares if image.std() > _FLATTEST]
        blocks = region_blocks([volume], _BLOCKS, seed=0)
        self.chains = ChainSampler([Source(blocks, 1.0, repainted=0.2)], length=_LENGTH, side=_SIDE)

    def loss(self, step: int) -> Tensor:
        model, refiner = self.model, self.model.refiner
        assert refiner is not None
        samples = [self._sample(generator(0, step, i)) for i in range(_CHAINS)]
        images, masks, starts = (torch.stack(parts).to(model.device) for parts in zip(*samples, strict=True))
        with torch.no_grad():
            features = model.network(images.flatten(0, 1)[:, None])
        features = features.reshape(*images.shape[:2], *features.shape[1:])
        return unroll(refiner, features, images, masks, starts, model.settings).refined_loss()

    def _sample(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        if rng.random() >= _DRAWN or not self.squares:
            try:
                return self.chains.draw(rng)
            except ValueError:
                if not self.squares:
                    raise
        image, mask = self.squares[int(rng.integers(len(self.squares)))]
        images, masks = bent_chain(image, mask, _LENGTH, rng)
        noise = torch.from_numpy(rng.standard_normal(images.shape, dtype=np.float32))
        images = (images + 0.02 * noise).clamp(0, 1)
        return images[:, 0], masks[:, 0], worn(masks[1:2], rng)[0, 0]


def _square(slices: Slices, index: int, mask: Mask) -> tuple[Tensor, Tensor]:
    """A drawn slice and its mask around the structure, (1, side, side) each, stretched to 0..1 as in use."""
    box = bounding_box(mask)
    sizes = [(box[2 * i + 1] - box[2 * i]) * slices.spacing[i] for i in (0, 1)]
    half = 0.8 * max(sizes)
    centre = [(box[2 * i] + box[2 * i + 1]) / 2 for i in (0, 1)]
    shape = mask.shape
    reach = [half / s for s in slices.spacing]
    matrix = torch.tensor(
        [
            [2 * reach[1] / shape[1], 0, 2 * centre[1] / shape[1] - 1],
            [0, 2 * reach[0] / shape[0], 2 * centre[0] / shape[0] - 1],
        ],
        dtype=torch.float32,
    )
    grid = F.affine_grid(matrix[None], [1, 1, _SIDE, _SIDE], align_corners=False)
    both = torch.stack([torch.from_numpy(slices[index]), torch.from_numpy(mask.astype(np.float32))])[None]
    image, inside = F.grid_sample(both, grid, padding_mode="border", align_corners=False)[0]
    low, high = np.percentile(image.numpy(), (1, 99))
    scaled = ((image - float(low)) / max(float(high - low), 1e-6)).clamp(0, 1)
    return scaled[None], (inside[None] > 0.5).float()


def _surroundings(slices: Slices, drawn: Drawn, *, thickness: float) -> TrainingVolume:
    """The part of the volume around what is drawn."""
    union = np.logical_or.reduce([largest(masks) for masks in drawn.values()])
    indices = [i for masks in drawn.values() for i in masks]
    reach = _AROUND * float(np.sqrt(union.sum()))
    region = region_around(union, slices.spacing, None, margin=reach, multiple=1)
    first, last = max(0, min(indices) - _SLICES), min(len(slices), max(indices) + _SLICES + 1)
    array = np.stack([slices[i][region.within] for i in range(first, last)])
    return TrainingVolume(array, (thickness, *slices.spacing))
