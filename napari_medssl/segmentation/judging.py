"""How well a network in training does on labelled scans: Dice of each label, and pictures to look at."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_medssl.metrics import dice_per_label
from napari_medssl.segmentation.inference import predict
from napari_medssl.segmentation.plan import Plan
from napari_medssl.segmentation.survey import Aligned
from napari_medssl.training.strategy import Picture, Validation

_PICTURES = 3


def judge(
    network: nn.Module, plan: Plan, scans: Iterable[Aligned], on: torch.device, *, note: str = ""
) -> Validation | None:
    """Dice of each label, meant over the scans in which it was drawn or found; their mean is the score.

    `note`: put behind the metrics' names.
    """
    found: dict[int, list[float]] = {label: [] for label in plan.labels}
    pictures: list[Picture] = []
    for scan in scans:
        assert scan.labels is not None
        labels = predict(network, plan, scan.array, scan.spacing, on)
        for label, value in dice_per_label(labels, scan.labels, plan.labels).items():
            if np.isfinite(value):
                found[label].append(value)
        if len(pictures) < _PICTURES:
            pictures.append(picture_of(scan.array, scan.labels, labels, plan))
    means = {label: float(np.mean(values)) for label, values in found.items() if values}
    if not means:
        return None
    score = float(np.mean(list(means.values())))
    metrics = {f"Dice{note}": score}
    if len(plan.labels) > 1:
        metrics |= {f"Dice of {name_of(plan, label)}{note}": value for label, value in means.items()}
    return Validation(metrics, score, pictures)


def name_of(plan: Plan, label: int) -> str:
    """What a label is called, "label 3" where nobody said."""
    return plan.names.get(label, f"label {label}")


def picture_of(
    array: NDArray[np.generic], truth: NDArray[np.integer], found: NDArray[np.integer], plan: Plan
) -> Picture:
    """The slice with most of the structures: the scan, what was drawn, what was found."""
    z = int(np.count_nonzero(truth, axis=(1, 2)).argmax())
    grey = np.asarray(array[z], dtype=np.float32)
    low, high = (float(value) for value in np.percentile(grey, (1, 99)))
    shown = (grey - low) / max(high - low, 1e-6)

    def shades(labels: NDArray[np.integer]) -> NDArray[np.float64]:
        return plan.outputs_of(labels[z]) / len(plan.labels)

    return Picture((("scan", shown), ("drawn", shades(truth)), ("found", shades(found))))
