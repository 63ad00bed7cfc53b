"""Saved today, opened tomorrow: the mask's session comes back with it, and the work goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_medssl.propagation.session_file import session_path
from napari_medssl.volumes import Geometry, write_volume
from napari_medssl.widgets.propagate import PropagateWidget
from tests.gui.propagation_kit import FakeEngine, Hand, click, dock, says, wait_for_end

PLUGIN = "napari-medssl"
# stored foot first and right to left: another order than that in which it is shown
GEOMETRY = Geometry((1.5, 1.5, 3.0), (-50.0, 30.0, 80.0), (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path / "scan.nii.gz"
    write_volume(path, rng.normal(100, 10, (12, 60, 50)).astype(np.float32), GEOMETRY)
    return path


def open_all(viewer: Any, qtbot: Any, *paths: Path) -> Any:
    widget = dock(viewer, qtbot, FakeEngine())
    for path in paths:
        viewer.open(path, plugin=PLUGIN)
    return widget


def save(widget: Any, qtbot: Any, path: Path) -> None:
    widget.ask_path = lambda *_: str(path)
    click(qtbot, widget.form.save)
    qtbot.waitUntil(lambda: "Saved" in says(widget) or "Saving" not in says(widget), timeout=20000)


def situation(widget: Any) -> Any:
    now = widget.work().situation(widget.form.options, [])
    run = now.run and (now.run.seeds, now.run.confidence, now.run.areas, now.run.outcome, now.run.seconds)
    return replace(now, run=None), run, widget.form.drawn.text(), widget.form.check.text(), says(widget)


def test_the_work_goes_on_the_next_day(
    make_napari_viewer: Callable[..., Any], qtbot: Any, scan: Path, tmp_path: Path
) -> None:
    viewer = make_napari_viewer(show=True)
    widget = open_all(viewer, qtbot, scan)
    hand = Hand(viewer, qtbot)
    click(qtbot, widget.form.new_labels)
    labels = widget.form.labels.layer
    viewer.dims.set_current_step(0, 3)
    hand.stroke((-20, 0), (20, 0))
    click(qtbot, widget.form.propagate)
    wait_for_end(widget, qtbot)
    viewer.dims.set_current_step(0, 7)
    hand.stroke((0, -20), (0, 20))
    assert widget.work().session.drawn(0, labels.data) == {1: [3, 7]}
    viewer.dims.set_current_step(0, 11)
    click(qtbot, widget.form.not_here)
    assert widget.work().session.drawn(0, labels.data) == {1: [3, 7, 11]}
    mask = tmp_path / "liver.nii.gz"  # a name that does not say what it is
    save(widget, qtbot, mask)
    assert "Saved" in says(widget)
    assert session_path(mask).is_file()
    widget._message = None
    before, data = situation(widget), labels.data.copy()
    viewer.close()

    viewer = make_napari_viewer(show=True)
    widget = open_all(viewer, qtbot, scan, mask)
    again = widget.form.labels.layer
    np.testing.assert_array_equal(again.data, data)
    assert situation(widget) == before
    assert not widget.form.undo.isEnabled()
    assert widget.form.checking.isVisible()

    # and on it goes: a correction, another propagation, and back
    viewer.layers.selection.active = again
    again.mode, again.brush_size = "paint", 4
    viewer.dims.set_current_step(0, 9)
    hand = Hand(viewer, qtbot)
    hand.stroke((-30, 10), (30, 10))
    corrected = again.data.copy()
    assert widget.work().session.drawn(0, again.data) == {1: [3, 7, 9, 11]}
    click(qtbot, widget.form.propagate)
    wait_for_end(widget, qtbot)
    assert widget.work().session.last_run.seeds == {1: (3, 7, 9, 11)}
    assert not (again.data == corrected).all()
    click(qtbot, widget.form.undo)
    np.testing.assert_array_equal(again.data, corrected)
    assert widget.work().session.last_run.from_file
    hand.keys(Qt.Key.Key_Z)
    np.testing.assert_array_equal(again.data, data)
    assert widget.work().session.drawn(0, again.data) == {1: [3, 7, 11]}


def test_napari_saves_the_session_too(model: Any, qtbot: Any, scan: Path, tmp_path: Path) -> None:
    """File > Save Selected Layer(s)… writes what Save mask… writes."""
    widget = PropagateWidget(model, engine=FakeEngine())
    qtbot.addWidget(widget)
    model.open(scan, plugin=PLUGIN)
    widget.form.new_labels.click()
    labels = widget.form.labels.layer
    labels.data_setitem((np.full(9, 3), np.full(9, 20), np.arange(9)), 1)
    menu, button = tmp_path / "menu.nii.gz", tmp_path / "button.nii.gz"
    labels.save(str(menu), plugin=PLUGIN)
    widget.ask_path = lambda *_: str(button)
    widget.form.save.click()
    qtbot.waitUntil(lambda: "Saved" in says(widget), timeout=20000)
    ours, theirs = (session_path(path).read_text(encoding="utf-8") for path in (menu, button))
    assert ours == theirs
    model.layers.clear()
    model.open([scan, menu], plugin=PLUGIN, stack=False)
    assert widget.work().session.drawn(0, widget.form.labels.layer.data) == {1: [3]}


def test_napari_saves_labels_that_nobody_watches_alone(model: Any, tmp_path: Path) -> None:
    labels = model.add_labels(np.ones((3, 4, 5), np.uint8))
    labels.save(str(tmp_path / "mask.nii.gz"), plugin=PLUGIN)
    assert [path.name for path in tmp_path.iterdir()] == ["mask.nii.gz"]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr("napari_medssl.widgets.notices.tell", said.append)
    return said


def test_a_damaged_session_is_told_of_and_the_mask_opens(scan: Path, tmp_path: Path, told: list[str]) -> None:
    from napari_medssl.widgets.readers import read_layers

    mask = tmp_path / "a_mask.nii.gz"
    write_volume(mask, np.ones((12, 60, 50), np.uint8), GEOMETRY)
    session_path(mask).write_text("{}", encoding="utf-8")
    ((data, arguments, kind),) = read_layers(mask)
    assert kind == "labels"
    assert data.all()
    assert "session" not in arguments["metadata"]["napari_medssl"]
    (sentence,) = told
    assert "a_mask.session.json is not a session" in sentence
    assert sentence.endswith("The mask was opened without it.")
