"""The help page of the Propagate widget: the loop in five lines, the marks on the strip, and the keys."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from napari_medssl.widgets.shortcuts import OF_NAPARI, SHORTCUTS

LOOP = (
    ("Draw", "the structure on one slice, where it is large and clear."),
    ("Propagate", "carries it to the other slices."),
    ("Check slice …", "shows the slice that needs you most; or click on the strip, where it is low and orange."),
    (
        "Correct it",
        "with the brush and the eraser; or click This slice is right, or Not here beyond the structure's end."
        " The slice now counts as drawn by hand.",
    ),
    ("Propagate again", "and the slices in between follow what you corrected. Save the mask when you are content."),
)
MARKS = (
    ("▲", "drawn by hand"),
    ("○", "corrected, or said to be right"),
    ("✕", "not here: the propagation stops there"),
    ("▼", "the slice to check next"),
    ("│", "the slice that is shown"),
    ("[ ]", "the slices to fill: drag the brackets at the ends; the hatched ones are left as they are"),
)


def help_page() -> str:
    """The page, as HTML."""
    loop = "".join(f"<li><b>{escape(what)}</b> {escape(how)}</li>" for what, how in LOOP)
    marks = _table((mark, escape(what)) for mark, what in MARKS)
    keys = _table((f"<b>{escape(shortcut.key)}</b>", escape(shortcut.does)) for shortcut in SHORTCUTS)
    napari = _table((f"<b>{escape(key)}</b>", escape(what)) for key, what in OF_NAPARI)
    return (
        f"<h3>The way it goes</h3><ol>{loop}</ol>"
        "<h3>The strip</h3><p>Each column is a slice, or the least sure of a few: high and blue is sure, low and orange"
        f" is not, nothing is not reached. Click or drag to go there.</p>{marks}"
        f"<h3>Keys</h3><p>They work while the picture has the focus.</p>{keys}"
        f"<h3>napari's own</h3>{napari}"
    )


def _table(rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><td width='120'>{key}</td><td>{what}</td></tr>" for key, what in rows)
    return f"<table cellpadding='2'>{cells}</table>"


class HelpPage(QDialog):
    """Stays open beside the work."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Propagate: help")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
        self.page = QTextBrowser()
        self.page.setAccessibleName("Help")
        self.page.setHtml(help_page())
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addWidget(self.page)
        column.addWidget(buttons)
        self.resize(560, 640)
