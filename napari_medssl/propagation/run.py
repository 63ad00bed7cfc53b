"""One group of labels, both ways through the volume: two sweeps, fused between drawn slices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from napari_medssl.propagation.fusion import fuse_sweeps
from napari_medssl.propagation.groups import largest
from napari_medssl.propagation.model import PropagationModel
from napari_medssl.propagation.region import region_around, working_resolution
from napari_medssl.propagation.seeds import Drawn
from napari_medssl.propagation.slices import Features, Intensities, Slices
from napari_medssl.propagation.sweep import Sweep, SweptSlice
from napari_medssl.propagation.verification import Verification


@dataclass
class GroupRun:
    """Runs the two sweeps of a group of labels.

    Iterating `run` gives (slice index, patches, confidence) each time a slice is known or known better: the forward
    sweep's slices first, then the backward sweep's, fused with the forward ones where a slice lies between two drawn
    slices of a label.
    """

    slices: Slices
    drawn: Drawn
    model: PropagationModel
    verification: Verification = "auto"
    cancelled: Callable[[], bool] | None = None
    _forward: dict[int, SweptSlice] = field(default_factory=dict, init=False)

    def orders(self, first: int, last: int) -> tuple[range, range]:
        """The slices of the forward and of the backward sweep, each starting at the first drawn slice on its way."""
        with_content = [i for masks in self.drawn.values() for i, mask in masks.items() if mask.any()]
        return range(min(with_content), last), range(max(with_content), first - 1, -1)

    def run(self, first: int, last: int) -> Iterator[SweptSlice]:
        settings = self.model.settings
        spacing = self.slices.spacing
        # The smallest label decides, since it has the most to lose from a coarse region.
        example = min((largest(masks) for masks in self.drawn.values()), key=lambda mask: int(mask.sum()))
        resolution = None
        if settings.pixels is not None:
            resolution = working_resolution(example, spacing, pixels=settings.pixels, finest=settings.finest)
        samples, regions = [], {}
        for label, masks in self.drawn.items():
            for index, mask in masks.items():
                if mask.any():
                    regions[label] = region_around(
                        mask, spacing, resolution, margin=settings.margin, multiple=self.model.stride
                    )
                    samples.append(self.slices[index][regions[label].within])
        features = Features(self.slices, self.model, Intensities(samples, settings.percentiles))
        sweep = Sweep(
            features, self.drawn, resolution=resolution, verification=self.verification, cancelled=self.cancelled
        )
        forward, backward = self.orders(first, last)
        for swept in sweep.run(forward):
            self._forward[swept.index] = swept
            yield swept
        back = Sweep(
            features, self.drawn, resolution=resolution, verification=self.verification, cancelled=self.cancelled
        )
        for swept in back.run(backward):
            yield fuse_sweeps(self._forward.get(swept.index), swept, self.drawn)
