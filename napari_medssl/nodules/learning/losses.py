"""Losses of a detector: the soft-target focal loss, and smooth L1 for where a nodule lies and how large it is."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def soft_focal_loss(
    logits: Tensor, targets: Tensor, *, alpha: tuple[float, float] = (0.05, 0.95), gamma: float = 2.0,
    soft_alpha: bool = True, soft_beta: bool = True,
) -> Tensor:  # fmt: skip
    """``SFL(p) = [a0 + y (a1 - a0)] |y - p|^gamma CE(y, p)`` for targets y in 0..1; elementwise, any shape.

    Wang et al., FocalMix: Semi-Supervised Learning for 3D Medical Image Detection, CVPR 2020. At y of 0 and 1 it is the
    focal loss with the weights a0 and a1. Computed from logits, so that it is finite however sure the network is.

    Parameters
    ----------
    soft_alpha : False takes the weight of the nearer of 0 and 1 in place of the bracket, as the focal loss would
    soft_beta : False measures how wrong p is against the nearer of 0 and 1 in place of y. Then nothing holds the loss
        back where p has reached y, and without both the gradient of the few large losses grows with the target's
        doubt: the paper calls this variant a failure, and it is here for that comparison alone
    """
    x, y = logits.float(), targets.float()
    p = torch.sigmoid(x)
    hard = (y >= 0.5).float()
    low, high = alpha
    weight = low + (y if soft_alpha else hard) * (high - low)
    off = ((y if soft_beta else hard) - p).abs() ** gamma if gamma else torch.ones_like(p)
    return weight * off * F.binary_cross_entropy_with_logits(x, y, reduction="none")


def scoring_loss(logits: Tensor, targets: Tensor, counted: Tensor, **variant: float | bool) -> Tensor:
    """The soft-target focal loss of the anchors that count, summed over a sample and meant over samples; all (n, m)."""
    losses = soft_focal_loss(logits, targets, **variant)  # type: ignore[arg-type]
    return (losses * counted).sum(1).mean()


def placing_loss(deltas: Tensor, wanted: Tensor, weights: Tensor) -> Tensor:
    """Smooth L1 of the four numbers that move and resize an anchor, meant over the anchors that have a nodule.

    Parameters
    ----------
    deltas, wanted : (n, m, 4)
    weights : (n, m) how much each anchor counts; 0 where it has no nodule
    """
    chosen = weights > 0
    # Steps of a tenth of an anchor's size and 10 % in diameter are where squares turn into straight lines.
    losses = F.smooth_l1_loss(deltas[chosen].float(), wanted[chosen], reduction="none", beta=0.1).sum(-1)
    return (losses * weights[chosen]).sum() / weights.sum().clamp(min=1)
