"""How far a propagated slice can be trusted, from signals at hand."""

import torch
from torch import Tensor


def agreement(mask: Tensor, returned: Tensor) -> float:
    """Soft Dice between a mask and its copy that went to the next slice and came back, in 0..1.

    A step whose way there and way back disagree has lost the structure. Both tensors are 2D.
    """
    overlap = 2 * float(torch.minimum(mask, returned).sum())
    total = float(mask.sum() + returned.sum())
    return overlap / total if total > 0 else 0.0
