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

_UNHARMED = 0.97  # Dice of a drawn mask before and after its verification, from which "auto" trusts verification
_SAME_CONTRAST = 0.5  # share of the drawn slice's contrast, of the same sign, that must be left
_MOST = 0.6  # share of a propagated mask that must be left


@dataclass(frozen=True)
class Means:
    """Mean intensities p inside and n in the ring around the previous slice's mask."""

    inside: float
    ring: float

    @property
    def contrast(self) -> float:
        """p - n, never quite zero."""
        return (self.inside - self.ring) or 1e-9

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


class Verifier:
    """Verifies the labels of a sweep, or stays out, by one of the modes of `Verification`.

    "paper" verifies every label on every slice. "auto" asks the drawn slice, where the truth is known, whether
    verification would leave the drawn mask as it is: structures of mixed intensity, hollow ones and noisy ones do not
    pass, and are left alone. While it runs it stays out of slices whose contrast is no longer that of the drawn slice
    (a vessel that comes to lie against bone), or of which it would take away too much at once.
    """

    def __init__(self, mode: Verification) -> None:
        self.mode = mode
        self._drawn: dict[int, Means] = {}

    def start(self, label: int, image: NDArray[np.floating], mask: NDArray[np.bool_]) -> None:
        """Look at a drawn slice before the label sets out from it."""
        self._drawn.pop(label, None)
        means = region_means(image, mask)
        if self.mode == "auto" and means is not None and _dice(verify(mask, image, mask, image), mask) >= _UNHARMED:
            self._drawn[label] = means

    def __call__(
        self,
        label: int,
        propagated: NDArray[np.bool_],
        image: NDArray[np.floating],
        previous_mask: NDArray[np.bool_],
        previous_image: NDArray[np.floating],
    ) -> NDArray[np.bool_]:
        """The mask of one label on one slice, verified if that is to be done."""
        if self.mode == "none" or not propagated.any():
            return propagated
        if self.mode == "paper":
            return verify(propagated, image, previous_mask, previous_image)
        drawn, now = self._drawn.get(label), region_means(previous_image, previous_mask)
        if drawn is None or now is None or not now.contrast / drawn.contrast >= _SAME_CONTRAST:
            return propagated
        verified = verify(propagated, image, previous_mask, previous_image)
        return verified if verified.sum() >= _MOST * propagated.sum() else propagated


def _dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return 2 * float((a & b).sum()) / max(1.0, float(a.sum() + b.sum()))


def _tidied(kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    filled = ndimage.binary_fill_holes(kept)
    # The margin keeps the closing from eroding a mask that touches the image's edge.
    padded = np.pad(filled, CLOSING + 1)
    closed = ndimage.binary_closing(padded, iterations=CLOSING)[CLOSING + 1 : -CLOSING - 1, CLOSING + 1 : -CLOSING - 1]
    result: NDArray[np.bool_] = ndimage.binary_fill_holes(closed)
    return result
