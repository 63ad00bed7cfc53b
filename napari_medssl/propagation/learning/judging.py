"""How well a network in training does: rebuilding unseen slices, and propagating masks where there are some."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from napari_medssl.metrics import dice
from napari_medssl.propagation.api import propagate
from napari_medssl.propagation.learning.losses import at_copied_resolution
from napari_medssl.propagation.learning.sampling import PairSampler, TrainingVolume
from napari_medssl.propagation.model import MatchSettings, PropagationModel, copy_maps
from napari_medssl.training.randomness import generator
from napari_medssl.training.strategy import Picture

_PAIRS = 24
_PICTURES = 3
_AT_ONCE = 6  # pairs in a batch: validation shares the memory with training
_REACH = 20  # slices on each side of the drawn one
_LABELS = 3  # of a scan


def fixed_pairs(sampler: PairSampler, seed: int) -> Tensor:
    """Pairs of slices to be rebuilt at every validation, the same ones: (n, 2, side, side) in 0..1."""
    return torch.stack([sampler.draw(generator(seed, 991, index))[0] for index in range(_PAIRS)])


def rebuilt_slices(network: nn.Module, match: MatchSettings, pairs: Tensor, on: torch.device) -> Tensor:
    """The second slice of each pair, rebuilt from the first: (n, side, side)."""
    stride = int(network.stride)  # type: ignore[arg-type]
    rebuilt = []
    for start in range(0, len(pairs), _AT_ONCE):
        part = pairs[start : start + _AT_ONCE]
        first, second = part[:, :1].to(on), part[:, 1:].to(on)
        key, query = network(torch.cat([first, second])).chunk(2)
        rebuilt.append(copy_maps(query, key, first, match, stride)[:, 0].detach().float().cpu())
    return torch.cat(rebuilt)


def rebuilding_error(pairs: Tensor, rebuilt: Tensor, stride: int) -> float:
    """Mean absolute error of the rebuilt slices, as a share of that of taking the neighbour as it is."""
    first, second = (at_copied_resolution(pairs[:, i : i + 1], stride)[:, 0] for i in (0, 1))
    return float((rebuilt - second).abs().mean() / (first - second).abs().mean().clamp_min(1e-6))


def pictures_of(pairs: Tensor, rebuilt: Tensor) -> list[Picture]:
    """The few pairs with the most to see, with what was rebuilt, for people to look at."""
    told = pairs[:, 1].flatten(1).std(1).argsort(descending=True, stable=True)[:_PICTURES]
    return [
        Picture(
            (
                ("neighbour (input)", pairs[i, 0].numpy()),
                ("slice (target)", pairs[i, 1].numpy()),
                ("rebuilt", rebuilt[i].numpy()),
            )
        )
        for i in told.tolist()
    ]


def propagation_dice(
    network: nn.Module, match: MatchSettings, scans: Sequence[TrainingVolume], on: torch.device
) -> float | None:
    """Mean Dice (0..1) of the largest labels, drawn on their largest slices; None where there is nothing to follow."""
    model = PropagationModel(network, match, on)
    scores = []
    for scan in scans:
        assert scan.labels is not None
        labels = np.asarray(scan.labels)
        values, counts = np.unique(labels[labels > 0], return_counts=True)
        for label in values[np.argsort(-counts)][:_LABELS]:
            mask = labels == label
            index = int(mask.sum(axis=(1, 2)).argmax())
            within = max(0, index - _REACH), min(len(mask), index + _REACH + 1)
            if not mask[within[0] : within[1]].any(axis=(1, 2)).sum() > 1:
                continue
            seeds = np.zeros(mask.shape, dtype=np.uint8)
            seeds[index] = mask[index]
            array = np.asarray(scan.array, dtype=np.float32)
            with torch.autocast(on.type, enabled=False):  # as it is used; resampling knows no bfloat16
                found = propagate(array, seeds, spacing=scan.spacing, slice_range=within, model=model)
            others = [i for i in range(*within) if i != index]
            scores.append(float(dice(found.labels[others] > 0, mask[others])))
    return float(np.mean(scores)) if scores else None
