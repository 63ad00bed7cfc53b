"""From unsaved work on disk to layers: the scan, where its file is still there, and the labels on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from napari_medssl.errors import BadInput
from napari_medssl.propagation.recovery import About, Recovery
from napari_medssl.propagation.session import Session
from napari_medssl.propagation.structures import Structures
from napari_medssl.propagation.tiles import Labels as Array
from napari_medssl.widgets.autosave import keep_safe
from napari_medssl.widgets.hand_strokes import strokes_on
from napari_medssl.widgets.layers import KEY, reference_image
from napari_medssl.widgets.open_scan import PLUGIN
from napari_medssl.widgets.session_layers import leave_waiting
from napari_medssl.widgets.structures_of import STRUCTURES, layer_arguments

if TYPE_CHECKING:
    from napari.layers import Labels
    from qtpy.QtCore import QObject

Found = tuple[Array, Session, About]


class WhichScan(Protocol):
    """Where a scan came from: its file or folder, "" where there is none, or (plugin, name) of a sample."""

    scan_path: str
    sample: tuple[str, str] | None


def fetch(path: Path) -> Found:
    """Take unsaved work over from a viewer that is gone, in any thread.

    Raises
    ------
    BadInput
        It is damaged, or another viewer has just brought it back.
    """
    recovery = Recovery(path)
    found = recovery.read()
    if not recovery.claim():
        raise BadInput("Another napari has just brought this work back; it is open there.")
    return found


def show(viewer: Any, path: Path, found: Found, owner: QObject) -> tuple[Labels, str]:
    """Add the layers of unsaved work to a viewer; the labels, and what the person should know, if anything."""
    labels, session, about = found
    trouble = open_scan(viewer, about)
    place = dict(about.place)
    info, metadata = place.pop("info", None), dict[str, Any]()
    if isinstance(info, dict):
        metadata[KEY] = info
    if STRUCTURES in session.extra:
        place |= layer_arguments(Structures.from_json(session.extra[STRUCTURES]))
    leave_waiting(metadata, session)
    layer = viewer.add_labels(labels, name=about.name, metadata=metadata, **place)
    strokes_on(layer, viewer)
    keep_safe(viewer, owner).brought_back(layer, Recovery(path))
    viewer.layers.selection.active = layer
    if not trouble and reference_image(viewer, layer) is None:
        trouble = f"Open the scan {about.scan_name} too; the labels lie on it." if about.scan_name else ""
    return layer, trouble


def open_scan(viewer: Any, about: WhichScan) -> str:
    """Open the scan unless it is open; what went wrong, or nothing."""
    from napari.layers import Labels

    for layer in viewer.layers:
        source = layer.source
        if not isinstance(layer, Labels) and (
            (about.scan_path and source.path == about.scan_path)
            or (about.sample and source.sample and tuple(source.sample) == about.sample)
        ):
            return ""
    if about.sample is not None:
        for layer in viewer.open_sample(*about.sample):
            if isinstance(layer, Labels):  # the drawn slices that come with a sample
                viewer.layers.remove(layer)
        return ""
    if not about.scan_path:
        return ""
    if not Path(about.scan_path).exists():
        return f"The scan {about.scan_path} is not there any more; open it from where it is now."
    try:
        viewer.open(about.scan_path, plugin=PLUGIN)
    except (OSError, ValueError) as error:  # BadInput among them
        return f"The scan cannot be opened: {error}"
    return ""
