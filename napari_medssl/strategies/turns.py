"""Flips and right-angle rotations of a cube, forwards and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class Turn:
    """One of the 48 ways a cube lies on itself: its axes are taken in another order, then some are mirrored.

    Attributes
    ----------
    axes : the old axis that each new one is
    mirrored : whether each new axis runs backwards
    """

    axes: tuple[int, int, int] = (0, 1, 2)
    mirrored: tuple[bool, bool, bool] = (False, False, False)

    def apply(self, volume: Tensor) -> Tensor:
        """Turn the last three axes (z, y, x)."""
        lead = volume.ndim - 3
        turned = volume.permute(*range(lead), *(lead + axis for axis in self.axes))
        flips = [lead + axis for axis, backwards in enumerate(self.mirrored) if backwards]
        return turned.flip(flips) if flips else turned

    def undo(self, volume: Tensor) -> Tensor:
        """Turn the last three axes back."""
        return self.inverse.apply(volume)

    @property
    def inverse(self) -> Turn:
        order = sorted(range(3), key=lambda axis: self.axes[axis])
        axes = (order[0], order[1], order[2])
        z, y, x = (self.mirrored[axis] for axis in axes)
        return Turn(axes, (z, y, x))


TURNS: tuple[Turn, ...] = tuple(
    Turn((a, b, c), (m, n, o)) for a, b, c in permutations(range(3)) for m, n, o in product((False, True), repeat=3)
)  # the first one leaves a cube as it is


def draw_turns(rng: np.random.Generator, count: int) -> list[int]:
    """Numbers of `count` turns, all different up to 48."""
    drawn: list[int] = []
    while len(drawn) < count:
        drawn += [int(number) for number in rng.permutation(len(TURNS))[: count - len(drawn)]]
    return drawn


def turned(numbers: Sequence[int]) -> list[Turn]:
    """The turns of these numbers."""
    return [TURNS[number] for number in numbers]
