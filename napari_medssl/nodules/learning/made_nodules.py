"""Made nodules of several kinds, and what is easily taken for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medssl.nodules.learning.made_lungs import Floats, Lung, smooth_field, soft_step
from napari_medssl.volumes.phantoms.tubes import Tubes, distance_to_tubes

KINDS = ("solid", "part-solid", "ground-glass", "juxtapleural", "juxtavascular")
_SHARES = (0.35, 0.12, 0.15, 0.2, 0.18)
_LARGEST = 25.0


@dataclass(frozen=True)
class Made:
    """A nodule that was painted: middle (z, y, x) in voxels of 1 mm, diameter in mm, and its kind."""

    centre: tuple[float, float, float]
    diameter: float
    kind: str


def paint_nodules(rng: np.random.Generator, lung: Lung, count: int) -> list[Made]:
    """Paint `count` nodules, or fewer where there is no room, apart from each other."""
    found: list[Made] = []
    for _ in range(count):
        kind = str(rng.choice(KINDS, p=_SHARES))
        least = 3.5 if kind in ("solid", "juxtapleural", "juxtavascular") else 6.0
        # Small ones are the most frequent, as in LUNA16, where half measure 6.4 mm or less.
        diameter = float(least * (_LARGEST / least) ** (rng.random() ** 1.5))
        centre = _place(rng, lung, kind, diameter, found)
        if centre is None:
            continue
        _paint(rng, lung, centre, diameter, kind)
        found.append(Made((float(centre[0]), float(centre[1]), float(centre[2])), diameter, kind))
    return found


def paint_micronodules(rng: np.random.Generator, lung: Lung, count: int, others: Sequence[Made]) -> list[Made]:
    """Dots under 3 mm, which count neither as nodules nor as errors."""
    found: list[Made] = []
    for _ in range(count):
        diameter = float(rng.uniform(1.5, 2.8))
        centre = _place(rng, lung, "solid", diameter, [*others, *found])
        if centre is not None:
            _paint(rng, lung, centre, diameter, "solid")
            found.append(Made((float(centre[0]), float(centre[1]), float(centre[2])), diameter, "micronodule"))
    return found


def paint_lookalikes(rng: np.random.Generator, lung: Lung) -> None:
    """Scars, bands, plugged airways, lymph nodes at the roots, and thickened pleura."""
    shape = np.array(lung.image.shape, dtype=float)
    for _ in range(int(rng.integers(0, 5))):  # scars: flat, or long and thin
        axes = np.array([rng.uniform(0.8, 2.2), rng.uniform(1, 8), rng.uniform(7, 18)])
        _blob(rng, lung, rng.random(3) * shape, axes, float(rng.uniform(-300, 40)), 0.15)
    for _ in range(int(rng.integers(0, 5))):  # bands and plugged airways
        start, way = rng.random(3) * shape, rng.normal(size=3)
        way *= rng.uniform(10, 35) / np.linalg.norm(way)
        bend = start + way / 2 + rng.normal(size=3) * 2
        radius = float(rng.uniform(0.8, 3))
        points = [(*start, radius), (*bend, radius), (*(start + way), radius * 0.6)]
        _tubes(lung, Tubes.along(points, 8), float(rng.uniform(-200, 60)))
    for root in lung.roots:
        for _ in range(int(rng.integers(0, 4))):  # lymph nodes
            axes = rng.uniform(3, 8) * rng.uniform(0.8, 1.3, 3)
            _blob(rng, lung, root + rng.normal(size=3) * 7, axes, float(rng.uniform(10, 70)), 0.1)
    for _ in range(int(rng.integers(0, 3))):  # plaques: wide and low
        places = np.argwhere(np.abs(lung.depth) < 0.7)
        if len(places):
            middle = places[int(rng.integers(len(places)))]
            normal = _normal(lung.depth, middle)
            _blob(rng, lung, middle, np.array([rng.uniform(1, 3), *rng.uniform(8, 16, 2)]), 40.0, 0.1, normal)
    if rng.random() < 0.3:  # haze without an edge
        haze = np.clip(smooth_field(rng, lung.image.shape, float(rng.uniform(20, 40))) - 0.8, 0, 1)
        lung.lay(haze * np.float32(rng.uniform(0.1, 0.4)), -300.0)


def _place(
    rng: np.random.Generator, lung: Lung, kind: str, diameter: float, others: Sequence[Made]
) -> NDArray[np.float64] | None:
    """A middle that suits the kind, apart from other nodules and inside the box; None where there is none."""
    shape = np.array(lung.image.shape)
    for _ in range(60):
        low = np.minimum(3 + diameter / 4, shape / 2 - 1)
        centre = rng.uniform(low, shape - 1 - low)
        if kind == "juxtapleural":
            depth = _at(lung.depth, centre)
            if not -8 < depth < 25:
                continue
            wanted = diameter * float(rng.uniform(0.05, 0.4))
            centre = centre + _normal(lung.depth, centre) * (wanted - depth)
        elif kind == "juxtavascular":
            gap = _at(lung.vessel, centre)
            if gap > 5:
                continue
            centre = centre - _normal(lung.vessel, centre) * (gap - diameter * float(rng.uniform(0.25, 0.5)))
        if not ((centre > 1) & (centre < shape - 2)).all():
            continue
        depth = _at(lung.depth, centre)
        fits = 0 < depth < diameter / 2 if kind == "juxtapleural" else depth > diameter / 2 + 1
        # A nodule in the middle of a large vessel could not be told from it.
        free = kind == "juxtavascular" or _at(lung.vessel, centre) > min(diameter / 2, 5) * 0.5
        if fits and free and all(_apart(centre, diameter, other) for other in others):
            return centre
    return None


def _apart(centre: NDArray[np.float64], diameter: float, other: Made) -> bool:
    return float(np.linalg.norm(centre - other.centre)) > (diameter + other.diameter) / 2 + 4


def _paint(rng: np.random.Generator, lung: Lung, centre: NDArray[np.float64], diameter: float, kind: str) -> None:
    glassy = kind in ("ground-glass", "part-solid")
    rough = float(rng.uniform(0.03, 0.14))
    axes = diameter / 2 * rng.uniform(0.82, 1.18, 3)
    axes *= diameter / 2 / float(np.prod(axes)) ** (1 / 3)
    value = float(rng.uniform(-680, -420)) if glassy else float(rng.uniform(-120, 70))
    if kind == "solid" and rng.random() < 0.1:
        value = float(rng.uniform(150, 600))  # calcified
    _blob(rng, lung, centre, axes, value, rough, edge=float(rng.uniform(1.0, 2.5)) if glassy else 1.0)
    if kind == "part-solid":
        inner = centre + rng.normal(size=3) * diameter * 0.06
        _blob(rng, lung, inner, axes * rng.uniform(0.3, 0.65), float(rng.uniform(-100, 60)), rough)
    if kind == "solid" and diameter > 8 and rng.random() < 0.08:
        _blob(rng, lung, centre, axes * 0.5, -950.0, rough)  # cavity
    if kind != "ground-glass" and diameter > 6 and rng.random() < 0.4:
        _spikes(rng, lung, centre, diameter)


def _spikes(rng: np.random.Generator, lung: Lung, centre: NDArray[np.float64], diameter: float) -> None:
    """Thin strands from the surface outwards."""
    count = int(rng.integers(4, 14))
    ways = rng.normal(size=(count, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    start = centre + ways * diameter * 0.42
    end = centre + ways * diameter * rng.uniform(0.6, 1.0, (count, 1))
    _tubes(lung, Tubes(start, end, np.full(count, 0.8), np.full(count, 0.2)), -50.0)


def _blob(
    rng: np.random.Generator, lung: Lung, centre: NDArray[np.floating], axes: NDArray[np.floating], value: float,
    rough: float, first: NDArray[np.floating] | None = None, edge: float = 1.0,
) -> None:  # fmt: skip
    """Paint an uneven ellipsoid of half-axes `axes`, its first axis along `first` or anywhere."""
    reach = float(axes.max()) * (1 + 2.5 * rough) + 2
    box = _box(lung, centre - reach, centre + reach)
    if box is None:
        return
    frame = _frame(rng, first)
    offsets = [
        np.arange(part.start, part.stop, dtype=np.float32) - np.float32(c) for part, c in zip(box, centre, strict=True)
    ]
    z, y, x = offsets[0][:, None, None], offsets[1][:, None], offsets[2]
    total = np.zeros([len(o) for o in offsets], np.float32)
    for row, half in zip(frame, axes, strict=True):
        total += ((z * row[0] + y * row[1] + x * row[2]) / np.float32(half)) ** 2
    mean = float(np.prod(axes)) ** (1 / 3)
    lumps = smooth_field(rng, total.shape, max(2.0, 0.9 * mean))
    distance = (np.sqrt(total) - 1 - np.float32(rough) * lumps) * np.float32(axes.min())
    texture = np.float32(value) + 15 * smooth_field(rng, total.shape, 3.0)
    lung.lay(soft_step(distance.astype(np.float32), edge), texture, box)


def _tubes(lung: Lung, tubes: Tubes, value: float) -> None:
    low = np.minimum(tubes.start, tubes.end).min(axis=0) - 5
    box = _box(lung, low, np.maximum(tubes.start, tubes.end).max(axis=0) + 5)
    if box is None:
        return
    z, y, x = (np.arange(part.start, part.stop, dtype=np.float32) for part in box)
    distance, _ = distance_to_tubes(tubes, (z, y, x), 2.0)
    lung.lay(soft_step(distance), value, box)


def _box(lung: Lung, low: NDArray[np.floating], high: NDArray[np.floating]) -> tuple[slice, slice, slice] | None:
    start = np.maximum(np.floor(low).astype(int), 0)
    stop = np.minimum(np.ceil(high).astype(int) + 1, lung.image.shape)
    if (stop - start < 2).any():
        return None
    z, y, x = (slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
    return z, y, x


def _frame(rng: np.random.Generator, first: NDArray[np.floating] | None) -> Floats:
    rows = rng.normal(size=(3, 3))
    if first is not None:
        rows[0] = first
    frame = np.linalg.qr(rows.T)[0].T
    return frame.astype(np.float32)


def _at(field: Floats, place: NDArray[np.floating]) -> float:
    index = np.clip(np.rint(place).astype(int), 0, np.array(field.shape) - 1)
    return float(field[tuple(index)])


def _normal(field: Floats, place: NDArray[np.floating]) -> NDArray[np.float64]:
    """Where a field rises, as a unit vector."""
    slopes = np.zeros(3)
    for axis in range(3):
        step = np.zeros(3)
        step[axis] = 2
        slopes[axis] = _at(field, place + step) - _at(field, place - step)
    return slopes / max(float(np.linalg.norm(slopes)), 1e-6)
