"""Anchors: balls of a few sizes at the middle of every cell of a grid, which a detector scores, moves and resizes.

All in mm in array order (z, y, x), from the middle of the first voxel of the working grid. A nodule is a ball: centre
and diameter, four numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float32]
# Of each level: logits (batch, sizes, d, h, w) and deltas (batch, sizes, 4, d, h, w).
Outputs = Sequence[tuple[Tensor, Tensor]]
_LARGEST_STEP = 3.0  # |log(diameter / size)|; what a network says beyond it is cut off


@dataclass(frozen=True)
class Anchors:
    """Anchors of a few levels, each with cells twice as large as the one before.

    Attributes
    ----------
    sizes_mm : diameters of the anchors of each level
    strides : sides of a cell in voxels of the working grid, by level
    spacing_mm : side of the working grid's cubic voxels
    """

    sizes_mm: tuple[tuple[float, ...], ...]
    strides: tuple[int, ...]
    spacing_mm: float = 1.0

    def map_shapes(self, shape: Sequence[int]) -> list[tuple[int, int, int]]:
        """(d, h, w) of each level for a working grid of `shape`, whose sides are multiples of every stride."""
        if any(side % stride for side in shape for stride in self.strides):
            raise ValueError(f"the sides of {tuple(shape)} are no multiples of the strides {self.strides}")
        return [(shape[0] // s, shape[1] // s, shape[2] // s) for s in self.strides]

    def centres(self, shape: Sequence[int]) -> list[Floats]:
        """Where the anchors of each level stand: (d, h, w, 3) in mm."""
        found = []
        for stride, cells in zip(self.strides, self.map_shapes(shape), strict=True):
            axes = [((np.arange(n) + 0.5) * stride - 0.5) * self.spacing_mm for n in cells]
            found.append(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).astype(np.float32))
        return found

    def flat(self, shape: Sequence[int]) -> tuple[Floats, Floats]:
        """Every anchor in the order of `flatten`: centres (n, 3) and sizes (n,), in mm."""
        centres, sizes = [], []
        for places, diameters in zip(self.centres(shape), self.sizes_mm, strict=True):
            for diameter in diameters:
                centres.append(places.reshape(-1, 3))
                sizes.append(np.full(len(centres[-1]), diameter, dtype=np.float32))
        return np.concatenate(centres), np.concatenate(sizes)

    def decode_above(self, outputs: Outputs, threshold: float) -> tuple[Floats, Floats]:
        """What a network's answer for one sample says, where its score is at least `threshold`.

        Returns
        -------
        balls : (n, 4) z, y, x of the centre and the diameter, in mm
        scores : (n,) 0..1
        """
        logits, deltas = flatten(outputs)
        if len(logits) != 1:
            raise ValueError("the answers for one sample at a time")
        scores = torch.sigmoid(logits[0].float())
        chosen = torch.nonzero(scores >= threshold)[:, 0]
        shape = [side * self.strides[0] for side in outputs[0][0].shape[-3:]]
        centres, sizes = self.flat(shape)
        picked = chosen.cpu().numpy()
        balls = decode(centres[picked], sizes[picked], deltas[0, chosen].float().cpu().numpy())
        return balls, scores[chosen].cpu().numpy()


def encode(centres: NDArray[np.floating], sizes: NDArray[np.floating], balls: NDArray[np.floating]) -> Floats:
    """From an anchor to its ball: (dz, dy, dx) in anchor sizes and log(diameter / size); all (n, ...) -> (n, 4)."""
    moved = (balls[..., :3] - centres) / sizes[..., None]
    larger = np.log(balls[..., 3] / sizes)
    return np.concatenate([moved, larger[..., None]], axis=-1).astype(np.float32)


def decode(centres: NDArray[np.floating], sizes: NDArray[np.floating], deltas: NDArray[np.floating]) -> Floats:
    """From an anchor and what `encode` made back to the ball (n, 4)."""
    middle = centres + deltas[..., :3] * sizes[..., None]
    diameter = sizes * np.exp(np.clip(deltas[..., 3], -_LARGEST_STEP, _LARGEST_STEP))
    return np.concatenate([middle, diameter[..., None]], axis=-1).astype(np.float32)


def flatten(outputs: Outputs) -> tuple[Tensor, Tensor]:
    """The maps of all levels as one row of anchors: logits (batch, n) and deltas (batch, n, 4)."""
    logits = torch.cat([level.flatten(1) for level, _ in outputs], dim=1)
    deltas = torch.cat([level.movedim(2, -1).flatten(1, -2) for _, level in outputs], dim=1)
    return logits, deltas
