"""How an intensity speaks for a structure: the histogram inside a mask against that of its surroundings.

Verification compares two means (Sli2Vol, equations 3 and 4), which says nothing of a structure of mixed intensity or
of a neighbour as bright as itself. The log-likelihood ratio of two histograms does, and leaves the decision to the
network that reads it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

BINS = 32
REACH = 12  # pixels around the mask that count as its surroundings
_SMOOTHING = 1.5  # bins
_SURE = 4.0  # the log ratio is cut off here, so that empty bins do not decide alone
_RARE = 2e-3  # added to every bin


def log_likelihood_ratio(image: Tensor, mask: Tensor, looked_up: Tensor) -> Tensor:
    """log p(intensity | inside) - log p(intensity | around), of each pixel of `looked_up`, scaled to -1..1.

    Parameters
    ----------
    image, mask : (batch, 1, height, width), intensities in 0..1 and a mask of 0 and 1: what the histograms are taken
        of. The surroundings are the pixels within about `REACH` of the mask.
    looked_up : (batch, 1, height, width), intensities in 0..1

    Returns
    -------
    (batch, 1, height, width) float32; 0 everywhere for an empty mask
    """
    inside = mask.flatten(1)
    around = (_widened(mask).flatten(1) - inside).clamp(min=0)
    bins = _bins(image)
    counts = torch.zeros(2, len(image), BINS, device=image.device)
    counts[0].scatter_add_(1, bins, inside.float())
    counts[1].scatter_add_(1, bins, around.float())
    shares = counts / counts.sum(-1, keepdim=True).clamp(min=1)
    padded = F.pad(shares.flatten(0, 1)[:, None], (4, 4), mode="replicate")
    smooth = F.conv1d(padded, _kernel(image.device)).reshape(counts.shape) + _RARE
    ratio = (smooth[0].log() - smooth[1].log()).clamp(-_SURE, _SURE) / _SURE
    ratio = ratio * (inside.sum(1, keepdim=True) > 0)
    return ratio.gather(1, _bins(looked_up)).reshape(looked_up.shape)


def _bins(image: Tensor) -> Tensor:
    return (image.clamp(0, 1) * (BINS - 1)).round().long().flatten(1)


def _widened(mask: Tensor) -> Tensor:
    """The mask dilated by `REACH`; at half resolution and one direction after the other, which is much quicker."""
    side = REACH // 2
    half = F.max_pool2d(mask, 2, ceil_mode=True)
    wide = F.max_pool2d(F.max_pool2d(half, (2 * side + 1, 1), 1, (side, 0)), (1, 2 * side + 1), 1, (0, side))
    return F.interpolate(wide, scale_factor=2)[..., : mask.shape[-2], : mask.shape[-1]]


def _kernel(device: torch.device) -> Tensor:
    offsets = torch.arange(-4, 5, device=device)
    weights = torch.exp(-(offsets**2) / (2 * _SMOOTHING**2))
    return (weights / weights.sum())[None, None]
