"""Verification: reject propagated pixels whose intensity says that they belong to the surroundings.

Source: Yeung, Namburete, Xie, "Sli2Vol", MICCAI 2021, section 2.3, equations 3 and 4. P is the previous slice's mask,
N a ring around it, p and n their mean intensities.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Verification = Literal["none", "paper", "auto"]
CHOICES: tuple[Verification, ...] = ("none", "paper", "auto")

RING = 5  # dilations that make N
CLOSING = 2  # dilations, then as many erosions, that follow the rejection


@dataclass(frozen=True)
class Means:
    """Mean intensities p inside and n in the ring around the previous slice's mask."""

    inside: float
    ring: float

    def nearer_inside(self, image: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Pixels nearer to p than to n (equation 4)."""
        nearer: NDArray[np.bool_] = np.abs(image - self.inside) < np.abs(image - self.ring)
        return nearer


def region_means(image: NDArray[np.floating], mask: NDArray[np.bool_]) -> Means | None:
    """p and n (equation 3) of a 2D slice and its mask; None when the mask or its ring is empty."""
    ring = ndimage.binary_dilation(mask, iterations=RING) & ~mask
    if not mask.any() or not ring.any():
        return None
    return Means(float(image[mask].mean()), float(image[ring].mean()))


def verify(
    propagated: NDArray[np.bool_],
    image: NDArray[np.floating],
    previous_mask: NDArray[np.bool_],
    previous_image: NDArray[np.floating],
) -> NDArray[np.bool_]:
    """The paper's verification of one label on one slice, with the hole filling and closing of the published code.

    All four are 2D and of one shape. Where p and n cannot be told (an empty mask or ring), the mask stays as it is.
    """
    means = region_means(previous_image, previous_mask)
    if means is None:
        return propagated
    return _tidied(propagated & means.nearer_inside(image))


def separates(image: NDArray[np.floating], mask: NDArray[np.bool_], *, at_least: float = 0.97) -> bool:
    """Whether verification can be trusted with this structure: it must give a drawn mask back (almost) whole.

    `"auto"` asks this of the drawn slice itself, where the truth is known: at least this share of the drawn pixels
    must be nearer to p than to n, and at least as large a share of the ring nearer to n. Structures of mixed
    intensity, or with a neighbour as bright as they are, fail it, and then verification stays out.
    """
    means = region_means(image, mask)
    if means is None:
        return False
    ring = ndimage.binary_dilation(mask, iterations=RING) & ~mask
    nearer = means.nearer_inside(image)
    return bool(nearer[mask].mean() >= at_least and (~nearer)[ring].mean() >= 0.8)


def _tidied(kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    filled = ndimage.binary_fill_holes(kept)
    # The margin keeps the closing from eroding a mask that touches the image's edge.
    padded = np.pad(filled, CLOSING + 1)
    closed = ndimage.binary_closing(padded, iterations=CLOSING)[CLOSING + 1 : -CLOSING - 1, CLOSING + 1 : -CLOSING - 1]
    result: NDArray[np.bool_] = ndimage.binary_fill_holes(closed)
    return result
