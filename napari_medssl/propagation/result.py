"""What propagation hands out: one slice at a time while it runs, and the whole at the end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SliceResult:
    """One finished slice. A later result for the same index replaces the earlier one.

    Attributes
    ----------
    index : slice index along the propagation axis
    labels : the slice's labels, 2D, of the seeds' dtype
    confidence : {label: 0..1}; labels that did not reach this slice are absent
    done, total : slices finished so far and slices to do in all (for progress and the time left)
    """

    index: int
    labels: NDArray[np.integer]
    confidence: dict[int, float]
    done: int
    total: int


@dataclass(frozen=True)
class Propagation:
    """A finished (or cancelled) propagation.

    Attributes
    ----------
    labels : (z, y, x), shape and dtype of the seeds
    confidence : {label: (slices,) float} in 0..1, 1 at seed slices, nan where the label was not reached
    seconds : wall time
    complete : False when it was cancelled before the last slice; what was done is in `labels`
    """

    labels: NDArray[np.integer]
    confidence: dict[int, NDArray[np.float64]]
    seconds: float
    complete: bool = True
