"""The networks that turn a slice's edge profile into the features that are matched."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from napari_medssl.propagation.edges import edge_profile
from napari_medssl.propagation.refiner import Refiner


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with batch normalisation and a shortcut (ResNet's basic block)."""

    def __init__(self, inputs: int, outputs: int, *, dilation: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=dilation, dilation=dilation, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(hidden)) + self.shortcut(x))


class PaperEncoder(nn.Module):
    """Sli2Vol's network as published: a ResNet-18 in which no layer strides, of 811,168 parameters.

    A 7 x 7 stem to 16 channels, four stages of two blocks with 16, 32, 64 and 128 channels, a 3 x 3 convolution to 64.
    (batch, 1, H, W) intensities in 0..1 become (batch, 64, H, W) features.
    """

    stride = 1

    def __init__(self, features: int = 64) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(48, 16, 7, padding=3, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        widths = (16, 16, 32, 64, 128)
        self.stages = nn.Sequential(
            *[
                nn.Sequential(ResidualBlock(inputs, outputs), ResidualBlock(outputs, outputs))
                for inputs, outputs in itertools.pairwise(widths)
            ]
        )
        self.head = nn.Conv2d(widths[-1], features, 3, padding=1)

    def forward(self, slices: Tensor) -> Tensor:
        features: Tensor = self.head(self.stages(self.stem(edge_profile(slices))))
        return features


class StridedEncoder(nn.Module):
    """A quicker encoder at half resolution, with dilated blocks for context.

    (batch, 1, H, W) intensities in 0..1 become (batch, features, H / 2, W / 2); H and W must be even.

    Attributes
    ----------
    refiner : corrects the masks that these features copied; None where copying is all
    """

    stride = 2
    may_be_new = ("refiner.",)  # weights from before there was one are as good a start

    def __init__(
        self, features: int = 64, width: int = 64, edge_scale: float = 255.0, *, refined: bool = False
    ) -> None:
        super().__init__()
        self.edge_scale = edge_scale
        self.stem = nn.Sequential(
            nn.Conv2d(48, width, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.blocks = nn.Sequential(*[ResidualBlock(width, width, dilation=d) for d in (1, 2, 4)])
        self.head = nn.Conv2d(width, features, 3, padding=1)
        self.refiner = Refiner(features) if refined else None
        self._kept = False

    def keep_features(self) -> None:
        """Let training change nothing but the refiner."""
        self._kept = True
        for part in (self.stem, self.blocks, self.head):
            part.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> StridedEncoder:
        super().train(mode)
        if self._kept:  # the normalisation's statistics stay, too
            for part in (self.stem, self.blocks, self.head):
                part.eval()
        return self

    def forward(self, slices: Tensor, then: Callable[[Tensor], Any] | None = None) -> Any:
        """The features; with `then`, what it makes of them. A wrapped network is to be called once a step, so that what
        follows on the features (the refiner) has to happen in that call."""
        features: Tensor = self.head(self.blocks(self.stem(edge_profile(slices, scale=self.edge_scale))))
        return features if then is None else then(features)
