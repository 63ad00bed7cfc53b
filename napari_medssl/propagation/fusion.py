"""What a slice between two drawn slices becomes: both sweeps and the interpolated shape, weighted by trust."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from napari_medssl.propagation.hints import Hints
from napari_medssl.propagation.interpolation import ShapeBetween
from napari_medssl.propagation.patch import Patch, fuse, overlap
from napari_medssl.propagation.seeds import Drawn
from napari_medssl.propagation.sweep import SweptSlice

# Chosen on slices of four collections (docs/annotation-effort.md): how sharply weights fall with the expected error,
# the error that a sweep and a shape have even where nothing speaks against them, how much of the change between two
# drawn slices the shape is taken to miss halfway, and the softness of its edge as a share of its radius.
_POWER = 6
_SWEEP_ERROR, _SHAPE_ERROR = 0.1, 0.01
_MISSED = 0.6
_SAME = 0.97  # Dice of the two sweeps from which on they are trusted as far
_EDGE = 0.35
_HALF = 0.5  # nearness of a shape, which knows both drawn slices


@dataclass(frozen=True)
class Voice:
    """What one of the three says of a label: where it is, how far that is trusted (0..1), how near (0..1) the drawn
    slice is that it comes from, and its weight.
    """

    patch: Patch
    trust: float
    nearness: float
    weight: float


class Fusion:
    """Fuses the sweeps of a group of labels between drawn slices.

    Parameters
    ----------
    drawn : {label: {slice index: mask}}
    spacing : mm per row and per column
    hints : where there is one, the sweeps have followed it and the interpolated shape knows nothing of it
    """

    def __init__(self, drawn: Drawn, spacing: Sequence[float], hints: Hints | None = None) -> None:
        self.drawn, self.spacing, self.hints = drawn, spacing, hints or Hints()
        self._shapes: dict[int, tuple[int, int, ShapeBetween]] = {}  # of the gap that is being worked on

    def __call__(self, index: int, ahead: SweptSlice | None, back: SweptSlice | None) -> SweptSlice | None:
        """Slice `index` from the forward sweep (`ahead`) and the backward one, None where they did not reach it.

        A label that lies between two drawn slices is fused. Any other stays as the sweep that brought it has it, and so
        does a drawn one. None when there is nothing to tell.
        """
        patches: dict[int, Patch] = {}
        confidence: dict[int, float] = {}
        for swept in (ahead, back):
            if swept is not None:
                patches.update(swept.patches)
                confidence.update(swept.confidence)
        for label in self.drawn:
            ends = self.ends(label, index)
            if ends is None:
                continue
            voices = list(self._voices(label, index, ends, ahead, back))
            total = sum(voice.weight for voice in voices)
            patches[label] = fuse([(voice.patch, voice.weight / total) for voice in voices])
            trust = sum(voice.trust * voice.weight for voice in voices) / total
            # The geometric mean follows the true Dice better than either: trust alone misses that the three differ.
            confidence[label] = float(np.sqrt(trust * consent(patches[label], voices)))
        return SweptSlice(index, patches, confidence) if patches else None

    def ends(self, label: int, index: int) -> tuple[int, int] | None:
        """The drawn slices that a slice lies between; None where it is drawn itself or an end is missing or a stop."""
        masks = self.drawn[label]
        if index in masks:
            return None
        before, after = [i for i in masks if i < index], [i for i in masks if i > index]
        if not before or not after:
            return None
        ends = max(before), min(after)
        return ends if all(masks[end].any() for end in ends) else None

    def _voices(
        self, label: int, index: int, ends: tuple[int, int], ahead: SweptSlice | None, back: SweptSlice | None
    ) -> Iterator[Voice]:
        part = (index - ends[0]) / (ends[1] - ends[0])
        came = [
            (swept.patches[label], swept.confidence[label], nearness)
            for swept, nearness in ((ahead, 1 - part), (back, part))
            if swept is not None and label in swept.patches
        ]
        # Two sweeps from either side that are all but the same are hardly both wrong in the same way.
        sure = len(came) == 2 and overlap(came[0][0], came[1][0]) >= _SAME
        for patch, trust, nearness in came:
            trust = max(trust, _SAME) if sure else trust
            yield Voice(patch, trust, nearness, nearness * weight(trust, 0.0 if sure else _SWEEP_ERROR))
        if came and self.hints.on(label, index) is not None:
            return
        shape = self._shape(label, ends)
        trust = shape_trust(shape.likeness, part)
        yield Voice(shape_patch(shape, part), trust, _HALF, _HALF * weight(trust))

    def _shape(self, label: int, ends: tuple[int, int]) -> ShapeBetween:
        known = self._shapes.get(label)
        if known is None or known[:2] != ends:
            masks = self.drawn[label]
            known = (*ends, ShapeBetween(masks[ends[0]], masks[ends[1]], self.spacing))
            self._shapes[label] = known
        return known[2]


def consent(fused: Patch, voices: Sequence[Voice]) -> float:
    """How far the three agree with what came of them, 0..1: the mean of their Dice, the nearer ones counting more.

    A sweep that did not come counts as one that does not agree.
    """
    return sum(voice.nearness * overlap(fused, voice.patch) for voice in voices) / (1 + _HALF)


def weight(trust: float, least_error: float = 0.0) -> float:
    """Weight of a voice trusted so far: the better ones count far more, so that a poor one cannot spoil a good one."""
    return max(1 - trust + least_error, 1e-3) ** -_POWER


def shape_trust(likeness: float, part: float) -> float:
    """How far a shape is trusted, 0..1: less where the drawn masks differ, and least halfway between them."""
    return 1 - _SHAPE_ERROR - _MISSED * (1 - likeness) * 4 * part * (1 - part)


def shape_patch(shape: ShapeBetween, part: float) -> Patch:
    """The interpolated shape as a patch with a soft edge, so that it can be outvoted there first."""
    box, distances = shape.distances(part)
    edge = max(min(shape.spacing), _EDGE * shape.radius(part))
    return Patch.from_strength(box, np.clip(0.5 + distances / (2 * edge), 0, 1))
