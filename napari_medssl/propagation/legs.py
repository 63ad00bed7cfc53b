"""A sweep cut into legs: stretches that know nothing of each other, so that each can be kept by itself."""

from __future__ import annotations

import itertools

from napari_medssl.propagation.model import PropagationModel
from napari_medssl.propagation.region import region_around, working_resolution
from napari_medssl.propagation.seeds import Drawn, Mask
from napari_medssl.propagation.slices import Intensities, Slices


def legs(order: range, drawn: Drawn) -> list[range]:
    """Cut the slices of a sweep at those on which every label is drawn.

    There all labels start anew, so nothing behind such a slice can matter to what lies ahead. A leg starts at its first
    slice on which something is drawn; where only stops are, nothing is carried on and there is no leg.
    """
    cuts = [position for position, index in enumerate(order) if all(index in masks for masks in drawn.values())]
    bounds = sorted({0, *cuts, len(order)})
    found = []
    for start, end in itertools.pairwise(bounds):
        leg = order[start:end]
        first = next((i for i, index in enumerate(leg) if drawn_on(index, drawn)), None)
        if first is not None:
            found.append(leg[first:])
    return found


def drawn_on(index: int, drawn: Drawn) -> dict[int, Mask]:
    """{label: mask} of what is drawn on a slice, stops left out."""
    return {label: masks[index] for label, masks in drawn.items() if index in masks and masks[index].any()}


def departure(index: int, drawn: Drawn, slices: Slices, model: PropagationModel) -> tuple[float | None, Intensities]:
    """The working resolution (mm per pixel) and the intensities for a leg that sets out from slice `index`.

    They come from that slice alone: were other drawn slices asked too, each one more would change every slice.
    """
    settings = model.settings
    masks = drawn_on(index, drawn)
    resolution = None
    if settings.pixels is not None:
        # The smallest label decides, since it has the most to lose from a coarse region.
        example = min(masks.values(), key=lambda mask: int(mask.sum()))
        resolution = working_resolution(example, slices.spacing, pixels=settings.pixels, finest=settings.finest)
    regions = [
        region_around(mask, slices.spacing, resolution, margin=settings.margin, multiple=model.stride)
        for mask in masks.values()
    ]
    image = slices[index]
    return resolution, Intensities([image[region.within] for region in regions], settings.percentiles)
