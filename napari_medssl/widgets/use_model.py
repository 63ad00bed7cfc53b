"""Putting a model on the shelf from the viewer, and choosing it in the tool that it is for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from qtpy.QtWidgets import QDockWidget, QMessageBox, QWidget

from napari_medssl.models import Card, Entry, add_model, offered_card, survey
from napari_medssl.widgets.model_menu import ModelMenu
from napari_medssl.widgets.preferences import PLUGIN

Answer = Literal["replace", "both", "cancel"]
Ask = Callable[[str], Answer]

# The widget of each purpose, by its name in the menus.
TOOLS = {
    "propagation": "Propagate a slice",
    "segmentation": "Segment with my model",
    "tubes": "Tubes",
    "nodules": "Nodules",
}
UNDER_OPTIONS = {"propagation"}  # where the model menu does not lie open


def use_model(viewer: Any, card: Path, ask: Ask | None = None) -> str:
    """Put the model that a card describes on the shelf, open the tool that it is for, and choose it there.

    Parameters
    ----------
    viewer : the viewer whose tool is meant
    card : path of the card, its weights beside it, as a run leaves them
    ask : answers what to do where another model of the name is there; asks the person by default

    Returns
    -------
    A sentence that says what has been done; empty where the person thought better of it.

    Raises
    ------
    BadInput
        The model cannot be used.
    """
    kept = put_on_shelf(card, ask)
    if kept is None:
        return ""
    tool = TOOLS.get(kept.purpose)
    if tool is None:
        return f"{kept.title} is on the shelf. No tool in the viewer uses such models yet."
    chosen = [menu.choose(kept.name) for menu in _menus(viewer, kept.purpose, tool)]
    if not any(chosen):
        return f"{kept.title} is on the shelf, but {tool!r} does not offer it; choose it there by hand."
    return f"{kept.title} is chosen in {tool!r}{', under Options' if kept.purpose in UNDER_OPTIONS else ''}."


def put_on_shelf(path: Path, ask: Ask | None = None) -> Card | None:
    """Add a model unless this very one is there already; where another has its name, ask. None: rather not.

    `path` is anything that `napari_medssl.models.add_model` takes.

    Raises
    ------
    BadInput
        The model cannot be used.
    """
    card = offered_card(path)
    used = _used(card.name)
    if used is None:
        return add_model(path)
    if used.card is not None and not used.trouble and used.card.sha256 == card.sha256:
        return used.card
    answer = (ask or ask_about_name)(card.name)
    if answer == "cancel":
        return None
    if answer == "replace" and used.where != "shipped":
        return add_model(path, replace=True)
    return add_model(path, name=free_name(card.name))


def free_name(name: str) -> str:
    """The name with the first number that makes it one that no model has."""
    taken = {entry.name for entry in survey()}
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"


def ask_about_name(name: str, parent: QWidget | None = None) -> Answer:
    """Ask the person what to do about a name that is taken."""
    box = QMessageBox(parent)
    box.setWindowTitle("Models")
    box.setText(f"There is another model called {name}.")
    box.setInformativeText(f"Keep both, and call this one {free_name(name)}, or put the other into 'removed'?")
    replace = box.addButton("Replace", QMessageBox.ButtonRole.AcceptRole)
    used = _used(name)
    replace.setEnabled(used is None or used.where != "shipped")
    both = box.addButton("Keep both", QMessageBox.ButtonRole.AcceptRole)
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(both)
    box.exec()
    clicked = box.clickedButton()
    box.deleteLater()
    return "replace" if clicked is replace else "both" if clicked is both else "cancel"


def _used(name: str) -> Entry | None:
    return next((entry for entry in survey() if entry.name == name and not entry.hidden), None)


def _menus(viewer: Any, purpose: str, tool: str) -> list[ModelMenu]:
    """The model menus of the tool's widget, which is brought to the front, or opened where it is not."""
    window = getattr(viewer, "__wrapped__", viewer).window
    menus = _menus_in(window._qt_window, purpose)
    if not menus:
        _, widget = window.add_plugin_dock_widget(PLUGIN, tool, tabify=True)
        menus = _menus_in(widget, purpose)
    for menu in menus:
        above: Any = menu
        while above is not None and not isinstance(above, QDockWidget):
            above = above.parentWidget()
        if above is not None:
            above.show()
            above.raise_()
    return menus


def _menus_in(widget: QWidget, purpose: str) -> list[ModelMenu]:
    return [menu for menu in widget.findChildren(ModelMenu) if menu.purpose == purpose]
