"""Training samples for propagation: two slices of one volume, near each other, cut out at a random place and size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Generator, Tensor

from napari_medssl.volumes.phantoms import abdomen, blobs, chest

_TRIES = 20
_ISOTROPIC = 2.0  # volumes less anisotropic than this are also sliced the other two ways
_PHANTOM_SHAPE, _PHANTOM_SPACING = (80, 112, 112), (3.2, 3.2, 3.2)
_MODALITIES: tuple[Literal["ct"], Literal["mr"]] = ("ct", "mr")
_FLATTEST = 0.08  # standard deviation, of 0..1, below which a cut-out shows nothing to match


@dataclass(frozen=True)
class TrainingVolume:
    """A volume to draw slices from: (z, y, x) float32, spacing in mm, and labels where they are known."""

    array: NDArray[np.float32]
    spacing: Sequence[float]
    labels: NDArray[np.uint8] | None = None


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
            labels = torch.from_numpy(_slices(volume.labels, pair, axis).astype(np.float32))[None]
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
        angle = rng.uniform(-np.pi, np.pi) if rng.random() < 0.5 else 0.0
        mirror = -1.0 if rng.random() < 0.5 else 1.0
        half = (cut / spacing[0] / height, cut / spacing[1] / width)  # in units where the slice spans -1..1
        cosine, sine = float(np.cos(angle)), float(np.sin(angle))
        matrix = torch.tensor(
            [
                [mirror * cosine * half[1], -sine * half[1], 2 * column - 1],
                [mirror * sine * half[0], cosine * half[0], 2 * row - 1],
            ],
            dtype=torch.float32,
        )
        return F.affine_grid(matrix[None], [1, 1, self.side, self.side], align_corners=False)

    @staticmethod
    def _sliced_any_way(volume: TrainingVolume, rng: np.random.Generator) -> bool:
        return max(volume.spacing) / min(volume.spacing) < _ISOTROPIC and rng.random() < 0.5


def make_blobs(count: int, shape: tuple[int, int, int], *, seed: int, labels: int) -> list[TrainingVolume]:
    """Random labelled volumes to learn propagation from, since their masks are known on every slice."""
    made = [blobs(shape, seed=seed * 100_003 + index, n_labels=labels) for index in range(count)]
    return [TrainingVolume(image, (1.0, 1.0, 1.0), marked) for image, marked in made]


def make_phantoms(count: int, *, seed: int) -> list[TrainingVolume]:
    """Abdomen and chest phantoms, CT and MR by turns, with the labels of their organs."""
    made = []
    for index in range(count):
        make, modality = (abdomen, chest)[index % 2], _MODALITIES[index // 2 % 2]
        phantom = make(_PHANTOM_SHAPE, _PHANTOM_SPACING, seed=seed * 100_003 + index, modality=modality)
        array = np.asarray(phantom.volume.array, dtype=np.float32)
        made.append(TrainingVolume(array, _PHANTOM_SPACING, phantom.labels))
    return made


def disturb(images: Tensor, random: Generator) -> Tensor:
    """Change gamma, contrast, brightness and noise of each image of a batch (n, 1, h, w) in 0..1, each its own way.

    The network sees the two slices of a pair disturbed differently, so that it cannot match bare intensities.
    """

    def between(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(len(images), 1, 1, 1, generator=random).to(images.device)

    gamma = images.clamp(0, 1) ** torch.exp(between(-0.5, 0.5))
    contrast = (gamma - 0.5) * between(0.6, 1.2) + 0.5 + between(-0.15, 0.15)
    noise = torch.randn(images.shape, generator=random).to(images.device) * between(0, 0.04)
    return (contrast + noise).clamp(0, 1)


def _slices(array: NDArray[Any], indices: list[int], axis: int) -> NDArray[Any]:
    return np.stack([np.take(array, index, axis) for index in indices])


def _sample(taken: Tensor, grid: Tensor, side: int) -> Tensor:
    # A step of more than one and a half pixels would alias; halving first is enough for the sizes that occur.
    step = float((grid[0, 0, 1] - grid[0, 0, 0]).norm()) * max(taken.shape[-2:]) / 2
    if step > 1.6 and min(taken.shape[-2:]) > 2:
        taken = F.avg_pool2d(taken, 2)
    return F.grid_sample(taken, grid, padding_mode="border", align_corners=False)[0]
