"""Resuming a run with other settings: more time, fewer samples per step, another device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from napari_medssl.widgets.controls import text
from napari_medssl.widgets.settings_fields import fields_of, wrong_values
from napari_medssl.widgets.settings_form import SettingsForm
from napari_medssl.widgets.train_form import scrolled
from napari_medssl.widgets.train_texts import device_name

# Those that do not change what is learnt so far: network, data and name stay.
CHANGEABLE = (
    "seconds", "device", "steps", "batch", "learning_rate", "validate_every", "patience", "precision", "threads",
    "workers", "memory_gb", "checkpoint_seconds", "leave_out_unusable",
)  # fmt: skip
WORDS = {
    "finished": "The run came to its end. Give it a longer time limit, and it goes on from there.",
    "failed": "Change what stood in the way, and the run goes on from its last checkpoint.",
}
USUAL = "The run goes on from its last checkpoint."


class ResumeDialog(QDialog):
    """Asks for changes; those that are wrong are said, and cannot be taken."""

    def __init__(self, info: Any, recipe: Any, devices: Sequence[str] | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Resume {info.name}")
        self._model = recipe.settings_model
        self._base = {name: value for name, value in info.settings.items() if name in self._model.model_fields}
        words = text("What happens")
        words.setText(WORDS.get(info.state, USUAL))
        self.form = SettingsForm()
        if devices is not None:
            self.form.offer("device", [(device_name(name), name) for name in devices])
        fields = [field for field in fields_of(self._model) if field.name in CHANGEABLE]
        self.form.show_fields(fields, self._base)
        self.form.changed.connect(self._look)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.resume = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.resume.setText("Resume")
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        area = scrolled(self.form)
        for widget in (words, area, self.buttons):
            column.addWidget(widget)
        column.setStretchFactor(area, 1)
        self.setMinimumSize(380, 240)
        self.form.fold.toggled.connect(lambda opened: self.resize(self.width(), 560 if opened else 240))
        self.form.fold.setChecked(info.state == "failed")  # what has to change lies there

    def changes(self) -> dict[str, Any]:
        """The settings to resume with, where they differ from those of the run."""
        return self.form.changes()

    def _look(self) -> None:
        wrong = wrong_values(self._model, {**self._base, **self.changes()})
        self.form.say_wrong(wrong)
        self.resume.setEnabled(not wrong)


def ask_changes(parent: QWidget, info: Any, recipe: Any, devices: Sequence[str] | None) -> dict[str, Any] | None:
    """The changes that the person wants, or None for not resuming."""
    dialog = ResumeDialog(info, recipe, devices, parent)
    try:
        return dialog.changes() if dialog.exec() else None
    finally:
        dialog.deleteLater()
