"""The Propagate widget, from an empty viewer to a saved mask, with real mouse strokes and clicks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.gui.propagation_kit import FakeEngine, Hand, click
from qtpy.QtCore import Qt

from napari_medssl.widgets.propagate import PropagateWidget

SHAPE = (20, 64, 64)


@pytest.fixture
def shown(make_napari_viewer: Callable[..., Any], qtbot: Any) -> Any:
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1280, 800)
    qtbot.wait(50)
    return viewer


@pytest.fixture
def scan() -> Any:
    return np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)


def dock(viewer: Any, engine: FakeEngine, qtbot: Any) -> PropagateWidget:
    widget = PropagateWidget(viewer, engine=engine)
    viewer.window.add_dock_widget(widget, name="Propagate")
    qtbot.waitUntil(widget.isVisible)
    return widget


def finished(widget: PropagateWidget, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: not widget.runs.running, timeout=20000)


def says(widget: PropagateWidget) -> str:
    widget.look()
    return widget.form.hint.text()


def test_from_an_empty_viewer_to_the_volume(shown: Any, scan: Any, qtbot: Any) -> None:
    engine = FakeEngine()
    widget = dock(shown, engine, qtbot)
    assert "Open a scan" in says(widget)
    shown.add_image(scan, name="thorax", scale=(3, 1, 1))
    assert "New labels" in says(widget)
    click(qtbot, widget.form.new_labels)
    labels = shown.layers["thorax labels"]
    assert labels.mode == "paint"
    assert shown.layers.selection.active is labels
    assert "one slice" in says(widget)
    shown.dims.set_current_step(0, 8)
    hand = Hand(shown, qtbot)
    hand.stroke((-60, 0), (60, 0), (60, 60), (-60, 60))
    drawn = labels.data.copy()
    assert np.flatnonzero(drawn.any(axis=(1, 2))).tolist() == [8]
    assert "Label 1 is drawn" not in widget.form.hint.text()
    assert "slice 8" in says(widget)
    click(qtbot, widget.form.propagate)
    finished(widget, qtbot)
    assert engine.calls[0]["seed_slices"] == {1: [8]}
    assert engine.calls[0]["axis"] == 0
    assert engine.calls[0]["spacing"] == pytest.approx((3, 1, 1))
    assert (labels.data == drawn[8]).all()
    assert "Done" in says(widget)
    click(qtbot, widget.form.undo)
    assert (labels.data == drawn).all()
    click(qtbot, widget.form.redo)
    assert (labels.data == drawn[8]).all()
    hand.keys(Qt.Key.Key_Z)
    assert (labels.data == drawn).all()
    hand.keys(Qt.Key.Key_Z)
    assert not labels.data.any()
