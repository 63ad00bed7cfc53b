"""The names, colours and locks of a Labels layer: kept in its session and on the layer, and shown by napari."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medssl.propagation.structures import Structures
from napari_medssl.volumes.segments import Colour
from napari_medssl.widgets import locks

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_medssl.propagation.session import Session

STRUCTURES = "structures"
_KEY = "napari_medssl"  # `layers.KEY`; that module asks this one what to give a layer that is read
_TABLE = 256  # labels that have a colour of their own once one of them has been chosen


def structures_of(layer: Labels, session: Session) -> Structures:
    """What is known of the labels of a layer; `keep` the result after changing it."""
    if STRUCTURES not in session.extra:
        session.extra[STRUCTURES] = _on_layer(layer)
    return Structures.from_json(session.extra[STRUCTURES])


def structures_on(layer: Any) -> Structures:
    """What a layer itself says of its labels."""
    return Structures.from_json(_on_layer(layer))


def keep(layer: Labels, session: Session, structures: Structures) -> None:
    """Keep what was changed in `structures`, and let the layer show it."""
    session.extra[STRUCTURES] = structures.as_json()
    show(layer, structures)


def show(layer: Labels, structures: Structures) -> None:
    """Bring a layer in line: its locks, its colours, and the names that napari tells under the mouse."""
    locks.guard(layer).locked = structures.locked
    plain = structures.as_json()
    if _on_layer(layer) == plain:
        return
    layer.metadata = {**layer.metadata, _KEY: {**layer.metadata.get(_KEY, {}), STRUCTURES: plain}}
    layer.features = features(structures)
    wanted = colours(structures)
    if any(tuple(colour_of(layer, label)) != colour for label, colour in wanted.items()):
        layer.colormap = colormap(wanted, layer.colormap)


def layer_arguments(structures: Structures) -> dict[str, Any]:
    """Arguments for a new Labels layer of these structures, without its metadata."""
    arguments: dict[str, Any] = {"features": features(structures)}
    if wanted := colours(structures):
        arguments["colormap"] = colormap(wanted)
    return arguments


def colour_of(layer: Labels, label: int) -> Colour:
    """The colour (0..1) in which a layer shows a label."""
    shown = layer.colormap
    if shown.use_selection:
        shown = shown.model_copy(update={"use_selection": False})
    red, green, blue = (round(float(part), 6) for part in np.ravel(shown.map(int(label)))[:3])
    return red, green, blue


def colours(structures: Structures) -> dict[int, Colour]:
    """{label: colour} of those that have one."""
    return {label: colour for label in structures.labels if (colour := structures[label].colour) is not None}


def colormap(wanted: Mapping[int, Colour], base: Any = None) -> Any:
    """A colormap with these colours, and for all other labels the colours of `base`."""
    from napari.utils.colormaps import DirectLabelColormap, label_colormap

    base = label_colormap() if base is None else base
    shown = base.model_copy(update={"use_selection": False})
    table: dict[int | None, Any] = {label: shown.map(label) for label in range(1, _TABLE)}
    table |= {label: colour for label, colour in getattr(base, "color_dict", {}).items() if label is not None}
    table |= {label: (*colour, 1.0) for label, colour in wanted.items()}
    table |= {None: (0.6, 0.6, 0.6, 1.0), 0: (0.0, 0.0, 0.0, 0.0)}
    return DirectLabelColormap(color_dict=table, use_selection=base.use_selection, selection=base.selection)


def features(structures: Structures) -> dict[str, Any]:
    """The table from which napari tells the name of the label under the mouse."""
    named = [label for label in structures.labels if structures[label].name]
    if not named:
        return {}
    # the background has no name; without a line of its own napari would say "[No Properties]" of it
    return {"index": [0, *named], "name": [None, *(structures[label].name for label in named)]}


def _on_layer(layer: Any) -> Any:
    info = layer.metadata.get(_KEY)
    return info.get(STRUCTURES, {}) if isinstance(info, Mapping) else {}
