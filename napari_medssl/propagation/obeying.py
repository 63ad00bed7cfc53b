"""Hints are carried through by what the slice looks like around them.

Where a mask contradicts a hint, it gains (or loses) what can be reached from the hint over pixels that look like it:
geodesic distance, as in interactive segmentation by geodesics (Criminisi, Sharp and Blake, "GeoS: Geodesic Image
Segmentation", 2008). It reaches up to twice as far as the mask's edge is away, and no further than the drawn structure
is wide. (A refiner that was shown the hints and taught to follow them changed too little; see docs/benchmarks.md.)
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

_FURTHER = 2.0  # times the distance to the mask's edge
_LEAST = 2.0  # pixels
_UNLIKE = 3.0  # deviations of the structure's intensities, beyond which pixels are equally unlike
_SMOOTH = 0.7  # pixels
_EVEN = 0.01
_HINTED = 0.9  # strength of a pixel that a hint says belongs to a label


def obey(
    hints: Tensor, position: int, hard: Tensor, shares: Tensor, image: Tensor, drawn: tuple[Tensor, Tensor]
) -> None:
    """Make the mask of a label agree with its hints, and the shares with the mask, in place.

    Parameters
    ----------
    hints : (h, w), see `obeyed`
    position : of the label among the maps
    hard : (1, labels, h, w) masks of 0 and 1
    shares : (1, labels + 1, h, w), the background last
    image : (1, 1, h, w), intensities in 0..1
    drawn : image and mask of the label's drawn slice, as `image`
    """
    intensities = drawn[0][drawn[1] > 0]
    deviation = float(intensities.std()) if intensities.numel() > 1 else 0.0
    before = hard[0, position].numpy() > 0
    widest = 2 * float(drawn[1].sum() / np.pi) ** 0.5
    after = obeyed(before, hints.numpy(), image[0, 0].numpy(), deviation, widest)
    gained, lost = torch.from_numpy(after & ~before), torch.from_numpy(before & ~after)
    hard[0, :, gained] = 0
    hard[0, position] = torch.from_numpy(after).float()
    shares[0, :, gained | lost] = 0
    shares[0, position, gained] = _HINTED
    shares[0, -1, gained] = 1 - _HINTED
    shares[0, -1, lost] = 1


def obeyed(
    mask: NDArray[np.bool_],
    hints: NDArray[np.float32],
    image: NDArray[np.float32],
    deviation: float,
    widest: float,
) -> NDArray[np.bool_]:
    """A mask that agrees with its hints.

    Parameters
    ----------
    mask : (height, width), what was found on the slice
    hints : (height, width), 1 where the structure was said to be, -1 where it was said not to be
    image : (height, width), intensities in 0..1
    deviation : of the intensities of the drawn structure
    widest : pixels that the drawn structure is across
    """
    found = mask.copy()
    for sign, inside in ((1, True), (-1, False)):
        pieces, count = ndimage.label(hints == sign)
        for number in range(1, count + 1):
            piece = pieces == number
            if 2 * (found[piece] == inside).sum() <= piece.sum():
                near = _alike(found == inside, piece, image, max(deviation, _EVEN), widest) & (hints != -sign)
                found[near] = inside
        found[hints == sign] = inside
    return found


def _alike(
    settled: NDArray[np.bool_],
    start: NDArray[np.bool_],
    image: NDArray[np.float32],
    deviation: float,
    widest: float,
) -> NDArray[np.bool_]:
    """What is reached from `start` over pixels like it, on the way to what is `settled` and no further."""
    from skimage.graph import MCP_Geometric

    # Where there is nothing yet, the structure is as wide as it was drawn.
    away = ndimage.distance_transform_edt(~settled)[start].max() if settled.any() else widest / 2
    smooth = ndimage.gaussian_filter(image, _SMOOTH)
    unlike = np.clip(np.abs(smooth - smooth[start].mean()) / deviation, 0, _UNLIKE)
    distances, _ = MCP_Geometric(1 + unlike**2).find_costs(np.argwhere(start))
    reached: NDArray[np.bool_] = distances <= np.clip(_FURTHER * away, _LEAST, max(widest, _LEAST))
    return reached
