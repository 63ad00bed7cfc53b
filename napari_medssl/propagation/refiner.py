"""The refiner: corrects a mask that was copied to the next slice, from what that slice shows.

Copying alone adds up its errors from slice to slice. The refiner is a small U-Net that sees the slice, its features,
the copied mask, the slice the mask came from, and how the intensities speak for the structure (see `likelihood`). It is
trained on chains of slices whose masks are known, with its own results as input, so that it learns to mend what it
broke: structures that drift, thin out, split or end. Sli2Vol has no such network; video object segmentation does
(a decoder behind the memory read-out: Oh et al., "Video Object Segmentation using Space-Time Memory Networks", 2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_medssl.propagation.likelihood import log_likelihood_ratio

MAPS = 8
_WIDTHS = (32, 48, 64)
_FROM_FEATURES, _FROM_MAPS = 24, 24
_DEVIATIONS = 4.0
_EVEN = 0.01  # no structure counts as more even than this deviation
_SURE = 0.01  # copied probabilities are kept this far from 0 and 1, so that they can be overruled


@dataclass(frozen=True)
class Evidence:
    """What the refiner looks at beside features and copied mask: each (batch, 1, height, width), intensities in 0..1.

    Attributes
    ----------
    image : the slice to fill
    previous_image, previous_mask : the slice that the mask is copied from
    drawn_image, drawn_mask : the drawn slice that the structure set out from
    """

    image: Tensor
    previous_image: Tensor
    previous_mask: Tensor
    drawn_image: Tensor
    drawn_mask: Tensor

    def maps(self) -> Tensor:
        """(batch, MAPS, height, width): all but the first image as seen in the structure's own range of intensities."""
        here, previous, drawn = self._focused(self.image, self.previous_image, self.drawn_image)
        return torch.cat(
            [
                self.image,
                here,
                previous,
                self.previous_mask,
                drawn,
                self.drawn_mask,
                log_likelihood_ratio(drawn, self.drawn_mask, here),
                log_likelihood_ratio(previous, self.previous_mask, here),
            ],
            dim=1,
        )

    def _focused(self, *images: Tensor) -> list[Tensor]:
        """Images stretched so that the drawn structure's mean is 0.5 and four of its deviations reach 0 and 1.

        Air and bone in view leave the soft tissues of a CT a few grey values; what must be told apart is the structure
        and what resembles it.
        """
        size = self.drawn_mask.sum((2, 3), keepdim=True).clamp(min=1)
        mean = (self.drawn_image * self.drawn_mask).sum((2, 3), keepdim=True) / size
        square = ((self.drawn_image - mean) ** 2 * self.drawn_mask).sum((2, 3), keepdim=True) / size
        reach = _DEVIATIONS * square.sqrt().clamp(min=_EVEN)
        return [((image - mean) / (2 * reach) + 0.5).clamp(0, 1) for image in images]


class Refiner(nn.Module):
    """A U-Net of three levels below the features' half resolution. Its answer is a change of the copied logits."""

    def __init__(self, features: int = 64) -> None:
        super().__init__()
        first, second, third = _WIDTHS
        self.maps = nn.Sequential(
            nn.Conv2d(MAPS, _FROM_MAPS, 4, stride=2, padding=1, bias=False), _norm(_FROM_MAPS), nn.ReLU()
        )
        self.features = nn.Conv2d(features, _FROM_FEATURES, 1)
        self.down1 = _block(_FROM_FEATURES + _FROM_MAPS + 1, first)
        self.down2 = _block(first, second)
        self.down3 = _block(second, third)
        self.bottom = _block(third, third)
        self.up3 = _block(third + third, third)
        self.up2 = _block(third + second, second)
        self.up1 = _block(second + first, first)
        self.change = nn.Conv2d(first, 4, 3, padding=1)  # the four pixels under each feature pixel
        nn.init.zeros_(self.change.weight)
        nn.init.zeros_(self.change.bias)  # type: ignore[arg-type]
        self.trust = nn.Parameter(torch.ones(()))  # in what was copied

    def forward(self, features: Tensor, copied: Tensor, evidence: Tensor) -> Tensor:
        """Logits of the mask.

        Parameters
        ----------
        features : (batch, features, height / 2, width / 2) of the slice to fill
        copied : (batch, 1, height / 2, width / 2) the copied mask, 0..1
        evidence : (batch, MAPS, height, width), `Evidence.maps()`

        Returns
        -------
        (batch, 1, height, width) logits; untrained, those of the copied mask
        """
        level1 = self.down1(torch.cat([self.features(features), self.maps(evidence), copied], 1))
        level2 = self.down2(_halved(level1))
        level3 = self.down3(_halved(level2))
        rising = self.up3(torch.cat([_like(self.bottom(_halved(level3)), level3), level3], 1))
        rising = self.up2(torch.cat([_like(rising, level2), level2], 1))
        rising = self.up1(torch.cat([_like(rising, level1), level1], 1))
        base = F.interpolate(copied, scale_factor=2, mode="bilinear", align_corners=False)
        change: Tensor = F.pixel_shuffle(self.change(rising), 2)
        return self.trust * torch.logit(base.clamp(_SURE, 1 - _SURE)) + change


def compete(probabilities: Tensor) -> Tensor:
    """Labels refined one by one, (batch, labels, h, w), made to share each pixel with each other and the background.

    Odds are compared (the soft aggregation of space-time memory networks): (batch, labels + 1, h, w), summing to 1,
    the background last. A label alone keeps its probabilities.
    """
    odds = (probabilities.clamp(1e-4, 1 - 1e-4)).logit().exp()
    shares = torch.cat([odds, torch.ones_like(odds[:, :1])], dim=1)
    return shares / shares.sum(1, keepdim=True)


def _block(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1, bias=False), _norm(outputs), nn.ReLU()]
    return nn.Sequential(*layers)


def _norm(channels: int) -> nn.Module:
    """Within each sample: the steps of a chain are few and alike, and use is then exactly what was trained."""
    return nn.GroupNorm(8, channels)


def _halved(maps: Tensor) -> Tensor:
    return F.max_pool2d(maps, 2, ceil_mode=True)


def _like(maps: Tensor, other: Tensor) -> Tensor:
    return F.interpolate(maps, other.shape[-2:], mode="bilinear", align_corners=False)
