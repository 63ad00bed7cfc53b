"""The session of a Labels layer: read with the mask, waiting until somebody asks for it, and written beside the mask.

A layer is shown in another order than its file is kept in; sessions in files are in the file's order, as the command
line takes them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medssl.errors import BadInput
from napari_medssl.propagation.session import Session
from napari_medssl.propagation.session_turn import Turn
from napari_medssl.propagation.structures import Structures
from napari_medssl.volumes.orientation import Display
from napari_medssl.widgets.layers import KEY, layer_data, scan_info
from napari_medssl.widgets.structures_of import STRUCTURES, layer_arguments

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_medssl.volumes import Volume

WAITING = "session"  # under this name a session waits in a layer's metadata


def with_session(volume: Volume, path: Path) -> tuple[Any, dict[str, Any], str]:
    """A mask as napari layer data, with the session that lies beside its file, if one does.

    A session that cannot be used is told of, and left alone.
    """
    from napari_medssl.propagation.session_file import load_session, session_path
    from napari_medssl.widgets.notices import tell

    array, arguments, kind = layer_data(volume, kind="labels")
    beside = session_path(path)
    if beside.is_file():
        display = _display(arguments["metadata"][KEY])
        try:
            session = load_session(beside, display.back(array))
            structures = Structures.from_json(session.extra.get(STRUCTURES)).renewed(volume.segments)
            session.extra[STRUCTURES] = arguments["metadata"][KEY][STRUCTURES] = structures.as_json()
            arguments |= layer_arguments(structures)
            leave_waiting(arguments["metadata"], Turn.to_display(display, volume.shape).session(session))
        except BadInput as error:
            tell(f"{error} The mask was opened without it.")
    return array, arguments, kind


def leave_waiting(metadata: dict[str, Any], session: Session) -> None:
    """Put a session into a layer's metadata, for `take_waiting`."""
    metadata.setdefault(KEY, {})[WAITING] = session


def take_waiting(layer: Layer) -> Session | None:
    """The session that waits in a layer's metadata, once."""
    info = layer.metadata.get(KEY)
    session = info.pop(WAITING, None) if isinstance(info, dict) else None
    return session if isinstance(session, Session) else None


def display_of(labels: Layer, image: Layer | None) -> Display:
    """How a labels layer is turned against its file, as far as it or the image under it knows."""
    return _display(scan_info(labels) or (None if image is None else scan_info(image)))


def _display(info: dict[str, Any] | None) -> Display:
    return Display() if info is None else Display.from_json(info["display"])
