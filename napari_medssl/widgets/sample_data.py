"""File > Open Sample: scans to try the tools on, without a file at hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_medssl.volumes.volume import Volume
from napari_medssl.volumes.windows import CT_WINDOWS, limits
from napari_medssl.widgets.layers import layer_data
from napari_medssl.widgets.sides import mark_current

LayerTuple = tuple[Any, ...]


def abdomen_sample() -> list[LayerTuple]:
    """The packaged abdomen CT and its labels, each organ drawn on one slice; the view goes to the first one's slice."""
    from napari_medssl.volumes.samples import open_sample, open_sample_seeds

    image = layer_data(open_sample(), name="Abdomen CT phantom")
    seeds = layer_data(open_sample_seeds(), name="Drawn slices", kind="labels")
    mark_current()
    drawn = np.flatnonzero((seeds[0] == 1).any(axis=(1, 2)))
    _show_slice_once_added(seeds[1]["name"], int(drawn[0]))
    return [image, seeds]


def chest_sample() -> list[LayerTuple]:
    """A chest CT phantom with branching vessels and nodules, and its exact labels, hidden; made in a few seconds."""
    from napari_medssl.volumes.phantoms import chest

    phantom = chest()
    labels = layer_data(Volume(phantom.labels, phantom.volume.geometry), name="Chest labels", kind="labels")
    labels[1]["visible"] = False
    image = layer_data(phantom.volume, name="Chest CT phantom")
    image[1]["contrast_limits"] = limits(next(window for window in CT_WINDOWS if window.name == "lung"))
    mark_current()
    return [image, labels]


def _show_slice_once_added(name: str, index: int) -> None:
    """Show the slice `index` of the layer called `name` when it comes into the current viewer."""
    from napari import current_viewer

    viewer = current_viewer()
    if viewer is None:
        return

    def show(event: Any) -> None:
        if event.value.name.startswith(name):
            viewer.layers.events.inserted.disconnect(show)
            axis = viewer.dims.ndim - 3
            viewer.dims.set_point(axis, event.value.data_to_world((index, 0, 0))[0])

    viewer.layers.events.inserted.connect(show)
