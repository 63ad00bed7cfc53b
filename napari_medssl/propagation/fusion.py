"""What a slice between two drawn slices becomes when both sweeps have reached it."""

from __future__ import annotations

from napari_medssl.propagation.patch import Patch, fuse
from napari_medssl.propagation.seeds import Drawn, Mask
from napari_medssl.propagation.sweep import SweptSlice


def fuse_sweeps(ahead: SweptSlice | None, back: SweptSlice, drawn: Drawn) -> SweptSlice:
    """One slice from what the forward sweep (`ahead`, None where it did not reach) and the backward sweep say of it.

    A label that only one sweep brought stays as that sweep has it, and so does a drawn one.
    """
    if ahead is None:
        return back
    patches: dict[int, Patch] = {**ahead.patches, **back.patches}
    confidence = {**ahead.confidence, **back.confidence}
    for label in ahead.patches.keys() & back.patches.keys():
        if back.index in drawn[label]:
            continue
        share = forward_share(back.index, drawn[label], ahead.confidence[label], back.confidence[label])
        patches[label] = fuse(ahead.patches[label], back.patches[label], share)
        confidence[label] = share * ahead.confidence[label] + (1 - share) * back.confidence[label]
    return SweptSlice(back.index, patches, confidence)


def forward_share(index: int, masks: dict[int, Mask], ahead: float, back: float) -> float:
    """Weight of the forward sweep (0..1): the nearer drawn slice and the surer sweep count more.

    `masks` are the drawn slices of one label by index, with one that is not empty on each side of `index`; `ahead` and
    `back` the confidence of the sweeps.
    """
    with_content = [i for i, mask in masks.items() if mask.any()]
    before = index - max(i for i in with_content if i < index)
    after = min(i for i in with_content if i > index) - index
    toward, away = after * (ahead + 1e-3), before * (back + 1e-3)
    return toward / (toward + away)
