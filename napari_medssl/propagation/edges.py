"""The edge profile: what Sli2Vol lets the network see of a slice, so that it cannot match bare intensities.

Source: Yeung, Namburete, Xie, "Sli2Vol", MICCAI 2021, section 2.2, and for the offsets, their published settings.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


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
    height, width = slices.shape[-2:]
    padded = F.pad(slices * scale, (radius,) * 4, mode="replicate")
    # The softmax of the neighbours is that of their differences to the pixel, which is the same for all of them.
    neighbours = [
        padded[..., radius + dy : radius + dy + height, radius + dx : radius + dx + width]
        for dy, dx in profile_offsets(radius)
    ]
    return torch.softmax(torch.cat(neighbours, dim=1), dim=1)
