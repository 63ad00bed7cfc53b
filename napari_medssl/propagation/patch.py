"""How strongly a label claims the pixels of one slice, kept small: a box of bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medssl.metrics import dice
from napari_medssl.propagation.region import Box, bounding_box

_DRAWN = 255  # only what a person drew is this strong
_HALF = 127  # a pixel is the label's where its strength exceeds this


@dataclass(frozen=True)
class Patch:
    """Strength of one label in one slice: 0..255 in a box, 0 outside it; above 127 the label beats the background."""

    box: Box
    strength: NDArray[np.uint8]

    @classmethod
    def from_strength(cls, box: Box, strength: NDArray[np.floating]) -> Patch:
        """From strengths 0..1 in the box, in which 0.5 is the border between label and background."""
        scaled = np.clip(np.ceil(strength * 254.0 - 0.5), 0, _DRAWN - 1)
        return cls(box, scaled.astype(np.uint8))

    @classmethod
    def drawn(cls, mask: NDArray[np.bool_]) -> Patch:
        """A drawn mask, which nothing propagated can override."""
        top, bottom, left, right = box = bounding_box(mask)
        return cls(box, mask[top:bottom, left:right].astype(np.uint8) * _DRAWN)

    @property
    def within(self) -> tuple[slice, slice]:
        return slice(self.box[0], self.box[1]), slice(self.box[2], self.box[3])

    def mask(self, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Where the label beats the background, in a slice of `shape`."""
        full = np.zeros(shape, dtype=bool)
        full[self.within] = self.strength > _HALF
        return full


def fuse(shares: Sequence[tuple[Patch, float]]) -> Patch:
    """The weighted mean of patches; the weights add up to 1."""
    boxes = [patch.box for patch, _ in shares]
    top, left = min(box[0] for box in boxes), min(box[2] for box in boxes)
    bottom, right = max(box[1] for box in boxes), max(box[3] for box in boxes)
    total = np.zeros((bottom - top, right - left), dtype=np.float32)
    for patch, share in shares:
        rows = slice(patch.box[0] - top, patch.box[1] - top)
        columns = slice(patch.box[2] - left, patch.box[3] - left)
        total[rows, columns] += np.float32(share) * patch.strength
    return Patch((top, bottom, left, right), np.clip(np.rint(total), 0, _DRAWN - 1).astype(np.uint8))


def overlap(first: Patch, second: Patch) -> float:
    """Dice of where two patches beat the background; 1 where neither does anywhere."""
    shape = max(first.box[1], second.box[1]), max(first.box[3], second.box[3])
    found = dice(first.mask(shape), second.mask(shape))
    return 1.0 if np.isnan(found) else found


def compose(patches: dict[int, Patch], shape: tuple[int, int], dtype: np.dtype[np.integer]) -> NDArray[np.integer]:
    """The label of each pixel of a slice: the strongest of those that beat the background, 0 where none does."""
    labels = np.zeros(shape, dtype=dtype)
    strongest = np.full(shape, _HALF, dtype=np.uint8)
    for label in sorted(patches):
        patch = patches[label]
        there = strongest[patch.within]
        wins = patch.strength > there
        there[wins] = patch.strength[wins]
        labels[patch.within][wins] = label
    return labels
