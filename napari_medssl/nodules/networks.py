"""A small 3D feature pyramid network that scores, moves and resizes anchors, on MONAI's parts.

Of MONAI's RetinaNet only the pyramid is used: its heads normalise over the whole tile, which would make an anchor's
score depend on where a tile was cut, and their four layers at the finest level would take most of the time. Here norms
are over the batch. Every step down halves the grid evenly (voxels 0 and 1 become one), so that cells mirror onto cells.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from monai.networks.blocks.dynunet_block import UnetResBlock
from monai.networks.blocks.feature_pyramid_network import FeaturePyramidNetwork
from torch import Tensor, nn

from napari_medssl.nodules.model import NodulePlan

_NORM = "batch"
_PRIOR = 0.01  # the score that anchors begin with (Lin et al., Focal Loss for Dense Object Detection, ICCV 2017)


class Detector(nn.Module):
    """(b, 1, D, H, W) grey values in 0..1 on the working grid -> logits (b, A, d, h, w) and deltas (b, A, 4, d, h, w)
    of each level, A being the number of its sizes. Sides are multiples of ``plan.multiple``.
    """

    def __init__(self, plan: NodulePlan) -> None:
        super().__init__()
        self.sizes = len(plan.sizes[0])
        widths = plan.widths
        self.stem = nn.Sequential(
            nn.Conv3d(1, widths[0], 4, 2, 1, bias=False), nn.BatchNorm3d(widths[0]), nn.LeakyReLU(0.01, inplace=True),
            UnetResBlock(3, widths[0], widths[0], 3, 1, _NORM),
        )  # fmt: skip
        self.down = nn.ModuleList(UnetResBlock(3, fine, coarse, 3, 1, _NORM) for fine, coarse in pairwise(widths))
        self.pyramid = FeaturePyramidNetwork(3, list(widths[1:]), plan.features)
        for unused in range(len(plan.strides), len(widths) - 1):  # coarser maps only flow into the finer ones
            self.pyramid.layer_blocks[unused] = nn.Identity()
        self.score = _head(plan.features, self.sizes)
        self.place = _head(plan.features, 4 * self.sizes)
        self.levels = len(plan.strides)
        nn.init.constant_(_bias(self.score), -math.log((1 - _PRIOR) / _PRIOR))
        nn.init.zeros_(_bias(self.place))

    def forward(self, x: Tensor, pause: Callable[[], None] = lambda: None) -> list[tuple[Tensor, Tensor]]:
        """`pause` is called between blocks, and may raise to stop a long computation."""
        pause()
        x = self.stem(x)
        found: OrderedDict[str, Tensor] = OrderedDict()
        for level, block in enumerate(self.down):
            pause()
            x = block(F.max_pool3d(x, 2))
            found[str(level)] = x
        pause()
        maps = list(self.pyramid(found).values())[: self.levels]
        pause()
        answers = []
        for features in maps:
            logits, deltas = self.score(features), self.place(features)
            answers.append((logits, deltas.unflatten(1, (self.sizes, 4))))
        return answers


def _head(features: int, outputs: int) -> nn.Sequential:
    last = nn.Conv3d(features, outputs, 1)
    nn.init.normal_(last.weight, std=0.01)
    return nn.Sequential(
        nn.BatchNorm3d(features), nn.LeakyReLU(0.01, inplace=False), nn.Conv3d(features, features, 3, 1, 1, bias=False),
        nn.BatchNorm3d(features), nn.LeakyReLU(0.01, inplace=True), last,
    )  # fmt: skip


def _bias(head: nn.Sequential) -> Tensor:
    last = head[-1]
    assert isinstance(last, nn.Conv3d)
    assert last.bias is not None
    return last.bias


def build_network(plan: NodulePlan) -> nn.Module:
    """The network that a plan asks for, with new weights."""
    network = Detector(plan)
    for parameter in network.parameters():  # as the quickest convolutions on CPUs read them
        if parameter.ndim == 5:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)
    return network
