"""A sweep cut into legs: stretches that know nothing of each other, so that each can be kept by itself."""

from __future__ import annotations

import itertools

import numpy as np

from napari_medssl.propagation.groups import largest
from napari_medssl.propagation.model import PropagationModel
from napari_medssl.propagation.region import region_around, working_resolution
from napari_medssl.propagation.seeds import Drawn, Mask
from napari_medssl.propagation.slices import Intensities, Slices

STEP = 2**0.5


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


def resolution_for(drawn: Drawn, slices: Slices, model: PropagationModel) -> float | None:
    """The working resolution (mm per pixel) for a group of labels; None keeps the slice's own.

    The largest drawn slice of each label counts, and of the labels the smallest, since it has the most to lose from a
    coarse region. It comes in steps, so that a correction hardly larger than what was drawn before changes nothing.
    """
    settings = model.settings
    if settings.pixels is None:
        return None
    example = min((largest(masks) for masks in drawn.values()), key=lambda mask: int(mask.sum()))
    wanted = working_resolution(example, slices.spacing, pixels=settings.pixels, finest=settings.finest)
    native = min(slices.spacing)
    return native * float(STEP ** round(np.log(wanted / native) / np.log(STEP)))


def intensities_at(
    index: int, drawn: Drawn, resolution: float | None, slices: Slices, model: PropagationModel
) -> Intensities:
    """The intensities for a leg that sets out from slice `index`, taken from around what is drawn there.

    Were other drawn slices asked too, each one more would change every slice.
    """
    regions = [
        region_around(mask, slices.spacing, resolution, margin=model.settings.margin, multiple=model.stride)
        for mask in drawn_on(index, drawn).values()
    ]
    image = slices[index]
    return Intensities([image[region.within] for region in regions], model.settings.percentiles)
