"""Training targets that a network makes for unlabelled samples."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

_LEAST = 1e-12


def sharpen(probability: Tensor, temperature: float, pivot: float = 0.5) -> Tensor:
    """Probabilities of yes or no, made surer; any shape. What is above `pivot` rises, what is below falls.

    With a pivot of 0.5 ``p^(1/T) / (p^(1/T) + (1 - p)^(1/T))``: sharpening of a distribution over two classes (Wang et
    al., FocalMix, CVPR 2020), which for each class i of L is ``p_i^(1/T) / sum_j p_j^(1/T)``. A loss that weighs yes
    more than no makes probabilities too high; a higher pivot makes up for it. A temperature of 1 changes nothing.
    """
    p = probability.double().clamp(_LEAST, 1 - _LEAST)
    # As a logit the formula is a division by T, which loses nothing at either end.
    middle = math.log(pivot / (1 - pivot))
    return torch.sigmoid((torch.logit(p) - middle) / temperature + middle).to(probability.dtype)


def averaged(probabilities: Sequence[Tensor]) -> Tensor:
    """The mean of what was predicted for one sample looked at in several ways; all of one shape."""
    return torch.stack(list(probabilities)).mean(0)


def ramp(done: float, length: float) -> float:
    """A weight that rises in a line from 0 to 1 over the first `length` (0..1) of a run, of which `done` is over."""
    return min(1.0, done / length) if length > 0 else 1.0
