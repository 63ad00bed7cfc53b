"""MixUp of scans with nodules in them: of whole patches with their targets, then of single nodules.

After Wang et al., FocalMix, CVPR 2020. All randomness comes in as weights and partners.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from napari_medssl.strategies.mixing import draw_weights, mix

_MARGIN = 1.3  # a nodule is cut out as a cube of this many diameters


@dataclass(frozen=True)
class Patches:
    """Patches and what is to be said of them.

    Attributes
    ----------
    images : (n, 1, z, y, x)
    truth : (n, m) how far each anchor answers for a nodule, 0..1
    counted : (n, m) whether an anchor enters the loss
    """

    images: Tensor
    truth: Tensor
    counted: Tensor

    def __getitem__(self, which: Tensor | slice) -> Patches:
        return Patches(self.images[which], self.truth[which], self.counted[which])

    def __len__(self) -> int:
        return len(self.images)

    @staticmethod
    def joined(first: Patches, second: Patches) -> Patches:
        """These and those as one."""
        return Patches(
            torch.cat([first.images, second.images]), torch.cat([first.truth, second.truth]),
            torch.cat([first.counted, second.counted]),
        )  # fmt: skip


def mix_patches(patches: Patches, partners: Tensor, weights: Tensor) -> Patches:
    """Image-level MixUp, formulas (12) and (13): each patch with its partner, images and targets alike.

    Parameters
    ----------
    partners : (n,) number of the other patch
    weights : (n,) of the patch itself
    """
    others = patches[partners]
    alone = weights >= 1  # whose partner leaves no trace
    counted = patches.counted & (others.counted | alone[:, None])
    return Patches(mix(patches.images, others.images, weights), mix(patches.truth, others.truth, weights), counted)


def mix_objects(
    images: Tensor, source: Tensor, balls: Sequence[NDArray[np.floating]], rng: np.random.Generator, eta: float,
    share: float = 0.5,
) -> Tensor:  # fmt: skip
    """Object-level MixUp: another nodule of the batch, resized to this one's size, is mixed into it.

    Intensities are mixed, targets are not. Returns changed copies of `images`.

    Parameters
    ----------
    images : (n, 1, z, y, x) in which nodules lie; patches beyond ``len(balls)`` have none and stay as they are
    source : as `images`, where the other nodules are taken from
    balls : of each patch (k, 4): middle (z, y, x) and diameter in voxels
    eta : of the weights' Beta distribution
    share : of the nodules that are mixed
    """
    objects = [(index, ball) for index, these in enumerate(balls) for ball in these]
    whole = [(index, box) for index, ball in objects if (box := _box(ball, source.shape[2:])) is not None]
    mixed = images.clone()
    for index, ball in objects:
        weight = float(draw_weights(rng, eta, 1)[0])
        box = _box(ball, images.shape[2:])
        if rng.random() >= share or box is None or len(whole) < 2:
            continue
        other, there = whole[int(rng.integers(len(whole)))]
        if other == index and there == box:
            continue
        size = [part.stop - part.start for part in box]
        resized = F.interpolate(source[other][None, :, *there], size, mode="trilinear", align_corners=False)[0]
        place = (index, slice(None), *box)
        mixed[place] = weight * mixed[place] + (1 - weight) * resized.to(mixed.dtype)
    return mixed


def _box(ball: NDArray[np.floating], shape: Sequence[int]) -> tuple[slice, slice, slice] | None:
    """The cube around a ball; None where it does not lie within the patch."""
    side = max(2, round(_MARGIN * float(ball[3])))
    low = np.floor(ball[:3] - (side - 1) / 2 + 0.5).astype(int)
    if (low < 0).any() or (low + side > np.array(shape)).any():
        return None
    z, y, x = (slice(int(start), int(start) + side) for start in low)
    return z, y, x
