"""Networks with two heads, of MONAI's blocks: is a voxel in a tube, and how far is it from the tube's surface.

Norms are over the batch, so that a voxel's answer does not depend on where a block was cut; they vanish into the
convolutions when the network is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from monai.networks.blocks.dynunet_block import UnetResBlock
from torch import Tensor, nn

from napari_medssl.models.unet import BlockUNet
from napari_medssl.tubes.model import TubePlan

_NORM = "batch"


class TubeUNet(BlockUNet):
    """(n, windows, z, y, x) grey values -> (n, 2 + K, z, y, x): logit of a tube, logits of distance classes 0..K.

    Sides are multiples of ``plan.multiple``.
    """

    def __init__(self, plan: TubePlan) -> None:
        levels = len(plan.widths)
        super().__init__(len(plan.windows), plan.outputs, plan.widths, [3] * levels, [1] + [2] * (levels - 1), _NORM)
        _channels_last(self)

    def forward(self, x: Tensor, pause: Callable[[], None] = lambda: None) -> Tensor:
        return super().forward(x.contiguous(memory_format=torch.channels_last_3d), pause)


class ResidualTubeNet(nn.Module):
    """As `TubeUNet`, with residual blocks, sums in place of concatenations, and supervision at every resolution.

    After ResDSN (Zhu et al., A 3D Coarse-to-Fine Framework for Volumetric Medical Image Segmentation, 3DV 2018). In
    training it returns a list: the answer, and those of the coarser levels, brought to full resolution.
    """

    def __init__(self, plan: TubePlan) -> None:
        super().__init__()
        widths = [len(plan.windows), *plan.widths]
        levels = range(len(plan.widths))
        self.down = nn.ModuleList(
            UnetResBlock(3, widths[i], widths[i + 1], 3, 1 if i == 0 else 2, _NORM) for i in levels
        )
        coarse_to_fine = range(len(plan.widths) - 1, 0, -1)
        self.rise = nn.ModuleList(nn.ConvTranspose3d(plan.widths[i], plan.widths[i - 1], 2, 2) for i in coarse_to_fine)
        self.up = nn.ModuleList(
            UnetResBlock(3, plan.widths[i - 1], plan.widths[i - 1], 3, 1, _NORM) for i in coarse_to_fine
        )
        self.heads = nn.ModuleList(nn.Conv3d(plan.widths[i - 1], plan.outputs, 1) for i in coarse_to_fine)
        _channels_last(self)

    def forward(self, x: Tensor, pause: Callable[[], None] = lambda: None) -> Any:
        x = x.contiguous(memory_format=torch.channels_last_3d)
        size = x.shape[2:]
        kept = []
        for block in self.down:
            pause()
            x = block(x)
            kept.append(x)
        answers: list[Tensor] = []
        for rise, block, skip, head in zip(self.rise, self.up, reversed(kept[:-1]), self.heads, strict=True):
            pause()
            x = block(rise(x) + skip)
            if self.training or skip is kept[0]:
                answers.append(head(x))
        if not self.training:
            return answers[-1]
        return [answers[-1], *(F.interpolate(a, size, mode="trilinear", align_corners=False) for a in answers[:-1])]


def _channels_last(network: nn.Module) -> None:
    """Lay weights out as the quickest convolutions on CPUs read them."""
    for parameter in network.parameters():
        if parameter.ndim == 5:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)


def settle(network: nn.Module) -> None:
    """Let norms in training use what they have gathered, as in use: samples differ far more than scans do inside."""
    for part in network.modules():
        if isinstance(part, nn.BatchNorm3d):
            part.eval()


def build_network(plan: TubePlan) -> nn.Module:
    """The network that a plan asks for, with new weights."""
    return (ResidualTubeNet if plan.architecture == "residual" else TubeUNet)(plan)
