"""The layers that the Propagate widget works on: files, errors, series, and layers that cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest

from napari_medssl.errors import BadInput
from napari_medssl.volumes import Geometry, Volume, read_labels
from napari_medssl.widgets.layers import layer_data
from napari_medssl.widgets.propagate import PropagateWidget
from tests.gui.propagation_kit import SHAPE, FakeEngine, Hand, alone, click, dock, says, slices_of, wait_for_end

Qtbot = Any


def test_saving_where_the_scan_lies(model: Any, qtbot: Qtbot, tmp_path: Path) -> None:
    turned = Geometry((0.7, 0.9, 2.5), (-80, 33, 410), (-1, 0, 0, 0, 0, -1, 0, -1, 0))
    volume = Volume(np.random.default_rng(0).normal(size=(9, 30, 40)).astype(np.float32), turned, "case/7.nii.gz")
    data, arguments, _ = layer_data(volume)
    widget = alone(model, qtbot, FakeEngine())
    model.add_image(data, **arguments)
    asked: list[Path] = []

    def answer(path: str) -> Callable[[Any, Path], str]:
        return lambda _, suggestion: asked.append(suggestion) or path  # type: ignore[func-returns-value]

    labels = model.add_labels(np.zeros(data.shape, int), **{k: arguments[k] for k in ("scale", "translate", "units")})
    widget.ask_path = answer(str(tmp_path / "mask"))
    widget.look()
    click(qtbot, widget.form.save)
    qtbot.waitUntil(lambda: "empty" in widget.form.hint.text(), timeout=10000)
    labels.data[3, 5:9, 6:20] = 4
    click(qtbot, widget.form.save)
    qtbot.waitUntil(lambda: "Saved" in widget.form.hint.text(), timeout=10000)
    assert asked[-1].name == "case_7_labels.nii.gz"
    saved = read_labels(tmp_path / "mask.nii.gz")
    assert saved.shape == volume.shape
    for name in ("spacing", "origin", "direction"):
        assert getattr(saved.geometry, name) == pytest.approx(getattr(turned, name), abs=1e-4)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mask.nii.gz", "mask.session.json"]

    widget.ask_path = answer("")
    click(qtbot, widget.form.save)
    assert "Saved" in widget.form.hint.text()
    widget.ask_path = answer(str(tmp_path / "nowhere" / "mask.nii.gz"))
    click(qtbot, widget.form.save)
    qtbot.waitUntil(lambda: "nowhere" in widget.form.hint.text(), timeout=10000)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (BadInput("The model weeps; choose another."), "The model weeps; choose another."),
        (MemoryError(), "not enough memory"),
        (RuntimeError("mat1 and mat2"), "Something went wrong (RuntimeError)"),
        (KeyError("x"), "Something went wrong (KeyError)"),
    ],
)
def test_errors_are_told_and_nothing_is_lost(
    model: Any, scan: Any, qtbot: Qtbot, error: Exception, sentence: str
) -> None:
    from napari.utils.notifications import notification_manager

    widget = alone(model, qtbot, FakeEngine(fail_at=4, error=error))
    model.add_image(scan)
    labels = model.add_labels(np.zeros(SHAPE, np.uint8))
    labels.data[10, 20:30, 20:30] = 1
    before = labels.data.copy()
    widget.look()
    known = len(notification_manager.records)
    click(qtbot, widget.form.propagate)
    wait_for_end(widget, qtbot)
    assert sentence in says(widget)
    told = notification_manager.records[known:]
    assert len(told) == 1
    assert (str(error) if not isinstance(error, MemoryError) else sentence) in told[0].message
    assert 1 < len(slices_of(labels)) < 5
    click(qtbot, widget.form.undo)
    assert (labels.data == before).all()
    assert widget.form.propagate.isEnabled()


def test_layers_that_cannot_be_worked_on_are_refused_in_a_sentence(model: Any, scan: Any, qtbot: Qtbot) -> None:
    widget = alone(model, qtbot, FakeEngine())
    flat = model.add_image(scan[0], name="flat")
    assert "New labels" in says(widget)
    click(qtbot, widget.form.new_labels)
    assert "flat" in widget.form.hint.text()
    assert "single slice" in widget.form.hint.text()
    model.layers.remove(flat)
    model.add_image(scan, name="scan")
    model.add_labels(np.zeros((5, 6, 7), int), name="elsewhere")
    assert "elsewhere does not lie on scan" in says(widget)
    assert not widget.form.propagate.isEnabled()
    locked = np.zeros(SHAPE, np.uint8)
    locked.flags.writeable = False
    model.add_labels(locked, name="locked")
    assert "locked cannot be written to" in says(widget)


def test_what_was_drawn_before_the_widget_opened_counts(shown: Any, scan: Any, qtbot: Qtbot) -> None:
    shown.add_image(scan)
    labels = shown.add_labels(np.zeros(SHAPE, np.uint8))
    labels.mode = "paint"
    shown.dims.set_current_step(0, 6)
    Hand(shown, qtbot).stroke((-40, 0), (40, 0))
    engine = FakeEngine()
    widget = dock(shown, qtbot, engine)
    assert "slice 6" in says(widget)
    click(qtbot, widget.form.propagate)
    wait_for_end(widget, qtbot)
    assert engine.calls[0]["seed_slices"] == {1: [6]}
    widget.close()
    again = dock(shown, qtbot, engine)  # the record outlives the widget
    assert "Done" in says(again)
    assert "slice 6" in again.form.drawn.text()


def test_the_menu_entry_opens_the_widget_on_the_viewer_behind_the_proxy(shown: Any, scan: Any, qtbot: Qtbot) -> None:
    from napari._qt.qt_main_window import _instantiate_dock_widget

    widget = _instantiate_dock_widget(PropagateWidget, shown)
    assert widget.viewer is shown
    layer = shown.add_image(scan)
    assert widget.form.scan.layer is layer
    widget.deleteLater()


def test_one_frame_of_a_lazy_series(shown: Any, qtbot: Qtbot) -> None:
    frames = np.random.default_rng(0).normal(size=(3, *SHAPE)).astype(np.float32)
    engine = FakeEngine()
    widget = dock(shown, qtbot, engine)
    shown.add_image(da.from_array(frames, chunks=(1, 5, 64, 64)), name="cine", scale=(1, 8, 1.5, 1.5))
    click(qtbot, widget.form.new_labels)
    labels = widget.form.labels.layer
    assert labels.data.shape == SHAPE
    shown.dims.set_current_step(0, 2)
    shown.dims.set_current_step(1, 7)
    Hand(shown, qtbot).stroke((-40, 0), (40, 0))
    assert slices_of(labels) == [7]
    assert "axial slice 7" in says(widget)
    click(qtbot, widget.form.propagate)
    wait_for_end(widget, qtbot)
    assert (np.asarray(engine.calls[0]["volume"]) == frames[2]).all()
    assert engine.calls[0]["spacing"] == pytest.approx((8, 1.5, 1.5))
    assert (labels.data == labels.data[7]).all()
    assert "Propagate a folder" in says(widget)
    click(qtbot, widget.form.check)
    assert shown.dims.current_step[:2] == (2, 11)
