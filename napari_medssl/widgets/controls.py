"""Small controls, made alike: each has a tooltip and a name that screen readers say, and stays narrow."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QScrollArea, QToolButton, QVBoxLayout, QWidget

# A bar at the edge of the first line says what kind of line it is; each colour reads on dark and on light.
BARS = {"next": "#3d84c6", "busy": "#8a6fc9", "done": "#3f9142", "trouble": "#d9622b"}
# The button that is the next step.
EMPHASIS = "QPushButton:enabled { background: #2f6fb0; color: white; }"
WRONG = "QLabel { color: #d9622b; }"  # a text that says what is wrong
# For buttons whose text ends in an arrow of its own: napari's theme lays Qt's over the text.
NO_ARROW = "QToolButton::menu-indicator { image: none; }"


class CalmMenu(QComboBox):
    """A menu that stays narrow, and that scrolling past leaves as it is."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802  (Qt's name)
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


def menu(entries: list[tuple[str, Any]], name: str, hint: str) -> QComboBox:
    """A menu of (text, value)."""
    made = QComboBox()
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(8)
    for text, value in entries:
        made.addItem(text, value)
    made.setAccessibleName(name)
    made.setToolTip(hint)
    return made


def button(text: str, hint: str) -> QPushButton:
    made = QPushButton(text)
    made.setAccessibleName(text.rstrip("…"))
    made.setToolTip(hint)
    return made


def text(name: str) -> QLabel:
    """A line of text that wraps and can be copied."""
    made = QLabel()
    made.setWordWrap(True)
    made.setAccessibleName(name)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return made


def first_line_style(kind: str) -> str:
    """The look of a widget's first line; `kind` is one of `BARS`."""
    return f"QLabel {{ border-left: 4px solid {BARS[kind]}; padding: 4px 4px 4px 8px; }}"


def settle(*widgets: QWidget) -> None:
    """Lay widgets out anew at once, the innermost first, after something in them has become higher or lower."""
    for widget in widgets:
        layout = widget.layout()
        layout.invalidate()
        layout.activate()
    widgets[-1].updateGeometry()


def row(*widgets: QWidget) -> QWidget:
    """Widgets side by side; the first one takes the room that is left."""
    made = QWidget()
    layout = QHBoxLayout(made)
    layout.setContentsMargins(0, 0, 0, 0)
    for position, widget in enumerate(widgets):
        layout.addWidget(widget, 1 if position == 0 else 0)
    return made


def scrolled(content: QWidget) -> QScrollArea:
    """`content` from the top down, with a bar to scroll by where the dock is too low for it."""
    area, inside = QScrollArea(), QWidget()
    column = QVBoxLayout(inside)
    column.setContentsMargins(6, 6, 6, 6)
    column.addWidget(content)
    column.addStretch(1)
    area.setWidget(inside)
    area.setWidgetResizable(True)
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    # room for the bar beside the content, so that nothing is cut off when it comes
    area.setMinimumWidth(content.minimumWidth() + 12 + area.verticalScrollBar().sizeHint().width())
    return area


def fold(title: str, content: QWidget, hint: str) -> QToolButton:
    """A heading that opens and closes what lies under it; closed to begin with."""
    heading = QToolButton()
    heading.setText(title)
    heading.setAccessibleName(title)
    heading.setToolTip(hint)
    heading.setCheckable(True)
    heading.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    heading.setArrowType(Qt.ArrowType.RightArrow)
    content.setVisible(False)

    def turn(opened: bool) -> None:
        heading.setArrowType(Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow)
        content.setVisible(opened)

    heading.toggled.connect(turn)
    return heading
