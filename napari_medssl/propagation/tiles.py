"""A label volume cut into small boxes, so that keeping it safe costs as much as what has changed."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medssl.propagation.strokes import Where

Labels = NDArray[np.integer]

# Voxels along each axis: a stroke touches few of them, and so does a slice in any plane.
EDGES = (16, 64, 64)


@dataclass(frozen=True)
class Tiles:
    """The boxes that a volume of `shape` (z, y, x) is cut into, numbered from 0; those at its ends may be smaller."""

    shape: tuple[int, int, int]

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many there are along each axis."""
        z, y, x = (-(-n // edge) for n, edge in zip(self.shape, EDGES, strict=True))
        return z, y, x

    def __len__(self) -> int:
        z, y, x = self.counts
        return z * y * x

    def box(self, number: int) -> Where:
        """Where tile `number` lies."""
        _, rows, columns = self.counts
        place = (number // (rows * columns), number // columns % rows, number % columns)
        return tuple(
            slice(i * edge, min((i + 1) * edge, n)) for i, edge, n in zip(place, EDGES, self.shape, strict=True)
        )

    def touched(self, where: Sequence[slice]) -> Iterator[int]:
        """The tiles that a box reaches into."""
        _, rows, columns = self.counts
        ranges = []
        for side, edge, n in zip(where, EDGES, self.shape, strict=True):
            first, end, _ = side.indices(n)
            ranges.append(range(first // edge, -(-end // edge)) if first < end else range(0))
        for z, y, x in itertools.product(*ranges):
            yield (z * rows + y) * columns + x


def pack(tile: Labels | None) -> tuple[str, bytes]:
    """(number type, bytes) of a tile for `unpack`; None stands for one that holds nothing."""
    if tile is None:
        return "", b""
    small = tile.astype(np.min_scalar_type(int(tile.max()))) if tile.min() >= 0 else tile
    return small.dtype.newbyteorder("<").str, zlib.compress(np.ascontiguousarray(small).tobytes(), 1)


def unpack(kind: str, content: bytes, shape: Sequence[int]) -> Labels:
    """What `pack` packed, as an array of `shape`."""
    found: Labels = np.frombuffer(zlib.decompress(content), dtype=np.dtype(kind)).reshape(tuple(shape))
    return found


def checksum(tile: Labels) -> int:
    """Tells tiles of one number type apart; quick. Tiles that hold nothing have 0."""
    return zlib.crc32(np.ascontiguousarray(tile).data) if tile.any() else 0
