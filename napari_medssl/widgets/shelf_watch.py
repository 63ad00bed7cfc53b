"""Following the model shelf from Qt's thread."""

from __future__ import annotations

from qtpy.QtCore import QObject, QTimer, Signal

from napari_medssl.errors import BadInput
from napari_medssl.models import Entry, changes, survey
from napari_medssl.widgets.notices import tell, tell_error
from napari_medssl.widgets.preferences import use_model_folder

LOOK_MS = 300

_told: set[str] = set()


class ShelfWatch(QObject):
    """Emits `changed` soon after a model was added or removed in this process, by whichever thread."""

    changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._seen = changes()
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._look)
        self._timer.start()

    def _look(self) -> None:
        if changes() != self._seen:
            self.changed.emit()

    def entries(self) -> list[Entry]:
        """What stands on the shelf now, the folder of the preferences included; those that others hide are left out."""
        try:
            use_model_folder()
        except BadInput as error:
            tell_once(str(error), error=True)
        self._seen = changes()
        return [entry for entry in survey() if not entry.hidden]


def tell_once(sentence: str, *, error: bool = False) -> None:
    """Show a sentence, unless it has been shown since napari was started."""
    if sentence not in _told:
        _told.add(sentence)
        (tell_error if error else tell)(sentence)
