"""Training samples: made ones, rendered from trees or from drawn masks, and patches of labelled scans."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medssl.tubes.distances import rounded, surface_distance
from napari_medssl.tubes.greys import scale_patch
from napari_medssl.tubes.learning.rendering import render
from napari_medssl.tubes.learning.shapes import REACH, Shapes

_KEPT = 8.0  # distances are kept as whole eighths of a voxel, which takes a byte
_ON_TUBES = 0.85  # share of the samples around a voxel of a tube
_SURFACE = -1.2  # voxels from the surface inwards; there thin tubes have as many voxels for their length as thick ones


@dataclass(frozen=True)
class Sample:
    """Grey values (windows, z, y, x), which voxels are in tubes, and their distance classes; both (z, y, x)."""

    image: NDArray[np.float32]
    truth: NDArray[np.bool_]
    classes: NDArray[np.uint8]


class ShapePool:
    """So many random boxes of trees, each made when first asked for. Sent to another process, they are made anew."""

    def __init__(self, count: int, make: Callable[[int], Shapes]) -> None:
        self._count, self._make = count, make
        self._made: dict[int, tuple[NDArray[np.int8], NDArray[np.int8]]] = {}

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Shapes:
        if not 0 <= index < self._count:
            raise IndexError(index)
        if index not in self._made:
            made = self._make(index)
            self._made[index] = _packed(made.tubes), _packed(made.others)
        tubes, others = self._made[index]
        return Shapes(tubes, others)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_made": {}}


def made_sample(
    rng: np.random.Generator, shapes: Shapes, side: int, *, largest_class: int, stretch: float,
    windows: Sequence[float] = (0.0,),
) -> Sample:  # fmt: skip
    """A patch of a pool's shapes, turned, mirrored, perhaps with longer voxels along one axis, and rendered anew."""
    step = float(rng.uniform(1, stretch)) if rng.random() < 0.5 else 1.0
    wide = min(shapes.tubes.shape[0], int(np.ceil(side * step)))
    corner = _corner(rng, shapes.tubes, side, wide)
    turn = rng.permutation(3)
    mirrored = tuple(slice(None, None, -1 if m else 1) for m in rng.random(3) < 0.5)
    parts = []
    for packed in (shapes.tubes, shapes.others):
        box = packed[corner[0] : corner[0] + wide, corner[1] : corner[1] + side, corner[2] : corner[2] + side]
        distances = box.astype(np.float32) / _KEPT
        parts.append(np.ascontiguousarray(_shortened(distances, side).transpose(turn)[mirrored]))
    tubes, others = parts
    spacing = [wide / side if axis == 0 else 1.0 for axis in turn]
    truth = tubes <= 0
    classes = np.minimum(rounded(surface_distance(truth, spacing=spacing)), largest_class).astype(np.uint8)
    image = scale_patch(render(rng, tubes, others), windows)
    return Sample(image, truth, classes)


def jitter(rng: np.random.Generator, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scaled grey values, a little brighter, darker, stronger or weaker, as windows other than the patch have them."""
    count = (len(image), 1, 1, 1)
    return image * np.exp(rng.uniform(-0.5, 0.4, count), dtype=np.float32) + np.float32(0.3) * rng.standard_normal(
        count, dtype=np.float32
    )


def _corner(rng: np.random.Generator, tubes: NDArray[np.int8], side: int, wide: int) -> NDArray[np.int64]:
    """Where a patch begins: around a voxel in a tube, or anywhere."""
    size = np.array([wide, side, side])
    most = np.array(tubes.shape) - size
    near = (tubes <= 0) & (tubes > _SURFACE * _KEPT)
    inside = np.flatnonzero(near) if rng.random() < _ON_TUBES else np.zeros(0, dtype=int)
    if len(inside):
        middle = np.array(np.unravel_index(int(rng.choice(inside)), tubes.shape))
        corner = middle - (size * rng.uniform(0.15, 0.85, 3)).astype(int)
    else:
        corner = (rng.random(3) * (most + 1)).astype(int)
    clipped: NDArray[np.int64] = np.clip(corner, 0, most)
    return clipped


def _shortened(distances: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Fewer samples along the first axis, between the same ends."""
    if len(distances) == side:
        return distances
    places = (np.arange(side) + 0.5) * len(distances) / side - 0.5
    below = np.clip(np.floor(places).astype(int), 0, len(distances) - 2)
    part = (places - below).astype(np.float32)[:, None, None]
    found: NDArray[np.float32] = distances[below] * (1 - part) + distances[below + 1] * part
    return found


def _packed(distances: NDArray[np.floating]) -> NDArray[np.int8]:
    kept: NDArray[np.int8] = np.clip(np.rint(distances.astype(np.float32) * _KEPT), -128, REACH * _KEPT).astype(np.int8)
    return kept
