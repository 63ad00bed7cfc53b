"""Quick random volumes with labels for training: smooth shapes that move, merge, appear and end along z."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_medssl.errors import BadInput
from napari_medssl.volumes.phantoms.fields import Floats, SmoothField, generator

_TRIES = 6


@dataclass(frozen=True)
class _Frame:
    """Coordinates in which the longer in-plane side is 1: vectors z, y, x, and the warped, dense row and column."""

    z: Floats
    y: Floats
    x: Floats
    row: Floats
    column: Floats
    height: float
    width: float
    depth: float


def blobs(shape: Sequence[int] = (24, 128, 128), *, seed: int, n_labels: int = 3) -> tuple[Floats, NDArray[np.uint8]]:
    """A random volume of smooth shapes and their labels, made in about 0.1 s for (24, 128, 128).

    Shapes are smooth unions of leaning ellipsoids with lobed edges; some hold another label as a core, so that it
    becomes a wall. Shapes without a label lie among them, some as bright as their neighbours. Contrast, texture,
    blur, bias, noise and the pace of change from slice to slice are drawn anew for each seed.

    Parameters
    ----------
    shape : (z, y, x), each at least 4 in plane
    seed : the same seed gives the same volume
    n_labels : labels to draw; each one occurs in the volume

    Returns
    -------
    image : (z, y, x) float32, most of it in 0..1
    labels : (z, y, x) uint8, 0 background, 1..n_labels
    """
    if len(shape) != 3 or min(shape) < 1 or min(shape[1:]) < 4:
        raise BadInput(f"The shape must be (z, y, x) with at least 4 voxels in plane, not {tuple(shape)}.")
    if not 0 <= n_labels <= 255:
        raise BadInput(f"The number of labels must lie between 0 and 255, not {n_labels}.")
    for attempt in range(_TRIES):
        rng = generator(seed, "blobs", attempt)
        # Later attempts use fewer shapes in the way, so that no label ends up hidden behind others.
        distractors = max(0, int(rng.integers(2, 7)) - 2 * attempt)
        image, labels = _draw(tuple(shape), rng, n_labels, distractors)
        counts = np.bincount(labels.ravel(), minlength=n_labels + 1)[1:]
        if (counts > labels.size / 3000).all():
            break
    else:
        _place_missing(image, labels, n_labels)
    return _acquire(image, rng), labels


def _draw(
    shape: tuple[int, ...], rng: np.random.Generator, n_labels: int, distractors: int
) -> tuple[Floats, NDArray[np.uint8]]:
    frame = _frame(shape, rng)
    textures = [SmoothField(rng, rng.uniform(0.02, 0.07), 16)(frame.z, frame.y, frame.x) for _ in range(2)]
    image = _background(frame, rng, textures)
    labels = np.zeros(shape, dtype=np.uint8)
    edge = np.float32(1 / max(shape[1:]))
    order = rng.permutation(np.concatenate([np.arange(1, n_labels + 1), np.zeros(distractors, dtype=int)]))
    grey, previous, previous_label = float(rng.uniform(0.1, 0.9)), None, 0
    for label in order:
        core = previous is not None and label and previous_label and rng.random() < 0.3
        distance = previous + rng.uniform(0.02, 0.06) if core and previous is not None else _shape(frame, rng)
        # Similar greys in a row make neighbours that only texture and a faint edge tell apart.
        grey = float(np.clip(grey + rng.normal(0, 0.06), 0, 1) if rng.random() < 0.3 else rng.uniform(0, 1))
        amounts = rng.normal(0, 0.035, len(textures))
        inside = grey + sum(np.float32(a) * t for a, t in zip(amounts, textures, strict=True))
        if rng.random() < 0.3:
            rim = distance / np.float32(rng.uniform(0.012, 0.03))
            inside = inside + np.float32(rng.normal(0, 0.2)) / (1 + rim * rim)
        cover = np.clip(0.5 - distance / edge, 0, 1, dtype=np.float32)
        image += cover * (inside - image)
        labels[distance <= 0] = label
        previous, previous_label = distance, label
    return image, labels


def _frame(shape: tuple[int, ...], rng: np.random.Generator) -> _Frame:
    depth_step = np.exp(rng.uniform(np.log(0.5), np.log(3.0)))  # slice distance in pixels' sizes, as in real scans
    z, y, x = (((np.arange(n) - (n - 1) / 2) / max(shape[1:])).astype(np.float32) for n in shape)
    z = (z * depth_step).astype(np.float32)
    amount = rng.uniform(0.01, 0.05)
    length = (rng.uniform(0.2, 0.5), rng.uniform(0.15, 0.4), rng.uniform(0.15, 0.4))
    row, column = (
        np.float32(amount) * SmoothField(rng, length, 12)(z, y, x) + axis for axis in (y[:, None], x[None, :])
    )
    if rng.random() < 0.2:  # slices that do not quite line up, as between two breaths
        jitter = rng.normal(0, 0.006, (2, shape[0], 1, 1)).astype(np.float32)
        row, column = row + jitter[0], column + jitter[1]
    largest = max(shape[1:])
    depth = float(z[-1] - z[0]) + 1 / largest
    return _Frame(z, y, x, row, column, shape[1] / largest, shape[2] / largest, depth)


def _background(frame: _Frame, rng: np.random.Generator, textures: list[Floats]) -> Floats:
    image = np.full(frame.row.shape, rng.uniform(0, 0.7), dtype=np.float32)
    image += np.float32(rng.normal(0, 0.02)) * textures[0]
    for _ in range(int(rng.integers(1, 4))):
        region = SmoothField(rng, rng.uniform(0.08, 0.3), 12)(frame.z, frame.y, frame.x)
        cover = np.clip((region - np.float32(rng.normal(0, 0.5))) * np.float32(rng.uniform(4, 20)), 0, 1)
        inside = np.float32(rng.uniform(0, 1)) + np.float32(rng.normal(0, 0.03)) * textures[1]
        image += cover * (inside - image)
    return image


def _shape(frame: _Frame, rng: np.random.Generator) -> Floats:
    """A rough signed distance (negative inside) of one shape, in units of the longer side."""
    size = np.exp(rng.uniform(np.log(0.05), np.log(0.25)))
    centre = rng.uniform(-0.36, 0.36, 2) * (frame.height, frame.width)
    reach = np.exp(rng.uniform(np.log(0.2), np.log(1.6))) * frame.depth
    level = rng.uniform(-0.4, 0.4) * frame.depth
    distance = _ellipsoid(frame, rng, centre, level, size, reach)
    for _ in range(int(rng.integers(0, 4))):
        turn = rng.uniform(0, 2 * np.pi)
        beside = centre + size * rng.uniform(0.5, 1.5) * np.array([np.sin(turn), np.cos(turn)])
        other_level = level + rng.uniform(-0.35, 0.35) * frame.depth
        other = _ellipsoid(frame, rng, beside, other_level, size * rng.uniform(0.4, 1), reach * rng.uniform(0.4, 1.2))
        distance = _smooth_union(distance, other, np.float32(size * rng.uniform(0.1, 0.6)))
    lobes = SmoothField(rng, size * rng.uniform(0.35, 0.9), 16)(frame.z, frame.y, frame.x)
    return distance + np.float32(size * rng.uniform(0, 0.16)) * lobes


def _ellipsoid(
    frame: _Frame, rng: np.random.Generator, centre: NDArray[np.floating], level: float, size: float, reach: float
) -> Floats:
    rise = (frame.z - level) / reach
    lean = rng.normal(0, 0.35, 2) * min(1.0, size / reach * 2)
    path = (centre[:, None] + lean[:, None] * (frame.z - level)).astype(np.float32)[..., None, None]
    turn = (rng.uniform(0, np.pi) + rng.normal(0, 0.5) * rise).astype(np.float32)[:, None, None]
    ratio = np.sqrt(rng.uniform(1, 2.2))
    dy, dx = frame.row - path[0], frame.column - path[1]
    a = (np.cos(turn) * dy + np.sin(turn) * dx) * np.float32(ratio / size)
    b = (np.cos(turn) * dx - np.sin(turn) * dy) * np.float32(1 / (ratio * size))
    square = a * a + b * b + (rise.astype(np.float32) ** 2)[:, None, None]
    distance: Floats = (np.sqrt(square) - 1) * np.float32(size)
    return distance


def _smooth_union(a: Floats, b: Floats, blend: np.float32) -> Floats:
    overlap = np.maximum(blend - np.abs(a - b), 0)
    joined: Floats = np.minimum(a, b) - overlap * overlap / (4 * blend)
    return joined


def _place_missing(image: Floats, labels: NDArray[np.uint8], n_labels: int) -> None:
    """Give every label that is still absent a small disc through some slices, where the grid has room for one."""
    depth, height, width = labels.shape
    radius = max(1.0, min(height, width) / 16)
    rows, columns = np.ogrid[:height, :width]
    for label in sorted(set(range(1, n_labels + 1)) - set(np.unique(labels).tolist())):
        rng = generator(label, "missing", height, width)
        row, column = rng.uniform(0.15, 0.85, 2) * (height - 1, width - 1)
        disc = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
        slices = slice(depth // 4, max(depth // 4 + 1, 3 * depth // 4))
        labels[slices][:, disc] = label
        image[slices][:, disc] = rng.uniform(0, 1)


def _acquire(image: Floats, rng: np.random.Generator) -> Floats:
    """Contrast, blur, bias and noise of a scanner that no one knows."""
    if rng.random() < 0.5:
        image = np.clip(image, 0, None) ** np.float32(np.exp(rng.normal(0, 0.3)))
    blur = rng.uniform(0.3, 1.0)
    image = ndimage.gaussian_filter(image, (0.3 * (rng.random() < 0.3), blur, blur), truncate=2.5)
    z, y, x = (np.linspace(-0.5, 0.5, n) for n in image.shape)
    if rng.random() < 0.5:
        image *= np.exp(np.float32(rng.uniform(0.05, 0.25)) * SmoothField(rng, rng.uniform(0.5, 1.0), 6)(z, y, x))
    if rng.random() < 0.2:
        image *= (1 + rng.normal(0, 0.04, (len(z), 1, 1))).astype(np.float32)
    image = image + _noise(image.shape, rng)
    if rng.random() < 0.3:  # magnitude images of MR have no negative values
        image = np.abs(image)
    low, high = np.percentile(image[:, ::2, ::2], (0.5, 99.5))
    scaled: Floats = ((image - low) / max(float(high - low), 1e-6)).astype(np.float32)
    return scaled


def _noise(shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    amount = np.exp(rng.uniform(np.log(0.004), np.log(0.06)))
    noise = rng.standard_normal(shape, dtype=np.float32)
    if rng.random() < 0.5:
        width = rng.uniform(0.4, 0.9)
        noise = ndimage.gaussian_filter(noise, (0, width, width), truncate=2.5)
        noise /= noise.std()
    return np.float32(amount) * noise
