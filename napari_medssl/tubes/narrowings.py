"""Places where a tube is narrower than before and behind them: candidates for a stenosis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal

Values = NDArray[np.float64]

_WINDOW = 8.0  # radii to each side in which the tube's usual width is looked for
_VOXELS = 0.75  # a difference below this may come from the voxel grid


@dataclass(frozen=True)
class Narrowing:
    """A local minimum of the radius along a branch.

    Attributes
    ----------
    voxel : (z, y, x)
    radius : here, in the unit of the branch
    usual_radius : the mean of the widest places before and behind it
    percent : how much the diameter is smaller than usual
    """

    voxel: tuple[int, int, int]
    radius: float
    usual_radius: float
    percent: float


def narrowings(
    voxels: NDArray[np.intp], along: Values, radii: Values, *, voxel: float, least_percent: float = 30.0
) -> tuple[Narrowing, ...]:
    """The narrow places of one branch.

    Parameters
    ----------
    voxels : (n, 3) indices along the branch
    along : (n,) way from its start
    radii : (n,) smoothed
    voxel : the finest spacing, in the unit of `along`
    least_percent : smaller reductions of the diameter are left out
    """
    if len(radii) < 5:
        return ()
    found = []
    lows, _ = signal.find_peaks(-radii, prominence=_VOXELS * voxel, plateau_size=1)
    for low in lows.tolist():
        reach = _WINDOW * float(np.median(radii))
        before = radii[(along < along[low]) & (along >= along[low] - reach)]
        behind = radii[(along > along[low]) & (along <= along[low] + reach)]
        if not (before.size and behind.size):  # cut off by forks: there is nothing to compare with
            continue
        usual = (float(before.max()) + float(behind.max())) / 2
        percent = 100 * (1 - float(radii[low]) / usual)
        if percent >= least_percent:
            z, y, x = voxels[low].tolist()
            found.append(Narrowing((z, y, x), float(radii[low]), usual, percent))
    return tuple(found)
