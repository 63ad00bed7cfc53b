"""How long and how: a preset, the model's name, and the recipe's settings for those who want more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from napari_medssl.training.settings import Preset
from napari_medssl.widgets.controls import WRONG, text
from napari_medssl.widgets.settings_fields import FieldView
from napari_medssl.widgets.settings_form import SettingsForm

# The button that is pressed must be seen on both themes.
PRESSED = "QPushButton:checked { background: #2f6fb0; color: white; }"


class PlanPanel(QWidget):
    """A button for each preset, with its help; name; settings."""

    preset_chosen = Signal(str)
    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons: dict[str, QPushButton] = {}
        self._group = QButtonGroup(self)
        self._row = QHBoxLayout()
        self._row.setSpacing(4)
        self._helps: dict[str, str] = {}
        self.help = text("What the choice means")
        self.warning = text("Warning")
        self.warning.setStyleSheet(WRONG)
        self.warning.setVisible(False)
        self.name = QLineEdit()
        self.name.setAccessibleName("Model name")
        self.name.setToolTip("What the model will be called: small letters, digits, dots and dashes.")
        self.name.textEdited.connect(lambda _: self.changed.emit())
        self.name_wrong = text("What is wrong with the name")
        self.name_wrong.setStyleSheet(WRONG)
        self.name_wrong.setVisible(False)
        self.settings = SettingsForm()
        self.settings.changed.connect(self.changed)
        named = QHBoxLayout()
        title = text("Model name")
        title.setText("Model name")
        named.addWidget(title, 4)
        named.addWidget(self.name, 5)
        named.addSpacing(self.settings.gap)  # in line with the settings below
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._row)
        for widget in (self.help, self.warning):
            column.addWidget(widget)
        column.addLayout(named)
        column.addWidget(self.name_wrong)
        column.addWidget(self.settings)

    def show_presets(self, presets: Sequence[Preset], chosen: str) -> None:
        """Offer presets; `chosen` is pressed."""
        for made in self.buttons.values():
            self._group.removeButton(made)
            self._row.removeWidget(made)
            made.deleteLater()
        self.buttons = {}
        self._helps = {preset.title: preset.help for preset in presets}
        for preset in presets:
            made = QPushButton(preset.title)
            made.setCheckable(True)
            made.setAccessibleName(preset.title)
            made.setToolTip(preset.help)
            made.setStyleSheet(PRESSED)
            made.clicked.connect(lambda _=False, title=preset.title: self._on_preset(title))
            self._group.addButton(made)
            self._row.addWidget(made)
            self.buttons[preset.title] = made
        if chosen in self.buttons:
            self.buttons[chosen].setChecked(True)
        self.help.setText(self._helps.get(chosen, ""))

    def show_fields(self, fields: Sequence[FieldView], base: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
        """Show the settings at the preset's values, but for those changed."""
        self.settings.show_fields(fields, base)
        self.settings.show_changes(changes)

    def say_wrong(self, wrong: Mapping[str, str]) -> None:
        """What is wrong with which setting; "name" is the model's name."""
        self.name_wrong.setText(wrong.get("name", ""))
        self.name_wrong.setVisible(bool(wrong.get("name")))
        self.settings.say_wrong({name: sentence for name, sentence in wrong.items() if name != "name"})

    def warn(self, sentence: str) -> None:
        self.warning.setText(sentence)
        self.warning.setVisible(bool(sentence))

    def _on_preset(self, title: str) -> None:
        self.help.setText(self._helps[title])
        self.preset_chosen.emit(title)
