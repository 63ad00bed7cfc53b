"""A layer that shows where two masks differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari.layers import Labels

TOO_MUCH, MISSING, OTHER = 1, 2, 3
# Orange, blue and grey: told apart by colour-blind people too.
_COLOURS = {TOO_MUCH: (0.90, 0.62, 0.0), MISSING: (0.0, 0.45, 0.70), OTHER: (0.75, 0.75, 0.75)}
_NAMES = {TOO_MUCH: "too much", MISSING: "missing", OTHER: "another structure"}


def differences(labels: NDArray[np.integer], reference: NDArray[np.integer]) -> NDArray[np.uint8]:
    """1 where only `labels` has something, 2 where only `reference` has, 3 where both have different labels."""
    found = np.zeros(labels.shape, dtype=np.uint8)
    for plane, mine, theirs in zip(found, labels, reference, strict=True):  # slice by slice, to stay small in memory
        differ = mine != theirs
        plane[differ & (mine != 0)] = TOO_MUCH
        plane[differ & (theirs != 0)] = MISSING
        plane[differ & (mine != 0) & (theirs != 0)] = OTHER
    return found


def add_difference(viewer: Any, labels: Labels, reference: Labels, found: NDArray[np.uint8]) -> Labels:
    """Add the answer of `differences` on top, exactly where `labels` lies; the layer in hand stays in hand."""
    from napari.utils.colormaps import DirectLabelColormap

    active = viewer.layers.selection.active
    table: dict[int | None, Any] = {number: (*colour, 1.0) for number, colour in _COLOURS.items()}
    layer = viewer.add_labels(
        found,
        name=f"{labels.name} against {reference.name}",
        scale=labels.scale,
        translate=labels.translate,
        rotate=labels.rotate,
        shear=labels.shear,
        affine=labels.affine,
        units=labels.units,
        axis_labels=labels.axis_labels,
        colormap=DirectLabelColormap(color_dict={None: "transparent", 0: "transparent", **table}),
        features={"index": list(_NAMES), "name": list(_NAMES.values())},
    )
    viewer.layers.selection.active = active
    return layer
