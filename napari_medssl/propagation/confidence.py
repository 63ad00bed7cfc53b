"""How far a propagated slice can be trusted, from signals at hand.

Two signals rank slices best, of those tried (docs/benchmarks.md): how much of each mask had to be mended on the way,
which adds up, and how sure the refiner is of the slice itself.
"""

from torch import Tensor

# These bring the signals to the scale of the Dice that they stand for; fitted on phantoms, not on real scans
# (tests/benchmarks/confidence.py). They do not change the slices' order.
POWER = 0.2
_POWER_OF_COPYING = 0.35
_CERTAINTY = 5.0  # weight of the slice's own certainty against the way that led to it


def confidence(agreements: float, certainty: float | None = None) -> float:
    """Confidence of a slice, 0..1.

    Parameters
    ----------
    agreements : product of the agreements of all steps since the drawn slice; errors add up along the way
    certainty : the refiner's of the slice itself, 0..1; None where copying is all
    """
    if certainty is None:
        return float(agreements**_POWER_OF_COPYING)
    return float((agreements * certainty**_CERTAINTY) ** POWER)


def agreement(first: Tensor, second: Tensor) -> float:
    """Soft Dice of two maps in 0..1, both 2D: the sum of the smaller values over half of that of all.

    Between a refined mask and the copied one it tells how much had to be mended; between a refined mask's strengths and
    the mask itself, how sure the refiner was; between a mask and its copy that went to the next slice and came back,
    whether a step has lost the structure.
    """
    overlap = 2 * float(first.minimum(second).sum())
    total = float(first.sum() + second.sum())
    return overlap / total if total > 0 else 0.0
