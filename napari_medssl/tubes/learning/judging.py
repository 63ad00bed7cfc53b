"""How well a tube network in training does: Dice and clDice, and pictures to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import device, nn

from napari_medssl.metrics import dice
from napari_medssl.training.collection import Collection
from napari_medssl.training.strategy import Picture, Validation
from napari_medssl.tubes.inference import find
from napari_medssl.tubes.learning.patches import tubes_in
from napari_medssl.tubes.learning.samples import Sample
from napari_medssl.tubes.learning.skeletons import centre_line_dice
from napari_medssl.tubes.model import TubePlan

_PICTURES = 3
Mask = NDArray[np.bool_]


def judge_scans(
    network: nn.Module, plan: TubePlan, collection: Collection, places: Sequence[int], label: int, on: device
) -> Validation | None:
    """Dice and clDice of whole scans, meant over those that have tubes; the mean of both is the score."""
    found: list[tuple[Mask, Mask]] = []
    pictures: list[Picture] = []
    for index in places:
        scan = collection.scan(index)
        assert scan.labels is not None
        truth = tubes_in(scan.labels, label)
        if not truth.any():
            continue
        probability, _ = find(network, plan, scan.array, scan.spacing, on)
        found.append((probability >= 0.5, truth))
        if len(pictures) < _PICTURES:
            pictures.append(picture_of(scan.array, truth, probability))
    return _judged(found, pictures, "") if found else None


def judge_made(network: nn.Module, samples: Sequence[Sample], on: device) -> Validation:
    """Dice and clDice of made samples."""
    found: list[tuple[Mask, Mask]] = []
    pictures: list[Picture] = []
    for sample in samples:
        with torch.inference_mode():
            answer = network(torch.from_numpy(sample.image)[None].to(on))
        probability = torch.sigmoid(answer[0, 0].float()).cpu().numpy()
        if sample.truth.any():
            found.append((probability >= 0.5, sample.truth))
        if len(pictures) < _PICTURES:
            pictures.append(picture_of(sample.image[0], sample.truth, probability))
    return _judged(found, pictures, ", made samples")


def _judged(found: Sequence[tuple[Mask, Mask]], pictures: Sequence[Picture], note: str) -> Validation:
    overlap = float(np.mean([dice(mask, truth) for mask, truth in found]))
    lines = float(np.mean([np.nan_to_num(centre_line_dice(mask, truth)) for mask, truth in found]))
    return Validation({f"Dice{note}": overlap, f"clDice{note}": lines}, (overlap + lines) / 2, pictures)


def picture_of(array: NDArray[np.generic], truth: Mask, probability: NDArray[np.floating]) -> Picture:
    """The slice with most of the tubes: the scan, what was drawn, how probable tubes are."""
    z = int(np.count_nonzero(truth, axis=(1, 2)).argmax())
    grey = np.asarray(array[z], dtype=np.float32)
    low, high = (float(value) for value in np.percentile(grey, (1, 99)))
    shown = (grey - low) / max(high - low, 1e-6)
    return Picture((("scan", shown), ("drawn", truth[z].astype(float)), ("found", probability[z])))
