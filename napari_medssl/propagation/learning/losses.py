"""The two losses of propagation: rebuild a slice from its neighbour, and copy masks whose truth is known."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from napari_medssl.propagation.model import MatchSettings, copy_maps
from napari_medssl.propagation.step import with_background


def reconstruction_loss(
    query: Tensor, key: Tensor, first: Tensor, second: Tensor, match: MatchSettings, stride: int
) -> Tensor:
    """Smooth L1 between the second slice and its copy from the first (Sli2Vol, equations 1 and 2).

    `first` and `second` are (n, 1, h, w) in 0..1, `key` and `query` their features. Intensities are stretched by
    four, so that the loss is linear beyond a quarter of the range.
    """
    rebuilt = copy_maps(query, key, first, match, stride)
    return F.smooth_l1_loss(4 * rebuilt, 4 * at_copied_resolution(second, stride))


def mask_loss(query: Tensor, key: Tensor, first: Tensor, second: Tensor, match: MatchSettings, stride: int) -> Tensor:
    """Cross-entropy between the second slice's labels and the first's, copied.

    `first` and `second` are (n, labels + 1, h, w) one-hot with the background last.
    """
    copied = copy_maps(query, key, first, match, stride)
    return -(second * copied.clamp(1e-3, 1).log()).sum(1).mean()


def one_hot(labels: Tensor, count: int) -> Tensor:
    """(n, h, w) labels 0..count -> (n, count + 1, h, w), the background last."""
    return with_background(F.one_hot(labels, count + 1)[..., 1:].permute(0, 3, 1, 2).float())


def at_copied_resolution(images: Tensor, stride: int) -> Tensor:
    """What a copy at 1 / stride of the resolution can at best rebuild."""
    if stride == 1:
        return images
    return F.interpolate(F.avg_pool2d(images, stride), images.shape[-2:], mode="bilinear", align_corners=False)
