"""A chain of slices made from a single one: the drawn slice and its mask, bent more and more."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

_REACH = (0.01, 0.05)  # how far the field moves a pixel in all, as a share of the side
_JITTER = 0.2  # of a step's own random field against the one that all steps share
_KNOTS = 5  # of a field, along a side


def bent_chain(image: Tensor, mask: Tensor, length: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Images and masks, each (length, 1, side, side): slice 0 as it is, each later one bent further.

    Parameters
    ----------
    image, mask : (1, side, side), a square; the mask of 0 and 1
    """
    side = image.shape[-1]
    reach = float(np.exp(rng.uniform(*np.log(_REACH)))) * 2  # grid units: the side is 2
    shared = _field(rng, side)
    identity = F.affine_grid(torch.eye(2, 3)[None], [1, 1, side, side], align_corners=False)
    grids = []
    for index in range(length):
        moved = shared * index / max(1, length - 1) + _JITTER * _field(rng, side) * (index > 0)
        grids.append(identity + reach * moved)
    grid = torch.cat(grids)
    images = F.grid_sample(image.expand(length, -1, -1, -1), grid, padding_mode="border", align_corners=False)
    masks = F.grid_sample(mask.expand(length, -1, -1, -1), grid, padding_mode="border", align_corners=False)
    return images, (masks > 0.5).float()


def _field(rng: np.random.Generator, side: int) -> Tensor:
    """(1, side, side, 2) smooth, of about unit size."""
    knots = torch.from_numpy(rng.standard_normal((1, 2, _KNOTS, _KNOTS), dtype=np.float32))
    return F.interpolate(knots, (side, side), mode="bicubic", align_corners=False).permute(0, 2, 3, 1)
