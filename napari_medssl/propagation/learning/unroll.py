"""Carry masks through a chain of slices as propagation does, with gradients: what the refiner learns from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_medssl.propagation.model import MatchSettings, copy_pooled, widened
from napari_medssl.propagation.refiner import Evidence, Refiner

_OVERLAP_ROOM = 20.0  # pixels added to both sides of Dice, so that a structure's end costs little


@dataclass(frozen=True)
class Unrolled:
    """Each (chains, steps, height, width): refined logits, what was copied (0..1), and the truth."""

    logits: Tensor
    copied: Tensor
    truth: Tensor

    def refined_loss(self) -> Tensor:
        """Cross-entropy and Dice of the refined masks."""
        entropy = F.binary_cross_entropy_with_logits(self.logits, self.truth)
        inside = torch.sigmoid(self.logits)
        both = (inside * self.truth).sum((2, 3))
        total = (inside + self.truth).sum((2, 3))
        overlap = (2 * both + _OVERLAP_ROOM) / (total + _OVERLAP_ROOM)
        return 2 * entropy + (1 - overlap).mean()

    def copied_loss(self) -> Tensor:
        """Cross-entropy of the copied masks."""
        return -(
            self.truth * self.copied.clamp(min=1e-3).log() + (1 - self.truth) * (1 - self.copied).clamp(min=1e-3).log()
        ).mean()


def unroll(
    refiner: Refiner, features: Tensor, images: Tensor, masks: Tensor, start: Tensor, settings: MatchSettings
) -> Unrolled:
    """Go from slice 1 of each chain to its last; slice 0 is the drawn one.

    Every step starts from the hard mask that the last one gave, right or wrong, so that the refiner meets its own
    mistakes; no gradient flows through it.

    Parameters
    ----------
    features : (chains, slices, features, height / 2, width / 2)
    images, masks : (chains, slices, height, width)
    start : (chains, height, width) the masks on slice 1 to start from
    """
    drawn_image, drawn_mask = images[:, :1], masks[:, :1]
    current = start[:, None]
    logits, copies = [], []
    for step in range(2, images.shape[1]):
        query, key = features[:, step].float(), features[:, step - 1].float()
        with torch.autocast(query.device.type, enabled=False):  # a softmax over many matches wants its float32
            copied = copy_pooled(query, key, current, settings, 2)
            image, previous = images[:, step : step + 1], images[:, step - 1 : step]
            evidence = Evidence(image, previous, current, drawn_image, drawn_mask).maps()
        found = refiner(features[:, step], copied, evidence).float()
        logits.append(found)
        copies.append(widened(copied, 2))
        current = (found > 0).float()
    return Unrolled(torch.cat(logits, 1), torch.cat(copies, 1), masks[:, 2:])
