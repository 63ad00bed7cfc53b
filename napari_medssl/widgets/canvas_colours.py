"""Colours that can be read on the canvas: it is black in napari's dark theme and white in the light one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.viewer import ViewerModel

Colour = tuple[float, float, float, float]
_ON_BLACK: Colour = (1.0, 0.88, 0.3, 1.0)
_ON_WHITE: Colour = (0.75, 0.36, 0.0, 1.0)  # can be read on a black scan that lies there, too


def marking(viewer: ViewerModel) -> Colour:
    """For letters and marks: yellow, or on a white canvas a dark orange."""
    from napari.utils.theme import get_theme

    red, green, blue = get_theme(viewer.theme).canvas.as_rgb_tuple()[:3]
    return _ON_WHITE if red + green + blue > 3 * 128 else _ON_BLACK
