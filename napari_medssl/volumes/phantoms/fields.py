"""Smooth random fields in millimetres, drawn by name from a seed.

A field hangs in space and not on a voxel grid: the same seed gives the same patient at any spacing, and a block of
the volume can be computed alone.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from napari_medssl.errors import BadInput

Floats = NDArray[np.floating]  # float32 in practice; some steps of numpy lose track of it

# Standard deviation that one axis of a cubic B-spline lattice of unit normals has on average: sqrt(151 / 315).
_AXIS_DEVIATION = float(np.sqrt(151 / 315))


def generator(seed: int, *names: str | int | float) -> np.random.Generator:
    """A random generator that depends on `seed` and `names` only, not on what was drawn before.

    Raises
    ------
    BadInput
        The seed is negative or not a whole number.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise BadInput(f"The seed must be a whole number of at least 0, not {seed!r}.")
    return np.random.default_rng([int(seed), *(zlib.crc32(str(name).encode()) for name in names)])


class SmoothField:
    """A random field of zero mean and about unit deviation: a periodic lattice of normals under cubic B-splines.

    Parameters
    ----------
    rng : where the lattice comes from
    length : distance between lattice points in the units of the coordinates, one number or (z, y, x); structures in
        the field are about twice as wide
    period : lattice points until the field repeats
    """

    def __init__(self, rng: np.random.Generator, length: float | Sequence[float], period: int = 24) -> None:
        self._lengths = np.broadcast_to(np.asarray(length, dtype=float), (3,))
        self._period = period
        normals = rng.standard_normal((period, period, period), dtype=np.float32)
        self._lattice = normals / np.float32(_AXIS_DEVIATION**3)

    def __call__(self, z: ArrayLike, y: ArrayLike, x: ArrayLike) -> Floats:
        """Values on the grid spanned by three coordinate vectors: float32 of shape (len(z), len(y), len(x))."""
        (bz, iz), (by, iy), (bx, ix) = (
            _spline_weights(np.ravel(axis), length, self._period)
            for axis, length in zip((z, y, x), self._lengths, strict=True)
        )
        lattice = self._lattice[np.ix_(iz, iy, ix)]
        rows = (bz @ lattice.reshape(len(iz), -1)).reshape(len(bz), len(iy), len(ix))
        values: Floats = np.matmul(by, rows) @ bx.T
        return values

    def at(self, points: NDArray[np.floating]) -> Floats:
        """Values at points (n, 3) in (z, y, x)."""
        position = (np.asarray(points) / self._lengths).T
        # The lattice holds spline coefficients already, hence no prefilter.
        values: Floats = ndimage.map_coordinates(self._lattice, position, order=3, mode="grid-wrap", prefilter=False)
        return values


def _taps(position: NDArray[np.floating]) -> tuple[NDArray[np.intp], tuple[Floats, ...]]:
    """The lattice cell of each position and the weights of its four neighbours, the first one cell before it."""
    cell = np.floor(position).astype(np.intp)
    t = (position - cell).astype(np.float32)
    weights = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    return cell, tuple(weight / 6 for weight in weights)


def _spline_weights(coords: NDArray[np.floating], length: float, period: int) -> tuple[Floats, NDArray[np.intp]]:
    """Cubic B-spline weights (points, columns) and the lattice index of each column."""
    cell, taps = _taps(coords.astype(float) / length)
    first = int(cell.min()) - 1
    columns = np.arange(first, int(cell.max()) + 3)
    weights = np.zeros((len(coords), len(columns)), dtype=np.float32)
    for offset, tap in enumerate(taps, start=-1):
        weights[np.arange(len(coords)), cell + offset - first] = tap
    return weights, columns % period
