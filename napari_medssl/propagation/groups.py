"""Labels that travel together: near each other and of like size, so that one region and resolution suits them all."""

from __future__ import annotations

import numpy as np

from napari_medssl.propagation.region import bounding_box
from napari_medssl.propagation.seeds import Drawn, Mask

_SIZE_RATIO = 2.0
_ROOM = 2.0


def group_labels(drawn: Drawn) -> list[list[int]]:
    """Split labels into groups for one pass each.

    Two labels share a pass when the sides of their drawn boxes differ by at most a factor of two and the box around
    both is at most twice as large as the two together; far apart or unlike in size, they would force a large region at
    a resolution that suits neither.
    """
    groups: list[list[int]] = []
    unions = {label: largest(masks) for label, masks in drawn.items()}
    for label in sorted(drawn):
        for group in groups:
            if all(_fit(unions[label], unions[other]) for other in group):
                group.append(label)
                break
        else:
            groups.append([label])
    return groups


def largest(masks: dict[int, Mask]) -> Mask:
    """The drawn slice with the most pixels."""
    return max(masks.values(), key=lambda mask: int(mask.sum()))


def _fit(a: Mask, b: Mask) -> bool:
    boxes = [bounding_box(a), bounding_box(b), bounding_box(a | b)]
    areas = [float((box[1] - box[0]) * (box[3] - box[2])) for box in boxes]
    sides = np.sqrt(areas[:2])
    return bool(sides.max() <= _SIZE_RATIO * sides.min() and areas[2] <= _ROOM * (areas[0] + areas[1]))
