"""A 3D U-Net of MONAI's blocks, with a kernel and a stride for each level, which several tools build on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from monai.networks.blocks.dynunet_block import UnetBasicBlock, UnetUpBlock
from torch import Tensor, nn

Size = int | Sequence[int]


class BlockUNet(nn.Module):
    """(n, inputs, z, y, x) -> (n, outputs, z, y, x). Sides are multiples of all strides.

    Parameters
    ----------
    channels, kernels, strides : of each level, the finest first; its stride is 1
    norm : as MONAI's blocks want it
    """

    def __init__(
        self, inputs: int, outputs: int, channels: Sequence[int], kernels: Sequence[Size], strides: Sequence[Size],
        norm: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        widths = [inputs, *channels]
        self.down = nn.ModuleList(
            UnetBasicBlock(3, widths[i], widths[i + 1], kernels[i], strides[i], norm) for i in range(len(channels))
        )
        self.up = nn.ModuleList(
            UnetUpBlock(3, channels[i], channels[i - 1], kernels[i - 1], 1, strides[i], norm)
            for i in range(len(channels) - 1, 0, -1)
        )
        self.head = nn.Conv3d(channels[0], outputs, 1)

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
        answer: Tensor = self.head(x)
        return answer
