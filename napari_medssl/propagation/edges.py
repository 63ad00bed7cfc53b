"""The edge profile: what Sli2Vol lets the network see of a slice, so that it cannot match bare intensities.

Source: Yeung, Namburete, Xie, "Sli2Vol", MICCAI 2021, section 2.2, and for the offsets, their published settings.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

_AT_ONCE = 250_000  # values worked on at a time on a CPU, so that they stay in its caches: a third of the time


def profile_offsets(radius: int, dilation: int = 1) -> list[tuple[int, int]]:
    """The (dy, dx) of all pixels of a (2 radius + 1)^2 window but its centre, `dilation` pixels apart."""
    steps = range(-radius, radius + 1)
    return [(dy * dilation, dx * dilation) for dy in steps for dx in steps if (dy, dx) != (0, 0)]


def edge_profile(slices: Tensor, *, radius: int = 3, scale: float = 255.0) -> Tensor:
    """Softmax over the signed differences between each pixel and its neighbours.

    Parameters
    ----------
    slices : (batch, 1, height, width) float, intensities in 0..1
    radius : half the side of the window of neighbours; 3 gives the 48 channels of the published method
    scale : what 0..1 is stretched to before the softmax. 255 is the published method; near 1 the profile is almost
        uniform and another method altogether.

    Returns
    -------
    (batch, (2 radius + 1)^2 - 1, height, width), positive, summing to 1 over the channels. The image's edge is
    continued outwards, so that the border shows no edge of its own.
    """
    batch, _, height, width = slices.shape
    padded = F.pad(slices * scale, (radius,) * 4, mode="replicate")
    offsets = profile_offsets(radius)

    def rows(first: int, last: int) -> Tensor:
        # The softmax of the neighbours is that of their differences to the pixel, which is the same for all of them.
        neighbours = [
            padded[..., radius + dy + first : radius + dy + last, radius + dx : radius + dx + width]
            for dy, dx in offsets
        ]
        return torch.softmax(torch.cat(neighbours, dim=1), dim=1)

    at_once = max(1, _AT_ONCE // (batch * len(offsets) * width))
    if slices.requires_grad or slices.device.type != "cpu" or at_once >= height:
        return rows(0, height)
    profile = slices.new_empty((batch, len(offsets), height, width), dtype=_wanted(slices))
    for first in range(0, height, at_once):
        last = min(first + at_once, height)
        profile[:, :, first:last] = rows(first, last)
    return profile


def _wanted(slices: Tensor) -> torch.dtype:
    """The type in which a convolution wants it: under autocast it would be copied into that."""
    kind = slices.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else slices.dtype
