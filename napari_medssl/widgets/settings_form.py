"""A form made from a recipe's settings: a row for each, the usual ones first, the others under "More settings"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QGridLayout, QLabel, QLineEdit, QToolButton, QVBoxLayout, QWidget

from napari_medssl.widgets.controls import WRONG, CalmMenu, fold, text
from napari_medssl.widgets.settings_fields import FieldView

MORE = "More settings"
UNDO_WIDTH = 24
Choices = Sequence[tuple[str, Any]]


class SettingsForm(QWidget):
    """Shows settings that differ from a base (defaults and preset) as changed, and takes them back one by one.

    It knows nothing of what is right: `say_wrong` is told.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: dict[str, SettingRow] = {}
        self._base: dict[str, Any] = {}
        self._offers: dict[str, Choices] = {}
        self._about_all = text("What is wrong with the settings")
        self._about_all.setStyleSheet(WRONG)
        self._about_all.setVisible(False)
        self._basic, self._more = QWidget(), QWidget()
        self.fold = fold(MORE, self._more, "Everything else that can be set; the presets are good for most.")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self._basic, self.fold, self._more, self._about_all):
            column.addWidget(widget)
        column.addStretch(1)

    def show_fields(self, fields: Sequence[FieldView], base: Mapping[str, Any]) -> None:
        """Make the rows anew; every setting stands at its base."""
        self._base = {field.name: base.get(field.name, field.default) for field in fields}
        for row in self.rows.values():
            row.setParent(None)
            row.deleteLater()
        self.rows = {}
        for holder, basic in ((self._basic, True), (self._more, False)):
            layout = holder.layout() or QVBoxLayout(holder)
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(4)
            for field in fields:
                if field.basic is basic:
                    row = SettingRow(field, self._offers.get(field.name))
                    row.show_value(self._base[field.name])
                    row.edited.connect(self._on_edited)
                    self.rows[field.name] = row
                    layout.addWidget(row)
        self.fold.setVisible(any(not field.basic for field in fields))
        self._more.setVisible(self.fold.isChecked())
        self._mark()

    def offer(self, name: str, choices: Choices) -> None:
        """From now on, choose the setting `name` from a menu of (text, value); others can still be shown."""
        self._offers[name] = choices
        if name in self.rows:
            self.rows[name].offer(choices)

    @property
    def gap(self) -> int:
        """Pixels between an input and the right edge, where the button is that takes a change back."""
        return UNDO_WIDTH + 6

    def changes(self) -> dict[str, Any]:
        """The settings that differ from the base."""
        return {name: row.value() for name, row in self.rows.items() if row.value() != self._base[name]}

    def values(self) -> dict[str, Any]:
        """All settings as they stand."""
        return {name: row.value() for name, row in self.rows.items()}

    def show_changes(self, changes: Mapping[str, Any]) -> None:
        """Put every setting to its base or to what `changes` says; unknown names are passed over."""
        for name, row in self.rows.items():
            row.show_value(changes.get(name, self._base[name]))
        self._mark()

    def say_wrong(self, wrong: Mapping[str, str]) -> None:
        """Show what is wrong, beside the setting it is about."""
        for name, row in self.rows.items():
            row.say_wrong(wrong.get(name, ""))
        others = [sentence for name, sentence in wrong.items() if name not in self.rows]
        self._about_all.setText(" ".join(others))
        self._about_all.setVisible(bool(others))
        if any(wrong.get(name) and not row.field.basic for name, row in self.rows.items()):
            self.fold.setChecked(True)  # what is wrong must be seen

    def _on_edited(self) -> None:
        self._mark()
        self.changed.emit()

    def _mark(self) -> None:
        changed = self.changes()
        for name, row in self.rows.items():
            row.mark(name in changed, self._base[name])
        hidden = sum(not self.rows[name].field.basic for name in changed)
        self.fold.setText(f"{MORE} ({hidden} changed)" if hidden else MORE)


class SettingRow(QWidget):
    """Title, input, and a button to take a change back; below, what is wrong."""

    edited = Signal()

    def __init__(self, field: FieldView, choices: Choices | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.field = field
        self._base: Any = field.default
        self.title = QLabel(field.title)
        self.title.setWordWrap(True)
        self.title.setToolTip(field.hint)
        self.undo = QToolButton()
        self.undo.setText("↺")
        self.undo.setFixedWidth(UNDO_WIDTH)
        self.undo.setAccessibleName(f"Reset {field.title}")
        self.undo.clicked.connect(self._on_undo)
        keeps = self.undo.sizePolicy()
        keeps.setRetainSizeWhenHidden(True)  # so that nothing jumps
        self.undo.setSizePolicy(keeps)
        self.wrong = QLabel()
        self.wrong.setWordWrap(True)
        self.wrong.setStyleSheet(WRONG)
        self.wrong.setVisible(False)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(6)
        self._grid.setColumnStretch(0, 4)
        self._grid.setColumnStretch(1, 5)
        self._grid.addWidget(self.title, 0, 0)
        self._grid.addWidget(self.undo, 0, 2)
        self._grid.addWidget(self.wrong, 1, 0, 1, 3)
        offered = choices or ([(str(value), value) for value in field.choices] if field.kind == "choice" else None)
        self.input = self._make_input(offered)
        self._grid.addWidget(self.input, 0, 1)

    def _make_input(self, choices: Choices | None) -> QWidget:
        made: QWidget
        if choices is not None:
            made = CalmMenu()
            for title, value in choices:
                made.addItem(title, value)
            made.currentIndexChanged.connect(lambda _: self.edited.emit())
        elif self.field.kind == "switch":
            made = QCheckBox()
            made.toggled.connect(lambda _: self.edited.emit())
        else:
            made = QLineEdit()
            made.textEdited.connect(lambda _: self.edited.emit())
            made.editingFinished.connect(self._tidy)
        made.setAccessibleName(self.field.title)
        made.setToolTip(self.field.hint)
        return made

    def offer(self, choices: Choices) -> None:
        """Choose from a menu from now on."""
        value, old = self.value(), self.input
        self.input = self._make_input(choices)
        self._grid.replaceWidget(old, self.input)
        old.setParent(None)
        old.deleteLater()
        self.show_value(value)

    def value(self) -> Any:
        """What stands in the input; a text that is no number stays a text."""
        if isinstance(self.input, QComboBox):
            return self.input.currentData()
        if isinstance(self.input, QCheckBox):
            return self.input.isChecked()
        assert isinstance(self.input, QLineEdit)
        return self.field.from_text(self.input.text())

    def show_value(self, value: Any) -> None:
        """Without a word to those who listen for edits."""
        self.input.blockSignals(True)
        if isinstance(self.input, QComboBox):
            if self.input.findData(value) < 0:
                self.input.addItem(self.field.to_text(value), value)
            self.input.setCurrentIndex(self.input.findData(value))
        elif isinstance(self.input, QCheckBox):
            self.input.setChecked(bool(value))
        elif isinstance(self.input, QLineEdit):
            self.input.setText(self.field.to_text(value))
        self.input.blockSignals(False)

    def mark(self, changed: bool, base: Any) -> None:
        """Show whether the value differs from the base."""
        self._base = base
        self.title.setStyleSheet("QLabel { font-weight: bold; }" if changed else "")
        self.undo.setVisible(changed)
        self.undo.setToolTip(f"Back to {self.field.in_words(base)}")

    def say_wrong(self, sentence: str) -> None:
        self.wrong.setText(sentence)
        self.wrong.setVisible(bool(sentence))

    def _on_undo(self) -> None:
        self.show_value(self._base)
        self.edited.emit()

    def _tidy(self) -> None:
        """Show a number as it was understood ("90 min" as "1.5 h")."""
        if not self.wrong.text():
            self.show_value(self.value())


