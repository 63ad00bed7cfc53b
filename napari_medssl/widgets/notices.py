"""Telling the person something in the viewer's own way."""

from __future__ import annotations

from typing import Any

from napari_medssl.volumes.volume import Volume


def shown_viewer() -> Any:
    """The current viewer if its window is on the screen, else None."""
    from napari import current_viewer

    viewer = current_viewer()
    try:
        return viewer if viewer is not None and viewer.window._qt_window.isVisible() else None
    except (AttributeError, RuntimeError):  # no window, or one that Qt has deleted already
        return None


def tell(sentence: str) -> None:
    """Show something worth knowing."""
    from napari.utils.notifications import show_info

    show_info(sentence)


def tell_error(sentence: str) -> None:
    """Show what went wrong, without a traceback."""
    from napari.utils.notifications import show_error

    show_error(sentence)


def tell_notes(volume: Volume) -> None:
    """Show what the person should know about a scan, such as missing slices."""
    from napari.utils.notifications import show_warning

    for note in volume.notes:
        show_warning(f"{volume.name}: {note}")
