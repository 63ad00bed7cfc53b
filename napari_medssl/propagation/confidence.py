"""How far a propagated slice can be trusted, from signals at hand."""

import torch
from torch import Tensor

# Brings the product of agreements to the scale of the Dice that they stand for; fitted on phantoms, not on real scans
# (tests/benchmarks/confidence.py; anything from 0.25 to 0.4 fits them alike). It does not change the slices' order.
POWER = 0.35


def confidence(agreements: float) -> float:
    """Confidence of a slice, 0..1, from the product of the agreements of all steps that led to it.

    Errors add up along the way, so the steps are multiplied.
    """
    return float(agreements**POWER)


def agreement(mask: Tensor, returned: Tensor) -> float:
    """Soft Dice between a mask and its copy that went to the next slice and came back, in 0..1.

    A step whose way there and way back disagree has lost the structure. Both tensors are 2D.
    """
    overlap = 2 * float(torch.minimum(mask, returned).sum())
    total = float(mask.sum() + returned.sum())
    return overlap / total if total > 0 else 0.0
