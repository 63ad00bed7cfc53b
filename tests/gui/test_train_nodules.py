"""Training on a folder of findings from the Train widget: what the check says, and a run whose model finds nodules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_medssl.files import write_text
from napari_medssl.models import find_card
from napari_medssl.widgets.nodules import NodulesWidget
from napari_medssl.widgets.train import TrainWidget
from tests.gui.propagation_kit import click
from tests.nodules.toys import scans_with_balls

TINY = {"seconds": 0, "steps": 2, "batch": 2, "side": 32, "start": "", "device": "cpu", "precision": "float32",
        "validation": 0.0, "threads": 1, "workers": 0}  # fmt: skip


def test_from_findings_to_the_model_in_use(
    make_napari_viewer: Callable[..., Any], qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_MEDSSL_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("NAPARI_MEDSSL_RUNS", str(tmp_path / "runs"))
    folder = scans_with_balls(tmp_path / "My findings")
    viewer = make_napari_viewer(show=True)
    widget: Any = TrainWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Train a model")

    def wait(happened: Callable[[], bool], seconds: int = 30) -> None:
        qtbot.waitUntil(happened, timeout=1000 * seconds)

    def checked() -> str:
        wait(lambda: widget.session.finding is not None and not widget.session.checking)
        return str(widget.form.data.line.text())

    wait(lambda: not widget.desk.busy, 60)
    widget.new.use_folder(folder)
    widget.form.recipe.choose("segmentation")
    assert checked() == "5 scans, none with labels."
    assert not widget.form.start.isEnabled()
    widget.form.recipe.choose("focalmix")
    assert checked() == "5 scans: 3 annotated scans, 2 without annotations, 3 nodules."
    assert widget.form.start.isEnabled()

    write_text(folder / "seriesuids.csv", "scan0\nscan1\nscan2\nscan3\nscan4\n")
    widget.new.check()
    assert checked() == "5 scans: 5 annotated scans, none without annotations, 5 nodules."
    assert "there is none to learn from without annotations" in widget.form.hint.text()
    assert not widget.form.start.isEnabled()
    widget.form.recipe.choose("nodules")
    checked()
    assert widget.form.start.isEnabled()
    write_text(folder / "seriesuids.csv", "another\n")
    widget.new.check()
    assert "names none of the scans" in checked()
    write_text(folder / "seriesuids.csv", "scan0\nscan1\n")
    widget.form.recipe.choose("focalmix")
    widget.new.check()
    checked()

    form = widget.form.plan.settings
    form.show_changes(TINY)
    form.changed.emit()
    click(qtbot, widget.form.start)
    wait(lambda: widget.shown is not None)
    state = lambda: widget.runs.info(widget.shown).state  # noqa: E731
    wait(lambda: state() not in ("queued", "starting", "running"), 240)
    assert state() == "finished"
    wait(widget.form.watch.use.isEnabled)
    click(qtbot, widget.form.watch.use)
    wait(lambda: "is chosen in" in widget.form.hint.text())
    (nodules,) = viewer.window._qt_window.findChildren(NodulesWidget)
    assert nodules.form.model.name == "my-findings"
    assert find_card("my-findings").training["scans"] == {"labelled": 2, "unlabelled": 3}
