"""How much two segmentations overlap, and how large one is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import nan, prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medssl.metrics.masks import Labels, as_labels, as_mask, as_pair, as_spacing

_SMALL_LABEL = 1024  # up to here a table of label pairs is counted, which takes one pass for all labels


def dice(prediction: ArrayLike, truth: ArrayLike, label: int | None = None) -> float:
    """Dice's coefficient ``2 |P and T| / (|P| + |T|)``: 0 apart, 1 equal.

    Parameters
    ----------
    prediction, truth : arrays of one shape, booleans or labels
    label : the label to compare; None takes everything that is not 0

    Returns
    -------
    float
        nan when both are empty: there is nothing to agree on, and the case must not lift a mean.

    Raises
    ------
    BadInput
        The shapes differ, or an array does not hold labels.

    References
    ----------
    L. R. Dice, Measures of the amount of ecologic association between species, Ecology 26 (1945).
    """
    p, t = (as_mask(labels, label) for labels in as_pair(prediction, truth))
    return _ratio(int(np.count_nonzero(p & t)), int(np.count_nonzero(p)), int(np.count_nonzero(t)))


def dice_per_label(prediction: ArrayLike, truth: ArrayLike, labels: Iterable[int] | None = None) -> dict[int, float]:
    """Dice's coefficient of each of `labels`, or of each label that occurs in either array (0 left out)."""
    return {
        label: _ratio(both, predicted, true)
        for label, (both, predicted, true) in overlap_counts(prediction, truth, labels).items()
    }


def volume_ml(mask: ArrayLike, *, spacing: Sequence[float], label: int | None = None) -> float:
    """Volume in millilitres of `label` (None: of all that is not 0); `spacing` is in mm in array order."""
    labels = as_labels(mask, "mask")
    return int(np.count_nonzero(as_mask(labels, label))) * prod(as_spacing(spacing, labels.ndim)) / 1000


def overlap_counts(
    prediction: ArrayLike, truth: ArrayLike, labels: Iterable[int] | None = None
) -> dict[int, tuple[int, int, int]]:
    """{label: (voxels in both, in the prediction, in the truth)}, labels in rising order."""
    p, t = as_pair(prediction, truth)
    if p.size and min(p.min(), t.min()) >= 0 and max(p.max(), t.max()) < _SMALL_LABEL:
        table = _pair_table(p, t)
        predicted, true, both = table.sum(1), table.sum(0), table.diagonal()
        wanted = sorted(labels) if labels is not None else [int(i) for i in np.flatnonzero(predicted + true) if i]
        inside = {i for i in wanted if 0 <= i < len(both)}
        return {i: (int(both[i]), int(predicted[i]), int(true[i])) if i in inside else (0, 0, 0) for i in wanted}
    wanted = sorted(labels) if labels is not None else sorted({*np.unique(p).tolist(), *np.unique(t).tolist()} - {0})
    return {
        i: (int(np.count_nonzero((p == i) & (t == i))), int(np.count_nonzero(p == i)), int(np.count_nonzero(t == i)))
        for i in map(int, wanted)
    }


def _pair_table(p: Labels, t: Labels) -> NDArray[np.int64]:
    """(n, n) counts of voxels by predicted (row) and true (column) label; slice by slice, to stay small in memory."""
    n = int(max(p.max(), t.max())) + 1
    counts = np.zeros(n * n, dtype=np.int64)
    for p_slice, t_slice in zip(np.atleast_2d(p), np.atleast_2d(t), strict=True):
        pairs = p_slice.astype(np.int32) * n + t_slice
        counts += np.bincount(pairs.ravel(), minlength=n * n)
    return counts.reshape(n, n)


def _ratio(both: int, predicted: int, true: int) -> float:
    return 2 * both / (predicted + true) if predicted + true else nan
