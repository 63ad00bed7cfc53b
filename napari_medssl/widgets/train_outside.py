"""What the Train widget asks of the world around it: the shelf, the person, the system."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QMessageBox, QWidget

from napari_medssl.errors import BadInput
from napari_medssl.widgets import train_texts as texts
from napari_medssl.widgets.notices import tell, tell_error
from napari_medssl.widgets.preferences import runs_folder_preference


def usual(jobs: Any, home: Path | None) -> tuple[Any, Path]:
    """The real jobs, and the folder of runs that the preferences name, where none are given."""
    if jobs is None:
        from napari_medssl.training import jobs as jobs
    if home is None:
        home = runs_folder_preference() or jobs.runs_folder()
    return jobs, home.absolute()


def use_model(viewer: Any, card: Path) -> str:
    """As `use_model.use_model`, which is heavy to import."""
    from napari_medssl.widgets.use_model import use_model

    return use_model(viewer, card)


def shelve(card: Path) -> None:
    """Put a model on the shelf if that can be done without asking; touches nothing of Qt."""
    from napari_medssl.models import add_model

    with suppress(BadInput):  # a name that is taken, or a model that cannot be used: `use_model` asks, or says so
        add_model(card)


def tell_end(info: Any) -> None:
    """A run came to its end: the person may be looking elsewhere. What they asked for themselves they know."""
    if info.state == "finished":
        tell(f"{info.name}: training is finished.")
    elif info.state in ("failed", "lost"):
        tell_error(f"{info.name}: {texts.hint_for_run(info)[1]}")


def confirm(parent: QWidget, question: str) -> bool:
    """Ask before something that cannot be undone."""
    buttons = QMessageBox.StandardButton
    chosen = QMessageBox.question(parent, "Train a model", question, buttons.Yes | buttons.Cancel, buttons.Cancel)
    return bool(chosen == buttons.Yes)


def open_folder(folder: Path) -> None:
    """Show a folder in the system's own way."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
