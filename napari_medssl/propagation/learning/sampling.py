"""Training samples for propagation: two slices of one volume, near each other, cut out at a random place and size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

_TRIES = 20
_ISOTROPIC = 2.0  # volumes less anisotropic than this are also sliced the other two ways
_FLATTEST = 0.08  # standard deviation, of 0..1, below which a cut-out shows nothing to match


@dataclass(frozen=True)
class TrainingVolume:
    """A volume to draw slices from: (z, y, x), spacing in mm, and labels where they are known.

    `ragged` labels are regions that an algorithm found, with outlines that want smoothing.
    """

    array: NDArray[Any]
    spacing: Sequence[float]
    labels: NDArray[np.integer] | None = None
    ragged: bool = False


@dataclass(frozen=True)
class PairSampler:
    """Draws pairs of slices.

    Attributes
    ----------
    volumes : to draw from
    side : side of the square that comes out, in pixels
    gaps : fewest and most slices between the two
    cut : smallest and largest side of the square cut out of the slice, in its finer pixels
    """

    volumes: Sequence[TrainingVolume]
    side: int = 96
    gaps: tuple[int, int] = (1, 4)
    cut: tuple[float, float] = (48, 320)

    def draw(self, rng: np.random.Generator) -> tuple[Tensor, Tensor | None]:
        """Two slices (2, side, side) in 0..1, and their labels (2, side, side) where the volume has some."""
        for _ in range(_TRIES):
            volume = self.volumes[int(rng.integers(len(self.volumes)))]
            axis = int(rng.integers(3)) if self._sliced_any_way(volume, rng) else 0
            pair = self._pair(volume.array.shape[axis], rng)
            if pair is None:
                continue
            spacing = [s for i, s in enumerate(volume.spacing) if i != axis]
            taken = torch.from_numpy(_slices(volume.array, pair, axis))[None]
            grid = self._grid(taken.shape[-2:], spacing, rng)
            images = _sample(taken, grid, self.side)
            low, high = np.quantile(images.numpy(), [rng.uniform(0, 0.25), rng.uniform(0.8, 1)])
            if not high - low > 1e-6:
                continue
            images = ((images - float(low)) / float(high - low)).clamp(0, 1)
            if volume.labels is None:
                if images.std() >= _FLATTEST:
                    return images, None
                continue
            labels = torch.from_numpy(_slices(volume.labels, pair, axis))[None]
            marked = F.grid_sample(labels, grid, mode="nearest", padding_mode="border", align_corners=False)[0].long()
            if (marked[0] > 0).float().mean() > 0.01:
                return images, marked
        raise ValueError("no pair of slices that shows anything could be drawn")

    def _pair(self, slices: int, rng: np.random.Generator) -> list[int] | None:
        gap = int(rng.integers(self.gaps[0], self.gaps[1] + 1))
        if slices <= gap:
            return None
        first = int(rng.integers(slices - gap))
        return [first, first + gap] if rng.random() < 0.5 else [first + gap, first]

    def _grid(self, shape: Sequence[int], spacing: Sequence[float], rng: np.random.Generator) -> Tensor:
        """Where to sample: a square at a random place, of random size, turned and mirrored."""
        height, width = shape
        finest = min(spacing)
        largest = max(self.cut[0] + 1, min(self.cut[1], 1.2 * min(shape)))
        cut = float(np.exp(rng.uniform(np.log(self.cut[0]), np.log(largest)))) * finest
        row, column = rng.uniform(0.1, 0.9, 2)
        half = (cut / spacing[0] / height, cut / spacing[1] / width)
        matrix = turned_square((2 * row - 1, 2 * column - 1), half, rng)
        return F.affine_grid(matrix[None], [1, 1, self.side, self.side], align_corners=False)

    @staticmethod
    def _sliced_any_way(volume: TrainingVolume, rng: np.random.Generator) -> bool:
        return max(volume.spacing) / min(volume.spacing) < _ISOTROPIC and rng.random() < 0.5


def turned_square(place: Sequence[float], half: Sequence[float], rng: np.random.Generator) -> Tensor:
    """The matrix (2, 3), for `affine_grid`, that samples a square turned and mirrored at random.

    `place` is its middle and `half` half its side, (row, column) in units where the image spans -1..1.
    """
    angle = rng.uniform(-np.pi, np.pi) if rng.random() < 0.5 else 0.0
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    cosine, sine = float(np.cos(angle)), float(np.sin(angle))
    return torch.tensor(
        [
            [mirror * cosine * half[1], -sine * half[1], place[1]],
            [mirror * sine * half[0], cosine * half[0], place[0]],
        ],
        dtype=torch.float32,
    )


def disturb(images: Tensor, keys: Tensor) -> Tensor:
    """Change gamma, contrast, brightness and noise of each image of a batch (n, 1, h, w) in 0..1, each its own way.

    The network sees the two slices of a pair disturbed differently, so that it cannot match bare intensities.
    `keys` (n,) whole numbers: each image's change is a function of its key.
    """
    randoms = [torch.Generator().manual_seed(int(key)) for key in keys]
    drawn = torch.stack([torch.rand(4, generator=random) for random in randoms]).to(images.device)

    def between(place: int, low: float, high: float) -> Tensor:
        return low + (high - low) * drawn[:, place].view(-1, 1, 1, 1)

    gamma = images.clamp(0, 1) ** torch.exp(between(0, -0.5, 0.5))
    contrast = (gamma - 0.5) * between(1, 0.6, 1.2) + 0.5 + between(2, -0.15, 0.15)
    noise = torch.stack([torch.randn(images.shape[1:], generator=random) for random in randoms]).to(images.device)
    return (contrast + noise * between(3, 0, 0.04)).clamp(0, 1)


def _slices(array: NDArray[Any], indices: list[int], axis: int) -> NDArray[np.float32]:
    # Views, so that of a volume on disk only these slices are read.
    along = np.moveaxis(array, axis, 0)
    return np.stack([np.asarray(along[index], dtype=np.float32) for index in indices])


def _sample(taken: Tensor, grid: Tensor, side: int) -> Tensor:
    # A step of more than one and a half pixels would alias; halving first is enough for the sizes that occur.
    step = float((grid[0, 0, 1] - grid[0, 0, 0]).norm()) * max(taken.shape[-2:]) / 2
    if step > 1.6 and min(taken.shape[-2:]) > 2:
        taken = F.avg_pool2d(taken, 2)
    return F.grid_sample(taken, grid, padding_mode="border", align_corners=False)[0]
