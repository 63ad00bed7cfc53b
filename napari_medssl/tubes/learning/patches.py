"""Patches of labelled scans: around a random place, a little larger or smaller, mirrored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medssl.training.collection import Collection
from napari_medssl.tubes.distances import rounded, surface_distance
from napari_medssl.tubes.greys import Greys, measure_all
from napari_medssl.tubes.learning.samples import Sample
from napari_medssl.tubes.learning.shapes import Shapes, from_mask
from napari_medssl.tubes.model import TubePlan
from napari_medssl.volumes.sampling import nearest, sample

_PLACES = 20_000  # voxels of tubes that are remembered of a scan
_SIZE = 1.25  # patches are made larger or smaller by at most this


@dataclass(frozen=True)
class Known:
    """What has to be known of a labelled scan: its grey values, where its tubes lie, and its grid."""

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    working: tuple[float, float, float]
    greys: list[Greys]
    places: NDArray[np.int32]


def tubes_in(labels: NDArray[np.integer], label: int) -> NDArray[np.bool_]:
    """Which voxels are in tubes: those of a label, or with 0 of any."""
    found: NDArray[np.bool_] = labels == label if label else labels != 0
    return found


def know(collection: Collection, index: int, plan: TubePlan, label: int) -> Known:
    """Look through a labelled scan once."""
    scan = collection.scan(index)
    assert scan.labels is not None
    working = plan.working_spacing(scan.spacing)
    flat = np.flatnonzero(tubes_in(scan.labels, label))
    some = flat[:: max(1, len(flat) // _PLACES)]
    places = np.stack(np.unravel_index(some, scan.labels.shape), axis=1).astype(np.int32)
    greys = measure_all(scan.array, plan.windows, scan.spacing, working)
    return Known(scan.array.shape, scan.spacing, working, greys, places)


def largest_class(collection: Collection, index: int, known: Known, label: int) -> int:
    """The largest rounded radius in a scan's labels, in finest sides of its working voxels."""
    labels = collection.scan(index).labels
    assert labels is not None
    distances = surface_distance(np.ascontiguousarray(tubes_in(labels, label)), spacing=known.spacing)
    return int(rounded(distances[distances.argmax() // distances[0].size] / np.float32(min(known.working))).max())


def own_sample(
    rng: np.random.Generator, collection: Collection, index: int, known: Known, plan: TubePlan, *,
    side: int, share: float, label: int, vary: bool,
) -> Sample:  # fmt: skip
    """A patch at the plan's spacing; with the chance `share` around a voxel of a tube."""
    scan = collection.scan(index)
    assert scan.labels is not None
    starts, steps, finest = _where(rng, known, side, share, known.working, vary)
    shape = (side, side, side)
    values = sample(scan.array, starts, steps, shape)
    image = np.stack([greys.scale(values, starts, steps) for greys in known.greys])
    truth = tubes_in(nearest(scan.labels, starts, steps, shape), label)
    mirrored = tuple(slice(None, None, -1 if m else 1) for m in (rng.random(3) < 0.5) & vary)
    sides = [step * own / finest for step, own in zip(steps, known.spacing, strict=True)]
    distances = surface_distance(np.ascontiguousarray(truth), spacing=sides)
    classes = np.minimum(rounded(distances), plan.classes).astype(np.uint8)
    image, truth, classes = image[:, *mirrored].copy(), truth[mirrored].copy(), classes[mirrored].copy()
    return Sample(image, truth, classes)


def drawn_shapes(
    rng: np.random.Generator, collection: Collection, index: int, known: Known, *, side: int, label: int
) -> Shapes:
    """The tubes drawn in a scan, as shapes to be rendered: a box with cubic voxels between fine and coarse."""
    labels = collection.scan(index).labels
    assert labels is not None
    fine = min(known.spacing) * float(np.exp(rng.uniform(np.log(0.6), np.log(1.8))))
    starts, steps, _ = _where(rng, known, side, 0.95, (fine, fine, fine), False)
    mask = tubes_in(labels, label).astype(np.float32)  # sampled softly: coarse voxels would break thin tubes otherwise
    tubes = sample(mask, starts, steps, (side, side, side)) >= 0.4
    nothing = np.full(tubes.shape, 6.0, dtype=np.float16)
    return Shapes(from_mask(tubes).astype(np.float16), nothing)


def _where(
    rng: np.random.Generator, known: Known, side: int, share: float, working: tuple[float, ...], vary: bool
) -> tuple[list[float], list[float], float]:
    """The first voxel and the step (in the scan's voxels) along each axis of a patch, and the finest side in mm."""
    sized = float(np.exp(rng.uniform(-1, 1) * np.log(_SIZE))) if vary else 1.0
    steps = [w * sized / own for w, own in zip(working, known.spacing, strict=True)]
    if len(known.places) and rng.random() < share:
        middle = known.places[int(rng.integers(len(known.places)))].astype(float)
    else:
        middle = rng.uniform(0, np.array(known.shape) - 1.0)
    half = (side - 1) / 2 * np.array(steps)
    middle += rng.uniform(-0.6, 0.6, 3) * half
    last = np.array(known.shape) - 1.0
    middle = np.clip(middle, np.minimum(half, last / 2), np.maximum(last - half, last / 2))
    return list(middle - half), steps, min(working) * sized
