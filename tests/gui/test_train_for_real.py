"""The Train widget with a real run in a process of its own: from a folder to the Propagate widget's model menu."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_medssl.models import find_card
from napari_medssl.training.jobs import list_runs
from napari_medssl.volumes import write_volume
from napari_medssl.volumes.phantoms import abdomen
from napari_medssl.widgets.model_menu import ModelMenu
from napari_medssl.widgets.train import TrainWidget
from tests.gui.propagation_kit import click

TINY = {"seconds": 0, "steps": 4, "batch": 2, "synthetic": 1, "chains": 0, "keep_features": False, "shapes": 2,
        "side": 32, "start": "", "device": "cpu", "precision": "float32", "validation": 0.5, "validate_every": 2,
        "threads": 1}  # fmt: skip


def test_from_a_folder_to_the_model_in_use(
    make_napari_viewer: Callable[..., Any], qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_MEDSSL_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("NAPARI_MEDSSL_RUNS", str(tmp_path / "runs"))
    scans = tmp_path / "Two Phantoms"
    scans.mkdir()
    for number in range(2):
        write_volume(scans / f"phantom{number}.nii.gz", abdomen((8, 40, 40), (20, 8, 8), seed=number).volume)
    viewer = make_napari_viewer(show=True)
    widget: Any = TrainWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Train a model")

    def wait(happened: Callable[[], bool], seconds: int = 20) -> None:
        qtbot.waitUntil(happened, timeout=1000 * seconds)

    wait(lambda: not widget.desk.busy, 60)
    widget.new.use_folder(scans)
    wait(lambda: widget.session.finding is not None)
    assert widget.form.data.line.text() == "2 scans, none with labels."
    form = widget.form.plan.settings
    form.show_changes(TINY)
    form.changed.emit()
    click(qtbot, widget.form.start)
    wait(lambda: widget.shown is not None)
    state = lambda: widget.runs.info(widget.shown).state  # noqa: E731
    wait(lambda: state() not in ("queued", "starting", "running"), 120)
    assert (state(), list_runs(tmp_path / "runs")[0].name) == ("finished", "two-phantoms")

    curves = widget.form.watch.curves
    wait(lambda: bool(curves.losses.readings(4)) and curves.losses.readings(4)[0].x == 4)
    wait(lambda: [reading.x for reading in curves.metrics.readings(4)] == [4])
    wait(lambda: "target" in widget.form.watch.pictures.picture.accessibleDescription())

    click(qtbot, widget.form.watch.use)
    wait(lambda: "is chosen in 'Propagate a slice'" in widget.form.hint.text())
    (menu,) = viewer.window._qt_window.findChildren(ModelMenu)
    assert menu.name == "two-phantoms"
    assert find_card("two-phantoms").recipe == "sli2vol"
    assert widget.form.plan.name.text() == "two-phantoms-2"
