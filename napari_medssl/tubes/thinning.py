"""A mask thinned to its centre line, from the wall inwards, without changing how it hangs together.

Voxels are removed in the order of their distance to the wall, in mm, so that what stays lies in the middle also where
slices are thick. One is removed only where that neither cuts nor joins anything ("simple") and where it is not the end
of a line.

References
----------
C. Pudney, Distance-ordered homotopic thinning, Computer Vision and Image Understanding 72 (1998).
G. Bertrand, G. Malandain, A new characterization of three-dimensional simple points, Pattern Recognition Letters 15
(1994).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Codes = NDArray[np.uint32]
Indices = NDArray[np.intp]

# A voxel's 3 x 3 x 3 surroundings as 27 bits, bit 9 z + 3 y + x; the voxel itself is bit 13.
_CUBE = np.indices((3, 3, 3)).reshape(3, -1)
_WAY = np.abs(_CUBE - 1).sum(0)


def _bits(chosen: NDArray[np.bool_]) -> int:
    return sum(1 << int(bit) for bit in np.flatnonzero(chosen))


_AROUND = _bits(_WAY > 0)
_NEAR = _bits((_WAY > 0) & (_WAY < 3))  # the 18 that share a face or an edge
_FACES = _bits(_WAY == 1)
# For each axis: how far a step shifts the bits, and which bits may be reached by a step up and by a step down.
_STEPS = tuple((9 // 3**axis, _bits(_CUBE[axis] > 0), _bits(_CUBE[axis] < 2)) for axis in range(3))
_LOW = (1 << 13) - 1  # the bits before the voxel's own
_UNKNOWN, _STAYS, _GOES = 0, 1, 2
_FEW = 6  # codes that are quicker looked into one by one


def thin(mask: Mask, depth: NDArray[np.floating], step: float) -> Mask:
    """The centre line of a mask.

    Parameters
    ----------
    mask : (z, y, x)
    depth : (z, y, x) distance of each voxel to the wall; the small ones go first
    step : voxels whose depth differs by less go in the same round

    Returns
    -------
    (z, y, x) booleans: a part of `mask` with as many pieces (26 neighbours), tunnels and holes
    """
    solid = np.pad(mask, 1).astype(np.uint8)
    inside = np.flatnonzero(mask)
    if not len(inside):
        return mask.copy()
    places = _padded(inside, mask.shape)
    level = np.zeros(solid.size, np.int32)
    level[places] = np.floor(depth.reshape(-1)[inside] / step).astype(np.int32)
    order = places[np.argsort(level[places], kind="stable")]
    peeling = _Peeling(solid, level)
    starts = np.flatnonzero(np.diff(level[order], prepend=-1))
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        peeling.peel(order[start:end])
    return solid[1:-1, 1:-1, 1:-1].astype(bool)


class _Peeling:
    """A mask while voxels are taken from it, and what is known about surroundings: most are met again and again."""

    def __init__(self, solid: NDArray[np.uint8], level: NDArray[np.int32]) -> None:
        self._flat = solid.reshape(-1)
        self._level = level
        self._shape = solid.shape
        self._offsets = _offsets(solid.shape)
        self._known = np.zeros(1 << 26, np.uint8)  # memory is taken only where something is written

    def peel(self, first: Indices) -> None:
        """Remove what can go among `first`, then among the neighbours of what went, up to the level of `first`."""
        now = self._level[first[0]]
        candidates = first
        while len(candidates):
            gone = [removed for part in _apart(candidates, self._shape) if len(removed := self._remove(part))]
            if not gone:
                return
            near = (np.concatenate(gone)[:, None] + self._offsets).ravel()
            near = near[self._flat[near] > 0]
            candidates = np.unique(near[self._level[near] <= now])

    def _remove(self, places: Indices) -> Indices:
        codes = _codes(self._flat, places, self._offsets)
        # The end of a line has a single neighbour; a voxel with six face neighbours is no border.
        maybe = ((codes & (codes - np.uint32(1))) != 0) & ((codes & _FACES) != _FACES)
        places, codes = places[maybe], codes[maybe]
        going = places[self._go(codes)]
        self._flat[going] = 0
        return going

    def _go(self, codes: Codes) -> NDArray[np.bool_]:
        keys = (codes & _LOW) | ((codes >> 1) & ~np.uint32(_LOW))  # without the voxel's own bit
        known = self._known[keys]
        new = np.flatnonzero(known == _UNKNOWN)
        if len(new):
            asked = codes[new]
            found = [is_simple(code) for code in asked.tolist()] if len(new) <= _FEW else is_simple(asked)
            known[new] = self._known[keys[new]] = np.where(found, _GOES, _STAYS)
        simple: NDArray[np.bool_] = known == _GOES
        return simple


@overload
def is_simple(codes: int) -> bool: ...
@overload
def is_simple(codes: Codes) -> NDArray[np.bool_]: ...
def is_simple(codes: int | Codes) -> bool | NDArray[np.bool_]:
    """Whether removing a voxel keeps pieces (26 neighbours), tunnels and holes (6 neighbours) as they are.

    `codes` are the surroundings of a voxel, or of several, in 27 bits; the voxel's own bit is left out of account.
    """
    solid: Any = codes & _AROUND
    one_piece = (solid != 0) & (_filled(_lowest(solid), solid, diagonal=True) == solid)
    empty: Any = ~codes & _NEAR
    doors = empty & _FACES
    simple: bool | NDArray[np.bool_] = (
        one_piece & (doors != 0) & ((_filled(_lowest(doors), empty, diagonal=False) & _FACES) == doors)
    )
    return simple


def _filled(seeds: Any, within: Any, *, diagonal: bool) -> Any:
    """All bits of `within` that can be reached from the seeds, by faces or also over edges and corners."""
    reached = seeds
    while True:
        wider = reached
        for shift, up, down in _STEPS:
            wider = wider | ((wider << shift) & up) | ((wider >> shift) & down)
            if not diagonal:  # a step along one axis must end within before one along the next
                wider = wider & within
        wider = wider & within
        if np.array_equal(wider, reached) if isinstance(wider, np.ndarray) else wider == reached:
            return reached
        reached = wider


def _lowest(codes: Any) -> Any:
    return codes & (~codes + 1)


def _codes(flat: NDArray[np.uint8], places: Indices, offsets: Indices) -> Codes:
    around = np.zeros((len(places), 32), np.uint8)
    around[:, :27] = flat[places[:, None] + offsets]
    around[:, 13] = 0
    packed: Codes = np.packbits(around, axis=1, bitorder="little").view("<u4")[:, 0].astype(np.uint32)
    return packed


def _apart(places: Indices, shape: tuple[int, ...]) -> Iterator[Indices]:
    """The places in eight groups without neighbours in a group: what is true of one stays true while others go."""
    z, y, x = np.unravel_index(places, shape)
    group = (z & 1) * 4 + (y & 1) * 2 + (x & 1)
    for number in range(8):
        part = places[group == number]
        if len(part):
            yield part


def _padded(inside: Indices, shape: tuple[int, ...]) -> Indices:
    larger = tuple(size + 2 for size in shape)
    return np.ravel_multi_index(tuple(c + 1 for c in np.unravel_index(inside, shape)), larger).astype(np.intp)


def _offsets(shape: tuple[int, ...]) -> Indices:
    strides = np.array([shape[1] * shape[2], shape[2], 1])
    offsets: Indices = (strides @ (_CUBE - 1)).astype(np.intp)
    return offsets
