"""A docked widget in which one run at a time is under way."""

from __future__ import annotations

from typing import Any

from napari_medssl.widgets.dock import DockedWidget


class RunningWidget(DockedWidget):
    """Its `run`, which has a `stop`, ends early when the person cancels it or closes the dock."""

    run: Any = None

    def look(self) -> None:
        """Bring every text and button in line with what is there."""
        raise NotImplementedError

    def leave(self) -> None:
        """The dock was closed: stop."""
        super().leave()
        if self.run is not None:
            self.run.stop.ask()

    def _on_cancel(self) -> None:
        if self.run is not None:
            self.run.stop.ask()
        self.look()
