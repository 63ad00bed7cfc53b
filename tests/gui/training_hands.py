"""For tests of the Train widget: what a person does with it, and waiting for what comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtTest import QTest

from napari_medssl.widgets.train_form import WATCH
from tests.gui.propagation_kit import click
from tests.gui.training_kit import FakeJobs, Info

Qtbot = Any


def wait(qtbot: Qtbot, happened: Callable[[], bool]) -> None:
    qtbot.waitUntil(happened, timeout=10000)


def says(widget: Any) -> str:
    words: str = widget.form.hint.text()
    return words


def choose(widget: Any, qtbot: Qtbot, folder: Path) -> None:
    """Choose a folder with the button, and wait for the report."""
    widget.form.data.ask_folder = lambda *_: folder
    click(qtbot, widget.form.data.choose)
    wait(qtbot, lambda: widget.session.finding is not None)


def write(edit: Any, words: str) -> None:
    edit.selectAll()
    QTest.keyClicks(edit, words)


def start(widget: Any, qtbot: Qtbot, scans: Path) -> Path:
    """Start a run; its folder."""
    choose(widget, qtbot, scans)
    click(qtbot, widget.form.start)
    wait(qtbot, lambda: widget.shown is not None and widget.form.tabs.currentIndex() == WATCH)
    folder: Path = widget.shown
    return folder


def left_behind(home: Path, *states: str) -> FakeJobs:
    infos = [
        Info(
            home / f"{number}-{state}", name=f"{state}-model", state=state, done=0.4, step=40, resumable=True,
            created=time.time() - 86400 * (number + 1), sentence="It vanished." if state == "lost" else "",
        )
        for number, state in enumerate(states)
    ]  # fmt: skip
    return FakeJobs(home, *infos)
