"""The network: a 3D U-Net of MONAI's blocks, whose kernels and strides a plan sets level by level."""

from __future__ import annotations

from collections.abc import Callable

from monai.networks.blocks.dynunet_block import UnetBasicBlock, UnetUpBlock
from torch import Tensor, nn

from napari_medssl.segmentation.plan import Plan

_NORM = ("instance", {"affine": True})  # patches are few and large: statistics of a batch would say little


class UNet(nn.Module):
    """(n, 1, z, y, x) scaled grey values -> (n, outputs, z, y, x) logits. Sides are multiples of all strides."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        widths = [1, *plan.channels]
        self.down = nn.ModuleList(
            UnetBasicBlock(3, widths[i], widths[i + 1], plan.kernels[i], plan.strides[i], _NORM)
            for i in range(len(plan.channels))
        )
        self.up = nn.ModuleList(
            UnetUpBlock(3, plan.channels[i], plan.channels[i - 1], plan.kernels[i - 1], 1, plan.strides[i], _NORM)
            for i in range(len(plan.channels) - 1, 0, -1)
        )
        self.head = nn.Conv3d(plan.channels[0], plan.outputs, 1)

    def forward(self, x: Tensor, pause: Callable[[], None] = lambda: None) -> Tensor:
        """`pause` is called between blocks, and may raise to stop a long computation."""
        kept = []
        for block in self.down:
            pause()
            x = block(x)
            kept.append(x)
        for block, skip in zip(self.up, reversed(kept[:-1]), strict=True):
            pause()
            x = block(x, skip)
        pause()
        logits: Tensor = self.head(x)
        return logits
