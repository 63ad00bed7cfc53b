"""Patches of scans on the working grid: around a nodule or anywhere in the lungs, resized a little, and turned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_medssl.nodules.hounsfield import AIR
from napari_medssl.nodules.learning.scans import Known
from napari_medssl.nodules.model import NodulePlan
from napari_medssl.strategies.turns import TURNS, Turn
from napari_medssl.training.collection import Scan
from napari_medssl.volumes.sampling import sample

_SIZE = 1.2  # patches are made larger or smaller by at most this
_COARSE_CHANCE = 0.25
_COARSE_SLICES, _COARSE_PIXELS = 6.0, 3.0  # working voxels

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Patch:
    """A cube of a scan.

    Attributes
    ----------
    image : (z, y, x) 0..1 over the window
    balls, irrelevant : (k, 4) findings in it or close by: middle (z, y, x) and diameter, in mm from its first voxel
    """

    image: Floats
    balls: Floats
    irrelevant: Floats


def draw_patch(
    rng: np.random.Generator, scan: Scan, known: Known, plan: NodulePlan, side: int, on_nodules: float, *,
    vary: bool = True,
) -> Patch:  # fmt: skip
    """A cube of `side` working voxels; with the chance `on_nodules` there is a nodule in it, if the scan has any."""
    step = plan.spacing * (float(np.exp(rng.uniform(-np.log(_SIZE), np.log(_SIZE)))) if vary else 1.0)
    if len(known.nodules) and rng.random() < on_nodules:
        middle = known.nodules[int(rng.integers(len(known.nodules))), :3]
        # Nowhere nearer to the patch's edge than an eighth of its side, so that most of it is seen.
        middle = middle + rng.uniform(-0.375, 0.375, 3) * side * step / known.spacing
    else:
        middle = known.lungs[int(rng.integers(len(known.lungs)))] + rng.uniform(-0.5, 0.5, 3)
    start = middle - (side - 1) / 2 * step / np.array(known.spacing)
    patch = cut(scan, known, plan, start, step, side)
    return disturbed(rng, turned_patch(patch, TURNS[int(rng.integers(len(TURNS)))], plan)) if vary else patch


def cut(scan: Scan, known: Known, plan: NodulePlan, start: NDArray[np.floating], step: float, side: int) -> Patch:
    """The cube that begins at a voxel (fractional, z, y, x) with steps of so many mm, which pass for the plan's."""
    steps = [step / own for own in known.spacing]
    image = sample(scan.array, list(start), steps, (side, side, side)) + np.float32(known.offset)
    for axis, (first, each, size) in enumerate(zip(start, steps, known.shape, strict=True)):
        place = first + each * np.arange(side)
        beyond = (place < -0.5) | (place > size - 0.5)
        if beyond.any():
            image[(slice(None),) * axis + (beyond,)] = AIR
    size_mm = side * plan.spacing
    larger = step / plan.spacing

    def seen(balls: NDArray[np.floating]) -> Floats:
        found = np.concatenate([(balls[:, :3] - start) * known.spacing / larger, balls[:, 3:] / larger], axis=1)
        near = ((found[:, :3] > -found[:, 3:]) & (found[:, :3] < size_mm + found[:, 3:])).all(axis=1)
        return found[near].astype(np.float32)

    return Patch(plan.scale(image), seen(known.nodules), seen(known.irrelevant))


def turned_patch(patch: Patch, turn: Turn, plan: NodulePlan) -> Patch:
    """The patch turned, with what lies in it."""
    image = turn.apply(torch.from_numpy(patch.image)).contiguous().numpy()
    end = (len(patch.image) - 1) * plan.spacing

    def moved(balls: Floats) -> Floats:
        found = balls[:, [*turn.axes, 3]]
        for axis, backwards in enumerate(turn.mirrored):
            if backwards:
                found[:, axis] = end - found[:, axis]
        return found

    return Patch(image, moved(patch.balls), moved(patch.irrelevant))


def coarsened(rng: np.random.Generator, image: Floats) -> Floats:
    """A cube as thick slices across one of its axes show it, with larger voxels within them, too."""
    steps = rng.uniform(1, _COARSE_PIXELS, 3)
    steps[int(rng.integers(3))] = rng.uniform(2, _COARSE_SLICES)
    shape = [int(np.ceil(side / step)) + 1 for side, step in zip(image.shape, steps, strict=True)]
    starts = [-float(rng.random()) * step for step in steps]
    coarse = sample(image, starts, list(steps), shape)
    return sample(
        coarse, [-start / step for start, step in zip(starts, steps, strict=True)], list(1 / steps), image.shape
    )


def disturbed(rng: np.random.Generator, patch: Patch) -> Patch:
    """The patch a little brighter or darker, weaker or stronger, noisier, softer or coarser, as by other scanners."""
    image = coarsened(rng, patch.image) if rng.random() < _COARSE_CHANCE else patch.image
    image = image * np.float32(np.exp(rng.uniform(-0.1, 0.1))) + np.float32(rng.normal() * 0.015)
    if rng.random() < 0.3:
        image = gaussian_filter(image, rng.uniform(0, 0.8, 3) * (rng.random(3) < 0.5))
    if rng.random() < 0.5:
        image = image + np.float32(rng.uniform(0, 0.04)) * rng.standard_normal(image.shape, dtype=np.float32)
    return Patch(np.clip(image, 0, 1, dtype=np.float32), patch.balls, patch.irrelevant)
