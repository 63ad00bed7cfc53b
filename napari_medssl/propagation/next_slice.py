"""Which slice to look at next: the one whose correction is expected to mend the most."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_ENDING = 1.0  # how many ends are expected on the way through all slices that were reached


def next_slice(
    confidence: Mapping[int, Values],
    areas: Mapping[int, NDArray[np.generic]],
    drawn: Mapping[int, Iterable[int]],
    seen: Iterable[int] = (),
) -> int | None:
    """The slice whose correction is expected to help most, all labels together; None when none is left to look at.

    Parameters
    ----------
    confidence : {label: (slices,)} in 0..1, nan where the label was not reached, as `Propagation.confidence`
    areas : {label: (slices,)} pixels of the label in each slice
    drawn : {label: slices drawn by hand}, stops included
    seen : slices that were looked at and found to be right
    """
    gains = [expected_gain(confidence[label], areas[label], drawn.get(label, ())) for label in confidence]
    if not gains:
        return None
    together = np.sum(gains, axis=0)
    together[list(seen)] = 0
    best = int(together.argmax())
    return best if together[best] > 0 else None


def expected_gain(confidence: Values, areas: NDArray[np.generic], drawn: Iterable[int]) -> Values:
    """Pixels that correcting each slice is expected to mend, in it and around it: (slices,), 0 where nothing is.

    One minus the confidence stands for the share of a slice's pixels that is wrong. A corrected slice is right; beyond
    it, away from the drawn slices, the error begins anew, so that what had built up by then is gone; and a stretch that
    it divides has less error in either part, as the part is shorter. Outside the drawn slices the structure may also
    have ended, the likelier the farther out.
    """
    wrong = np.where(np.isfinite(confidence), 1 - confidence, 0.0).clip(0, 1)
    pixels = np.where(np.isfinite(confidence), areas.astype(float), 0.0)
    bounds = sorted({int(index) for index in drawn})
    wrong[bounds] = 0
    gain = np.zeros(len(wrong))
    if not bounds:
        return wrong * pixels
    for before, after in itertools.pairwise(bounds):
        for index in range(before + 1, after):
            part = (index - before) / (after - before)
            left, right = slice(before + 1, index), slice(index + 1, after)
            gain[index] = (
                wrong[index] * pixels[index]
                + (1 - part) * (wrong[left] * pixels[left]).sum()
                + part * (wrong[right] * pixels[right]).sum()
            )
    ending = min(_ENDING / max(1, int(np.isfinite(confidence).sum())), 1.0)
    # Before the first drawn slice and after the last, from it outwards.
    for ways in (range(bounds[0] - 1, -1, -1), range(bounds[-1] + 1, len(wrong))):
        outwards = list(ways)
        steps = np.arange(1, len(outwards) + 1)
        # The farther out, the likelier that the structure has ended, which confidence hardly tells.
        error, size = 1 - (1 - wrong[outwards]) * (1 - ending) ** steps, pixels[outwards]
        for position, index in enumerate(outwards):
            gain[index] = (
                error[position] * size[position]
                + 0.5 * (error[:position] * size[:position]).sum()
                + (np.minimum(error[position], error[position + 1 :]) * size[position + 1 :]).sum()
            )
    # A slice that is not reached shows nothing to correct.
    gain[~np.isfinite(confidence)] = 0
    gain[bounds] = 0
    return gain
