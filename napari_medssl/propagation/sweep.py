"""One sweep through the slices in one direction, for a group of labels at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_medssl.propagation.confidence import agreement, confidence
from napari_medssl.propagation.hints import Hints, SliceHints
from napari_medssl.propagation.obeying import obey
from napari_medssl.propagation.patch import Patch
from napari_medssl.propagation.region import Region, region_around, still_inside
from napari_medssl.propagation.seeds import Drawn, Mask
from napari_medssl.propagation.slices import Features
from napari_medssl.propagation.step import Slice, harden, relative_strength, step, with_background
from napari_medssl.propagation.verification import Verification, Verifier

_VERIFIED = 0.6  # strength of a pixel that verification says belongs to a label, if matching says less
_REVIVED = 0.5  # agreement of a label that goes on from a hint after its sweep had ended


@dataclass(frozen=True)
class SweptSlice:
    """What a sweep says of one slice: a patch and a confidence for each label that reached it."""

    index: int
    patches: dict[int, Patch]
    confidence: dict[int, float]


class Sweep:
    """Carries the labels of a group from slice to slice in one direction, starting anew at each drawn slice.

    Masks are passed on hard (every pixel belongs to one label or none): passed on soft, they blur away within a few
    slices.
    """

    def __init__(
        self,
        features: Features,
        drawn: Drawn,
        *,
        resolution: float | None,
        verification: Verification = "none",
        hints: Hints | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        self.features, self.drawn, self.labels = features, drawn, sorted(drawn)
        self.hints = hints or Hints()
        self.resolution, self.cancelled = resolution, cancelled
        # A refiner has weighed the intensities itself: overruling it costs as much as it gains.
        refined = features.model.refiner is not None
        self._verifier = Verifier("none" if refined and verification == "auto" else verification)
        self._set_out: set[int] = set()  # labels that were drawn on the last slice
        self.settings = features.model.settings
        self._region: Region | None = None
        self._masks = torch.empty(0)  # (1, labels, h, w), 0 or 1, in the region
        self._full: dict[int, Mask] = {}  # label -> mask of the whole slice
        self._agreement: dict[int, float] = {}  # label -> product over the steps since it was drawn
        self._certainty: dict[int, float] = {}  # label -> that of the last slice
        self._origins: dict[int, int] = {}  # label -> the drawn slice that it set out from
        self._drawn_there: dict[int, tuple[Tensor, Tensor]] = {}  # label -> image and mask of it, in the region

    def run(self, order: Sequence[int], *, after: int | None = None) -> Iterator[SweptSlice]:
        """Go through the slices in `order` (neighbours); yields each slice that a label reached.

        `after` is the slice at which a sweep stood that was set aside there.
        """
        previous = after
        for index in order:
            patches: dict[int, Patch] = {}
            if previous is not None:
                self._revive(index)
            if any(mask.any() or self._wanted(label, index) is not None for label, mask in self._full.items()):
                assert previous is not None
                patches = self._step(previous, index)
            self._place_seeds(index, patches)
            if patches:
                yield SweptSlice(index, patches, {label: self._confidence(label) for label in patches})
            previous = index

    def _step(self, previous: int, index: int) -> dict[int, Patch]:
        """Carry the masks from slice `previous` to slice `index`."""
        region = self._follow(index)
        hinted = {
            position: found
            for position, label in enumerate(self.labels)
            if label in self._full and (found := self._hints_on(label, index)) is not None
        }
        model = self.features.model
        here, before = Slice(*self.features.get(index, region)), Slice(*self.features.get(previous, region))
        with torch.inference_mode():
            masks = self._masks
            carried = step(model, here, before, masks, self._evidence(region), cancelled=self.cancelled)
            shares = carried.shares.clone()
            hard = harden(shares)
            self._verify(hard, shares, here.image, before.image)
            for position, found in hinted.items():
                drawn = self._drawn(self.labels[position], region)
                obey(found.within(region)[0, 0], position, hard, shares, here.image, drawn)
            if model.refiner is None:  # there and back again
                ways = masks, model.copy(before.features, here.features, with_background(hard)).cpu()
            else:
                ways = hard, harden(carried.copied)
            strengths = relative_strength(shares)
            strength = region.back(strengths)
        hard, patches = hard.clone(), {}  # a tensor of inference mode may not be changed
        for position, label in enumerate(self.labels):
            if label not in self._agreement:
                continue
            if position not in hinted:  # what a person mended says nothing against the steps before
                self._agreement[label] *= agreement(ways[0][0, position], ways[1][0, position])
            if model.refiner is not None:
                self._certainty[label] = agreement(strengths[0, position], hard[0, position])
            patch = Patch.from_strength(region.box, strength[position].numpy())
            self._full[label] = patch.mask(self._full[label].shape)
            if position in hinted:
                hinted[position].apply(self._full[label])
            if self._full[label].any():
                patches[label] = patch
            else:  # the structure has ended here
                del self._full[label], self._agreement[label]
                hard[0, position] = 0
        self._masks = hard
        return patches

    def _evidence(self, region: Region) -> list[tuple[Tensor, Tensor] | None]:
        """For each label that is followed, image and mask of the drawn slice that it set out from."""
        if self.features.model.refiner is None:
            return [None] * len(self.labels)
        return [self._drawn(label, region) if label in self._agreement else None for label in self.labels]

    def _drawn(self, label: int, region: Region) -> tuple[Tensor, Tensor]:
        """Image and mask of the drawn slice that a label set out from."""
        if label not in self._drawn_there:
            origin = self._origins[label]
            mask = (region.take(self.drawn[label][origin]) > 0.5).float()
            self._drawn_there[label] = self.features.image(origin, region), mask
        return self._drawn_there[label]

    def _hints_on(self, label: int, index: int) -> SliceHints | None:
        """The hints for a label on a slice, unless it is drawn there, which says all."""
        return None if index in self.drawn[label] else self.hints.on(label, index)

    def _wanted(self, label: int, index: int) -> Mask | None:
        """Where hints say that the label is on a slice; None where none does."""
        found = self._hints_on(label, index)
        return found.wanted(self._full[label].shape) if found is not None and found.inside.any() else None

    def _revive(self, index: int) -> None:
        """A label whose sweep had ended goes on where a hint says that it is there."""
        for label, origin in self._origins.items():
            if label not in self._full and (found := self._hints_on(label, index)) is not None and found.inside.any():
                self._full[label] = np.zeros_like(self.drawn[label][origin])
                self._agreement[label] = _REVIVED
                self._masks = torch.empty(0)

    def _confidence(self, label: int) -> float:
        if self.features.model.refiner is None:
            return confidence(self._agreement[label])
        return confidence(self._agreement[label], self._certainty.get(label, 1.0))

    def _verify(self, hard: Tensor, shares: Tensor, image: Tensor, previous_image: Tensor) -> None:
        """Verify the hard masks, in place, and bring the shares in line with what was changed."""
        here, before = image[0, 0].numpy(), previous_image[0, 0].numpy()
        for position, label in enumerate(self.labels):
            mask = self._masks[0, position].numpy() > 0
            if label in self._set_out:
                self._verifier.start(label, before, mask)
            propagated = hard[0, position].numpy() > 0
            verified = self._verifier(label, propagated, here, mask, before)
            if verified is propagated:
                continue
            kept = torch.from_numpy(verified) & (hard[0].sum(0) == hard[0, position])  # what no other label holds
            hard[0, position] = kept.float()
            shares[0, position] = torch.where(kept, shares[0, position].clamp(min=_VERIFIED), 0)
            shares[0, -1] = torch.where(kept, shares[0, -1].clamp(max=1 - _VERIFIED), shares[0, -1])

    def _follow(self, index: int) -> Region:
        """The region to work in: the last one while the masks, and what hints add on slice `index`, stay well inside
        it, else a new one around them."""
        wanted = [mask for label in self._full if (mask := self._wanted(label, index)) is not None]
        union = np.logical_or.reduce([*self._full.values(), *wanted])
        spacing = self.features.slices.spacing
        margin = self.settings.margin
        if self._region is None or not still_inside(self._region, union, margin=margin / 2):
            self._region = region_around(
                union, spacing, self.resolution, margin=margin, multiple=self.features.model.stride
            )
            self._masks = torch.empty(0)
            self._drawn_there.clear()
        if not self._masks.numel():
            empty = np.zeros(union.shape, dtype=bool)
            self._masks = harden(
                with_background(
                    torch.cat([self._region.take(self._full.get(label, empty)) for label in self.labels], dim=1)
                )
            )
        return self._region

    def _place_seeds(self, index: int, patches: dict[int, Patch]) -> None:
        """Take over what was drawn on this slice, over whatever was propagated to it."""
        placed = False
        self._set_out.clear()
        for label in self.labels:
            mask = self.drawn[label].get(index)
            if mask is None:
                continue
            placed = True
            patches.pop(label, None)
            self._full.pop(label, None)
            self._agreement.pop(label, None)
            self._certainty.pop(label, None)
            if mask.any():  # an empty one is a stop
                self._set_out.add(label)
                self._origins[label] = index
                self._drawn_there.pop(label, None)
                self._full[label], self._agreement[label] = mask, 1.0
                patches[label] = Patch.drawn(mask)
        if placed:
            drawn_here = np.logical_or.reduce([m[index] for m in self.drawn.values() if index in m])
            for label, mask in self._full.items():
                if index not in self.drawn[label]:
                    self._full[label] = mask & ~drawn_here
            self._masks = torch.empty(0)
