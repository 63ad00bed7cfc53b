"""Training samples for the refiner: a drawn slice and a chain of slices that its structure runs through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from napari_medssl.propagation.learning.appearance import new_greys, stretched, varied, worn
from napari_medssl.propagation.learning.sampling import TrainingVolume, turned_square
from napari_medssl.propagation.region import bounding_box

_TRIES = 200
_ISOTROPIC = 2.0  # volumes less anisotropic than this are also sliced the other two ways
_FEWEST = 4  # slices of a chain, and slices that a structure must reach
_SMALLEST, _WIDEST = 25, 0.35  # pixels of a structure's largest slice, and share of the slice
_OVERRUN = 0.3  # share of the chains that start beyond the structure's end which are kept
_FAR = 0.5  # share of the chains that start further from the drawn slice than a step
_DIVIDED = 0.3  # share of the structures that are cut off where the image shows no edge
_FINEST = 4  # how many pixels the smallest pixel may be blown up to, as in use


@dataclass(frozen=True)
class Source:
    """Volumes with labels to draw chains from, and how often they are chosen against the others."""

    volumes: Sequence[TrainingVolume]
    weight: float
    repainted: float = 0.0  # share of the samples whose greys are drawn anew


@dataclass
class ChainSampler:
    """Draws chains: slice 0 is the drawn one; slices 1, 2, ... lie further and further on one side of it.

    Attributes
    ----------
    sources : to draw from
    length : slices of a chain
    side : side of the square that comes out, in pixels
    across : fewest and most pixels that the structure is resampled to, as shares of the side
    """

    sources: Sequence[Source]
    length: int = 7
    side: int = 112
    across: tuple[float, float] = (0.32, 0.72)
    _areas: dict[tuple[int, int, int], NDArray[np.int64]] = field(default_factory=dict, repr=False)

    def draw(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Images (length, side, side) in 0..1, masks of 0 and 1 of that shape, and a mask (side, side) to start from.

        The start is the mask of slice 1, worn as by a long way. Where the structure has ended by then it is what a
        sweep that has not noticed would still hold: part of the drawn mask.

        Raises
        ------
        ValueError
            No structure that can be followed was found.
        """
        weights = np.array([source.weight if len(source.volumes) else 0 for source in self.sources], dtype=float)
        for _ in range(_TRIES):
            number = int(rng.choice(len(weights), p=weights / weights.sum()))
            source = self.sources[number]
            place = int(rng.integers(len(source.volumes)))
            found = self._chain(source, (number, place), rng)
            if found is not None:
                images, masks = found
                if masks[1].any():
                    return images, masks, worn(masks[1:2, None], rng)[0, 0]
                if rng.random() < _OVERRUN and (left := _left_over(masks[0], rng)).any():
                    return images, masks, left
        raise ValueError("no structure that can be followed was found")

    def _chain(self, source: Source, where: tuple[int, int], rng: np.random.Generator) -> tuple[Tensor, Tensor] | None:
        volume = source.volumes[where[1]]
        assert volume.labels is not None
        isotropic = max(volume.spacing) / min(volume.spacing) < _ISOTROPIC
        axis = int(rng.integers(3)) if isotropic and rng.random() < 0.67 else 0
        label, indices = self._way(self._area(volume, (*where, axis)), volume, rng)
        if not indices:
            return None
        spacing = tuple(s for i, s in enumerate(volume.spacing) if i != axis)
        images, labels = (np.moveaxis(array, axis, 0) for array in (volume.array, volume.labels))
        mask = np.asarray(labels[indices[0]] == label)
        wanted = [label]
        if volume.ragged and rng.random() < 0.25 and (other := _touching(mask, labels[indices[0]])):
            wanted.append(other)
            mask = np.isin(labels[indices[0]], wanted)
        cut = _Cut.around(mask, spacing, self.side, rng.uniform(*np.log(self.side * np.array(self.across))), rng)
        seen = torch.from_numpy(np.stack([images[i][cut.within] for i in indices]).astype(np.float32))[:, None]
        marked = torch.from_numpy(np.stack([labels[i][cut.within] for i in indices]).astype(np.int32))
        if rng.random() < source.repainted:
            seen = new_greys(seen, marked, rng)
        followed = torch.isin(marked, torch.tensor(wanted, dtype=torch.int32))[:, None].float()
        seen, followed = cut.resample(seen), cut.resample(followed, outside="zeros")
        return self._finished(seen, followed, volume.ragged, rng)

    def _finished(
        self, images: Tensor, masks: Tensor, ragged: bool, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor] | None:
        if ragged:
            masks = F.avg_pool2d(F.avg_pool2d(masks, 7, 1, 3), 7, 1, 3)
        masks = (masks > 0.5).float()
        if rng.random() < _DIVIDED:
            masks = _divided(masks, rng)
        core = -F.max_pool2d(-masks[:1], 7, 1, 3)
        if masks[0].sum() < 60:
            return None
        if ragged and core.sum() < 0.25 * masks[0].sum():  # a cobweb
            return None
        scaled = stretched(images, rng)
        return None if scaled is None else (varied(scaled, rng)[:, 0], masks[:, 0])

    def _way(self, areas: NDArray[np.int64], volume: TrainingVolume, rng: np.random.Generator) -> tuple[int, list[int]]:
        """A label, and the slices of a chain through it; no slices where the label drawn will not do."""
        label = int(rng.integers(1, areas.shape[1])) if areas.shape[1] > 1 else 0
        area = areas[:, label]
        extent, largest = int((area > 0).sum()), int(area.max(initial=0))
        pixels = volume.array.size / len(areas)
        if not label or extent < _FEWEST or not _SMALLEST <= largest <= _WIDEST * pixels:
            return label, []
        drawn = int(rng.choice(np.flatnonzero(area >= 0.25 * largest)))
        gap = int(rng.integers(1, max(1, min(4, extent // 6)) + 1))
        # Some chains start further away than a step, as if much had been propagated before.
        start = int(rng.integers(max(1, extent // 2))) if rng.random() < _FAR else 0
        sign = 1 if rng.random() < 0.5 else -1
        indices = [drawn, *(drawn + sign * (start + gap * step) for step in range(self.length - 1))]
        indices = [i for i in indices if 0 <= i < len(areas)]
        if len(indices) < _FEWEST:
            return label, []
        return label, indices + indices[-1:] * (self.length - len(indices))

    def _area(self, volume: TrainingVolume, key: tuple[int, int, int]) -> NDArray[np.int64]:
        """(slices, labels + 1) pixels of each label in each slice along the axis that ends the key."""
        if key not in self._areas:
            labels = np.moveaxis(np.asarray(volume.labels), key[2], 0)
            count = int(labels.max(initial=0)) + 1
            self._areas[key] = np.stack([np.bincount(part.ravel(), minlength=count) for part in labels])
        return self._areas[key]


@dataclass(frozen=True)
class _Cut:
    """A square around a structure, turned and mirrored: a box of the slice and where in it to sample."""

    within: tuple[slice, slice]
    matrix: Tensor
    side: int
    shrink: int  # pixels averaged before sampling, so that nothing aliases

    @classmethod
    def around(
        cls,
        mask: NDArray[np.bool_],
        spacing: Sequence[float],
        side: int,
        log_across: float,
        rng: np.random.Generator,
    ) -> _Cut:
        box = bounding_box(mask)
        sizes = [(box[2 * i + 1] - box[2 * i]) * spacing[i] for i in (0, 1)]
        resolution = max(float(np.sqrt(sizes[0] * sizes[1]) / np.exp(log_across)), min(spacing) / _FINEST)
        centre = [(box[2 * i] + box[2 * i + 1]) / 2 + rng.normal() * 4 * resolution / spacing[i] for i in (0, 1)]
        half = [side * resolution / 2 / s for s in spacing]  # pixels
        # Room for any turn.
        low = [max(0, int(c - 1.45 * h)) for c, h in zip(centre, half, strict=True)]
        high = [min(n, int(c + 1.45 * h) + 2) for c, h, n in zip(centre, half, mask.shape, strict=True)]
        lengths = [high[i] - low[i] for i in (0, 1)]
        place = [2 * (centre[i] - low[i]) / lengths[i] - 1 for i in (0, 1)]
        reach = [2 * half[i] / lengths[i] for i in (0, 1)]  # in units where the box spans -1..1
        matrix = turned_square(place, reach, rng)
        step = 2 * resolution / sum(spacing)
        shrink = 1 if step <= 1.6 else min(max(2, round(step)), 4, *(max(1, n // 2) for n in lengths))
        return cls((slice(low[0], high[0]), slice(low[1], high[1])), matrix, side, shrink)

    def resample(self, maps: Tensor, *, outside: str = "border") -> Tensor:
        """(slices, 1, box height, box width) -> (slices, 1, side, side)"""
        if self.shrink > 1:
            maps = F.avg_pool2d(maps, self.shrink, ceil_mode=True, count_include_pad=False)
        shape = [len(maps), 1, self.side, self.side]
        grid = F.affine_grid(self.matrix[None].expand(len(maps), -1, -1), shape, align_corners=False)
        return F.grid_sample(maps, grid, padding_mode=outside, align_corners=False)


def _touching(mask: NDArray[np.bool_], labels: NDArray[np.integer]) -> int:
    """The label that touches the mask most; 0 where none does."""
    ring = ndimage.binary_dilation(mask) & ~mask
    counts = np.bincount(labels[ring])
    counts[:1] = 0
    return int(counts.argmax()) if counts.any() else 0


def _divided(masks: Tensor, rng: np.random.Generator) -> Tensor:
    """The masks on one side of a plane, as where a person ends a structure that the image does not."""
    side = masks.shape[-1]
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, side), torch.linspace(-1, 1, side), indexing="ij")
    angle, lean = rng.uniform(0, 2 * np.pi), rng.normal() * 0.05
    across = float(np.cos(angle)) * rows + float(np.sin(angle)) * columns
    kept = torch.stack([across + float(lean) * i > 0 for i in range(len(masks))])[:, None].float()
    return masks * kept


def _left_over(mask: Tensor, rng: np.random.Generator) -> Tensor:
    """A piece of a mask (height, width): it shrunk by some pixels and moved a little."""
    shrunk = mask
    for _ in range(int(rng.integers(0, 9))):
        smaller = -F.max_pool2d(-shrunk[None, None], 3, 1, 1)[0, 0]
        if smaller.sum() < 30:
            break
        shrunk = smaller
    row, column = rng.integers(-4, 5, 2).tolist()
    return torch.roll(shrunk, (row, column), (0, 1))
