"""Where the backward sweep meets the forward one between two drawn slices, it need not go on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from napari_medssl.propagation.patch import overlap
from napari_medssl.propagation.seeds import Drawn
from napari_medssl.propagation.sweep import SweptSlice

MET = 0.98  # Dice of every label's two masks from which on both sweeps are taken to go the same way


def until_met(
    ahead: dict[int, SweptSlice], back: Iterable[SweptSlice], leg: range, drawn: Drawn, *, threshold: float = MET
) -> Iterator[SweptSlice]:
    """What the backward sweep says of a leg, ended early where it comes to agree with the forward sweep.

    From there on it would only retrace the forward sweep's steps, so that sweep's masks stand for its own, and the
    agreement of the steps in between, which is the same both ways, goes on lowering its confidence.

    Parameters
    ----------
    ahead : what the forward sweep found, by slice
    back : what the backward sweep finds on the slices of `leg`, in that order; not asked for more than is needed
    """
    for swept in back:
        yield swept
        index = swept.index
        there = ahead.get(index)
        if any(index in masks for masks in drawn.values()) or there is None or not _agree(there, swept, threshold):
            continue
        for later in leg[leg.index(index) + 1 :]:
            if (forward := ahead.get(later)) is None:
                break
            both = forward.patches.keys() & there.patches.keys()
            confidence = {
                label: min(1.0, sure * there.confidence[label] / max(forward.confidence[label], 1e-9))
                for label, sure in swept.confidence.items()
                if label in both
            }
            yield SweptSlice(later, {label: forward.patches[label] for label in both}, confidence)
        return


def _agree(one: SweptSlice, other: SweptSlice, threshold: float) -> bool:
    if one.patches.keys() != other.patches.keys():
        return False
    return all(overlap(patch, other.patches[label]) >= threshold for label, patch in one.patches.items())
