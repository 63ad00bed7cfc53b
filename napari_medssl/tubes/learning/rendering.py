"""Scans of tubes that never were: random tissues, neighbours and scanners, so that only the shape of tubes stays.

Domain randomisation, as vesselFM (Wittmann et al., CVPR 2025) uses it to find vessels in modalities that a network has
not seen. Tubes have the grey value 1, what they run through lies around 0, and all else is put in proportion to
that, so that no tube is asked for that a person could not see. Each patch is scaled afterwards, as scans are in use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_medssl.tubes.learning.scanner import scan
from napari_medssl.tubes.learning.textures import (
    Array,
    ellipsoid,
    fill,
    paint,
    region,
    sheet,
    shell,
    smooth_noise,
)

_LEAST = 0.4  # contrast of a tube against brighter tissue that it runs through


@dataclass(frozen=True)
class Look:
    """What a made scan is like; grey values in units of the tubes' contrast.

    Attributes
    ----------
    scene : where the tubes run; one of `SCENES`
    gap : voxels of common tissue between tubes and neighbours as bright
    noise, blur : of the scanner; blur in voxels
    """

    scene: str
    gap: float
    noise: float
    blur: float


def draw_look(rng: np.random.Generator) -> Look:
    """From coarse and noisy to clear; noise never drowns the contrast."""
    return Look(
        scene=str(rng.choice(list(SCENES), p=[0.4, 0.25, 0.2, 0.15])),
        gap=float(rng.choice([rng.uniform(0.7, 1.5), rng.uniform(1, 4)])),
        noise=float(rng.choice([rng.uniform(0.02, 0.12), rng.uniform(0.1, 0.25)], p=[0.65, 0.35])),
        blur=float(rng.uniform(0.0, 0.8)),
    )


def render(rng: np.random.Generator, tubes: Array, others: Array, look: Look | None = None) -> Array:
    """A scan (z, y, x) of bright tubes and, if there are any, dark ones, from their signed distances in voxels."""
    look = look or draw_look(rng)
    image = SCENES[look.scene](rng, look, tubes, others)
    inside = fill(tubes)
    image = paint(image, inside, _blood(rng, look, tubes, image))
    return scan(rng, image, noise=look.noise, blur=look.blur)


def _blood(rng: np.random.Generator, look: Look, tubes: Array, around: Array) -> Array:
    """The grey values of tubes inside: uneven along them, sometimes different at the wall, or in one of two lumina."""
    shape = tubes.shape
    level = 1 + smooth_noise(rng, shape, 3) * np.float32(rng.uniform(0, 0.15))
    if look.scene == "tissue" and rng.random() < 0.3:  # a dissection, or contrast that has not mixed
        where = region(rng, shape, rng.uniform(-0.3, 0.6), int(rng.integers(2, 5)))
        level *= 1 - where * np.float32(rng.uniform(0.2, 0.7))
    if look.scene == "tissue" and rng.random() < 0.15:  # calcium, or a stent
        where = region(rng, shape, rng.uniform(-0.5, 1), int(rng.integers(4, 12)))
        level += shell(tubes, -0.5, 1.2) * where * np.float32(rng.uniform(0.5, 2))
    if rng.random() < 0.2:  # slow flow at the wall, or a bright wall
        level += np.clip(-tubes / 4, 0, 1) * np.float32(rng.uniform(-0.2, 0.4))
    lifted: Array = np.maximum(level, around + np.float32(_LEAST))
    return lifted


def _tissue(rng: np.random.Generator, look: Look, tubes: Array, others: Array) -> Array:
    """Contrast in soft tissue: fat, organs, chambers as bright as vessels, bones, lung or air at some distance."""
    shape = tubes.shape
    image = _texture(rng, shape, 0.12)
    for _ in range(int(rng.integers(0, 3))):  # fat
        image -= region(rng, shape, rng.uniform(-0.3, 1), int(rng.integers(2, 6))) * np.float32(rng.uniform(0.1, 0.5))
    for _ in range(int(rng.integers(0, 3))):  # organs
        where = region(rng, shape, rng.uniform(0, 1.2), int(rng.integers(2, 5)))
        image = paint(image, where, rng.uniform(0.05, 0.5) + _texture(rng, shape, 0.08))
    if rng.random() < 0.4:
        where = region(rng, shape, rng.uniform(0, 1), int(rng.integers(2, 4)))
        image = paint(image, where, -rng.uniform(0.5, 3))
    image = _chambers(rng, image, look, np.minimum(tubes, others), 0.45)
    image = _bones(rng, image, look, np.minimum(tubes, others), 0.5)
    return _other_tubes(rng, image, others)


def _lung(rng: np.random.Generator, look: Look, tubes: Array, others: Array) -> Array:
    """Vessels as bright as tissue in dark lung, with fissures, airways, nodules and the walls of the chest."""
    shape = tubes.shape
    image = _texture(rng, shape, 0.06)
    free = np.minimum(tubes, others)
    if rng.random() < 0.8:
        where = region(rng, shape, rng.uniform(-0.2, 1), int(rng.integers(1, 4)))
        if rng.random() < 0.6:  # else vessels go on inside, brighter
            where *= np.clip(free - look.gap, 0, 1)
        # Vessels thinner than voxels are far fainter than tissue.
        level = rng.uniform(2, 6) if rng.random() < 0.4 else rng.uniform(0.7, 2)
        image = paint(image, where, level + _texture(rng, shape, 0.15))
        image = _bones(rng, image, look, free, 0.4, level)
    if rng.random() < 0.3:  # fissures
        image = paint(image, sheet(rng, shape, rng.uniform(0.3, 1)) * np.clip(free, 0, 1), rng.uniform(0.1, 0.5))
    for _ in range(int(rng.integers(0, 3))):  # nodules
        body = fill(ellipsoid(rng, shape, 1.5, 8)) * np.clip(free - look.gap, 0, 1)
        image = paint(image, body, rng.uniform(0.5, 1.3))
    wall = shell(others, 0.6, rng.uniform(0.7, 1.5))
    image = paint(image, wall, np.maximum(image, np.float32(rng.uniform(0.2, 0.8))))
    return paint(image, fill(others), -rng.uniform(0.05, 0.3))


def _airway(rng: np.random.Generator, look: Look, tubes: Array, others: Array) -> Array:
    """A chest turned inside out: airways brighter than lung, thin dark walls, dark vessels and tissue."""
    shape = tubes.shape
    image = np.float32(rng.uniform(0.2, 0.8)) + _texture(rng, shape, 0.06)
    dark = float(rng.uniform(-1.5, 0.0))
    if rng.random() < 0.8:
        for _ in range(int(rng.integers(1, 3))):
            where = region(rng, shape, rng.uniform(-0.6, 1), int(rng.integers(1, 4)))
            image = paint(image, where, dark + _texture(rng, shape, 0.1))
    free = np.minimum(tubes, others)
    if rng.random() < 0.4:  # air around the person, or in the stomach
        where = region(rng, shape, rng.uniform(0.3, 1.3), int(rng.integers(1, 4))) * np.clip(free - 2 - look.gap, 0, 1)
        image = paint(image, where, rng.uniform(0.9, 1.1))
    if rng.random() < 0.3:  # bones
        image = paint(image, region(rng, shape, rng.uniform(0.8, 1.6), 4), dark - rng.uniform(0.3, 2))
    image = paint(image, fill(others), dark)
    wall = shell(tubes, 0.7, rng.uniform(0.8, 1.8))
    return paint(image, wall, np.minimum(image, np.float32(dark * rng.uniform(0.3, 1))))


def _angiogram(rng: np.random.Generator, look: Look, tubes: Array, others: Array) -> Array:
    """Vessels that outshine all else: flow in MR, subtraction."""
    shape = tubes.shape
    image = _texture(rng, shape, 0.06)
    for _ in range(int(rng.integers(1, 3))):
        where = region(rng, shape, rng.uniform(-0.5, 0.8), int(rng.integers(1, 5)))
        image = paint(image, where, rng.uniform(-0.3, 0.3) + _texture(rng, shape, 0.05))
    free = np.minimum(tubes, others)
    if rng.random() < 0.4:  # fat under the skin, sinuses' walls
        image = paint(image, sheet(rng, shape, rng.uniform(1, 5)) * np.clip(free - look.gap, 0, 1), rng.uniform(0.3, 1))
    image = _chambers(rng, image, look, free, 0.2)
    return _other_tubes(rng, image, others)


SCENES: dict[str, Callable[[np.random.Generator, Look, Array, Array], Array]] = {
    "tissue": _tissue,
    "lung": _lung,
    "airway": _airway,
    "angiogram": _angiogram,
}


def _texture(rng: np.random.Generator, shape: tuple[int, ...], most: float) -> Array:
    """Uneven tissue around 0."""
    image = np.zeros(shape, dtype=np.float32)
    for cells in rng.choice([4, 8, 16], size=int(rng.integers(1, 3)), replace=False):
        image += smooth_noise(rng, shape, int(cells)) * np.float32(rng.uniform(0, most))
    return image


def _chambers(rng: np.random.Generator, image: Array, look: Look, free: Array, chance: float) -> Array:
    """What is about as bright as tubes and is none: hearts, kidneys, contrast in bowels, calcium. They leave a gap."""
    if rng.random() >= chance:
        return image
    room = np.clip(free - look.gap, 0, 1)  # 0 in tubes and their gap
    if rng.random() < 0.6:
        where = region(rng, image.shape, rng.uniform(0.4, 1.5), int(rng.integers(1, 4))) * room
        image = paint(image, where, rng.uniform(0.5, 1.4) + _texture(rng, image.shape, 0.1))
    for _ in range(int(rng.integers(0, 4))):
        small, large = (1.0, 3.0) if rng.random() < 0.4 else (6.0, 20.0)  # calcium, or chambers, far wider than tubes
        image = paint(image, fill(ellipsoid(rng, image.shape, small, large)) * room, rng.uniform(0.4, 1.5))
    return image


def _bones(
    rng: np.random.Generator, image: Array, look: Look, free: Array, chance: float, unit: float = 1.0
) -> Array:  # fmt: skip
    """Solids whose rim is brighter than their inside, and sheets, such as ribs and skulls."""
    if rng.random() >= chance:
        return image
    room = np.clip(free - look.gap, 0, 1)
    for _ in range(int(rng.integers(1, 3))):
        away = ellipsoid(rng, image.shape, 4, 16) + smooth_noise(rng, image.shape, 4) * np.float32(rng.uniform(0, 1.5))
        image = paint(image, fill(away) * room, unit * rng.uniform(0.2, 0.9) + _texture(rng, image.shape, 0.15))
        image = paint(image, shell(away, -0.5, rng.uniform(0.8, 1.8)) * room, unit * rng.uniform(0.8, 2.5))
    if rng.random() < 0.3:
        image = paint(image, sheet(rng, image.shape, rng.uniform(0.6, 3)) * room, unit * rng.uniform(0.5, 2))
    return image


def _other_tubes(rng: np.random.Generator, image: Array, others: Array) -> Array:
    """Tubes of air or dark blood, with or without a bright wall; or ribs, whose cortex is brighter than the rest."""
    if not (others < 0).any():
        return image
    if rng.random() < 0.3:
        image = paint(image, fill(others), rng.uniform(0.1, 0.7))
        return paint(image, shell(others, -0.8, rng.uniform(0.8, 1.6)), rng.uniform(0.9, 2))
    if rng.random() < 0.6:
        image = paint(image, shell(others, 0.7, rng.uniform(0.8, 1.8)), rng.uniform(0.1, 0.6))
    return paint(image, fill(others), -rng.uniform(0.4, 2.5))
