"""What a person can ask of a run: stop, resume, use its model, look into its folder, end it at once, remove it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from napari_medssl.errors import BadInput
from napari_medssl.widgets import train_outside as outside
from napari_medssl.widgets import train_texts as texts
from napari_medssl.widgets.desk import Desk
from napari_medssl.widgets.notices import tell
from napari_medssl.widgets.train_resume import ask_changes
from napari_medssl.widgets.train_runs import TrainRuns
from napari_medssl.widgets.train_session import TrainSession

QUESTIONS = {"kill": texts.KILL_QUESTION, "remove": texts.REMOVE_QUESTION}


class Actions(QObject):
    """Asks the person where something is to be decided, and does it in the background.

    `said` has a kind of line and a sentence ("" for none); `resumed` the run's folder. How to ask the person and the
    system are attributes: `confirm`, `ask_changes`, `open_folder`, `use_model`.
    """

    said = Signal(str, str)
    failed = Signal(object)
    resumed = Signal(Path)
    shelf_changed = Signal()

    def __init__(self, viewer: Any, session: TrainSession, runs: TrainRuns, desk: Desk, parent: QWidget) -> None:
        super().__init__(parent)
        self._viewer, self._session, self._runs, self._desk, self._widget = viewer, session, runs, desk, parent
        self.confirm = outside.confirm
        self.open_folder = outside.open_folder
        self.ask_changes = ask_changes
        self.use_model = outside.use_model

    def ask(self, action: str, folder: Path) -> None:
        """Do what was asked of a run: an action of `train_history.ACTIONS`."""
        info = self._runs.info(folder)
        if info is None:
            return
        self.said.emit("", "")
        if action in QUESTIONS and not self.confirm(self._widget, QUESTIONS[action].format(name=info.name)):
            return
        if action == "open":
            self.open_folder(folder)
        elif action == "use":
            self._use(info)
        elif action in ("resume", "change"):
            self._resume(info, ask=action == "change" or info.state in ("finished", "failed"))
        else:
            self._runs.ask(action, folder)

    def _resume(self, info: Any, *, ask: bool) -> None:
        """Go on with a run; one that would only end again as it did is asked about first."""
        changes: dict[str, Any] | None = {}
        recipe = self._session.recipes.get(info.recipe)
        if ask and recipe is not None:
            changes = self.ask_changes(self._widget, info, recipe, self._session.devices)
        if changes is not None:
            self.said.emit("busy", f"Resuming {info.name}…")
            self._runs.ask("resume", info.folder, lambda: self.resumed.emit(info.folder), **changes)

    def _use(self, info: Any) -> None:
        """Copy the model to the shelf in a thread; what has to be asked, such as about its name, is asked here."""
        card = info.model
        if card is not None:
            self.said.emit("busy", f"Putting {info.name} on the shelf…")
            self._desk.send(lambda: outside.shelve(card), lambda _: self._choose(card), self.failed.emit)

    def _choose(self, card: Path) -> None:
        try:
            sentence = self.use_model(self._viewer, card)
        except BadInput as error:
            self.failed.emit(error)
            return
        self.shelf_changed.emit()
        self.said.emit("done" if sentence else "", sentence)
        if sentence:
            tell(sentence)  # the tool now lies in front of this panel
