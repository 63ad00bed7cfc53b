"""The button that saves a mask, for widgets that make one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_medssl.errors import BadInput
from napari_medssl.widgets import save_mask
from napari_medssl.widgets.trouble import tell_trouble

if TYPE_CHECKING:
    from napari.layers import Image, Labels


class MaskSaving(QObject):
    """Writes a layer in a thread; `said` is emitted with (kind, sentence) for the first line."""

    said = Signal(str, str)

    def save(self, labels: Labels, image: Image, path: str) -> None:
        """Write labels that lie on an image; an empty path means never mind."""
        if not path:
            return
        try:
            save_mask.save_in_background(labels, image, path, self._on_saved)
            self.said.emit("busy", "Saving…")
        except BadInput as error:
            self.said.emit("trouble", tell_trouble(error))

    def _on_saved(self, result: Path | tuple[Exception]) -> None:
        if isinstance(result, tuple):
            self.said.emit("trouble", tell_trouble(result[0]))
        else:
            self.said.emit("done", f"Saved as {result.name}.")
