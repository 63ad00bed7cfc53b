"""The Propagate widget from an empty viewer to a saved mask, with real mouse strokes and clicks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from tests.gui.propagation_kit import SHAPE, FakeEngine, Hand, alone, click, dock, says, slices_of, wait_for_end

Qtbot = Any


def test_from_an_empty_viewer_to_the_volume_and_back(shown: Any, scan: Any, qtbot: Qtbot) -> None:
    engine = FakeEngine()
    widget = dock(shown, qtbot, engine)
    assert "Open a scan" in says(widget)
    assert not widget.form.propagate.isEnabled()
    shown.add_image(scan, name="thorax", scale=(3, 1, 1))
    assert "New labels" in says(widget)
    click(qtbot, widget.form.new_labels)
    labels = shown.layers["thorax labels"]
    assert labels.mode == "paint"
    assert shown.layers.selection.active is labels
    assert "Draw the structure on one slice" in says(widget)

    shown.dims.set_current_step(0, 8)
    hand = Hand(shown, qtbot)
    hand.stroke((-60, 0), (60, 0), (60, 60), (-60, 60))
    drawn = labels.data.copy()
    assert slices_of(labels) == [8]
    qtbot.waitUntil(lambda: "slice 8" in widget.form.drawn.text(), timeout=5000)
    assert "Click Propagate" in widget.form.hint.text()

    click(qtbot, widget.form.propagate)
    wait_for_end(widget, qtbot)
    assert engine.calls[0]["seed_slices"] == {1: [8]}
    assert engine.calls[0]["axis"] == 0
    assert engine.calls[0]["spacing"] == pytest.approx((3, 1, 1))
    assert (labels.data == drawn[8]).all()
    assert "Done" in says(widget)

    click(qtbot, widget.form.undo)
    assert (labels.data == drawn).all()
    assert "undone" in says(widget)
    click(qtbot, widget.form.redo)
    assert (labels.data == drawn[8]).all()
    hand.keys(Qt.Key.Key_Z)
    assert (labels.data == drawn).all()
    assert "Click Propagate" in says(widget)
    hand.keys(Qt.Key.Key_Z)
    assert not labels.data.any()
    assert "Draw the structure" in says(widget)


def test_correcting_a_slice_and_propagating_again(shown: Any, scan: Any, qtbot: Qtbot) -> None:
    engine = FakeEngine()
    widget = dock(shown, qtbot, engine)
    shown.add_image(scan, name="scan")
    click(qtbot, widget.form.new_labels)
    labels, hand = widget.form.labels.layer, Hand(shown, qtbot)
    shown.dims.set_current_step(0, 4)
    hand.stroke((-40, 0), (40, 0))
    click(qtbot, widget.form.propagate)
    wait_for_end(widget, qtbot)
    first = labels.data.copy()

    # the fake engine is the less sure the farther it gets; a correction on the way mends what lies beyond it
    assert "slice 8 is most worth checking" in says(widget)
    click(qtbot, widget.form.check)
    assert shown.dims.current_step[0] == 8
    assert "Check slice 11 next" in widget.form.check.text()
    assert "Is it right here?" in says(widget)
    hand.stroke((0, -60), (0, 60))
    corrected = labels.data.copy()
    assert "Corrected" in says(widget)
    assert "slices 4, 8" in widget.form.drawn.text()

    click(qtbot, widget.form.propagate)
    wait_for_end(widget, qtbot)
    assert engine.calls[1]["seed_slices"] == {1: [4, 8]}
    assert (labels.data[8] == corrected[8]).all()
    assert (labels.data[4] == corrected[4]).all()
    assert (labels.data[18] == corrected[8]).all()
    second = labels.data.copy()

    click(qtbot, widget.form.undo)
    assert (labels.data == corrected).all()
    click(qtbot, widget.form.undo)  # the correction goes with the propagation it was made on
    assert slices_of(labels) == [4]
    assert "1 step made after it" in says(widget)
    click(qtbot, widget.form.redo)
    assert (labels.data == corrected).all()
    click(qtbot, widget.form.redo)
    assert (labels.data == second).all()
    for _ in range(3):
        hand.keys(Qt.Key.Key_Z)
    assert slices_of(labels) == [4]
    hand.keys(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert (labels.data == first).all()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_not_here_makes_a_stop(model: Any, scan: Any, qtbot: Qtbot, axis: int) -> None:
    engine = FakeEngine()
    widget = alone(model, qtbot, engine)
    model.add_image(scan)
    labels = model.add_labels(np.zeros(SHAPE, np.uint8))
    view = np.moveaxis(labels.data, axis, 0)
    view[5, 4:9, 30:40] = 2
    view[5, 12:15, 30:40] = 3
    widget.look()
    click(qtbot, widget.form.propagate)
    wait_for_end(widget, qtbot)
    propagated = labels.data.copy()
    click(qtbot, widget.form.check)
    click(qtbot, widget.form.not_here)  # label 1 is selected, and is not there
    assert "Label 1 is not on" in says(widget)
    labels.selected_label = 2
    click(qtbot, widget.form.not_here)
    here = int(model.dims.current_step[axis])
    others = [index for index in range(SHAPE[axis]) if index != here]
    assert set(np.unique(view[here])) == {0, 3}
    assert (view[others] == np.moveaxis(propagated, axis, 0)[others]).all()
    assert "Corrected" in says(widget)
    click(qtbot, widget.form.propagate)
    wait_for_end(widget, qtbot)
    assert engine.calls[1]["seed_slices"] == {2: sorted([5, here]), 3: [5]}
    assert set(np.unique(view[here])) == {0, 3}
    click(qtbot, widget.form.undo)
    labels.undo()
    assert (labels.data == propagated).all()


def test_only_the_selected_label_within_a_range_and_over_no_other_label(model: Any, scan: Any, qtbot: Qtbot) -> None:
    engine = FakeEngine()
    widget = alone(model, qtbot, engine)
    model.add_image(scan)
    start = np.zeros(SHAPE, np.int32)
    start[10, 10:30, 10:30] = 1
    start[10, 40:50, 10:30] = 2
    start[12, 20:24, 20:24] = 7
    labels = model.add_labels(start.copy())
    labels.selected_label = 1
    form = widget.form
    click(qtbot, form.fold)
    form.options.which.setCurrentIndex(1)
    form.options.all_slices.setChecked(False)
    form.options.first.setValue(8)
    form.options.last.setValue(13)
    click(qtbot, form.propagate)
    wait_for_end(widget, qtbot)
    assert engine.calls[0]["seed_slices"] == {1: [10]}
    assert engine.calls[0]["slice_range"] == (8, 14)
    assert slices_of(labels, 1) == [8, 9, 10, 11, 12, 13]
    for label in (2, 7):
        assert ((labels.data == label) == (start == label)).all()
    expected = start[10] == 1
    expected[20:24, 20:24] = False
    assert ((labels.data[12] == 1) == expected).all()


def test_slices_no_longer_reached_are_cleared(model: Any, scan: Any, qtbot: Qtbot) -> None:
    class Short(FakeEngine):
        def __call__(self, *args: Any, **settings: Any) -> Any:
            return (result for result in super().__call__(*args, **settings) if abs(result.index - 10) < len_now)

    engine = Short()
    widget = alone(model, qtbot, engine)
    model.add_image(scan)
    labels = model.add_labels(np.zeros(SHAPE, np.uint8))
    labels.data[10, 20:30, 20:30] = 3
    len_now = 8
    widget.look()
    click(qtbot, widget.form.propagate)
    wait_for_end(widget, qtbot)
    assert slices_of(labels) == list(range(3, 18))
    len_now = 3
    click(qtbot, widget.form.propagate)
    wait_for_end(widget, qtbot)
    assert slices_of(labels) == [8, 9, 10, 11, 12]
    click(qtbot, widget.form.undo)
    assert slices_of(labels) == list(range(3, 18))


@pytest.mark.parametrize("axis", [1, 2])
def test_the_plane_follows_the_drawing(shown: Any, scan: Any, qtbot: Qtbot, axis: int) -> None:
    engine = FakeEngine()
    widget = dock(shown, qtbot, engine)
    shown.add_image(scan)
    click(qtbot, widget.form.new_labels)
    shown.dims.order = (1, 0, 2) if axis == 1 else (2, 0, 1)
    qtbot.wait(50)
    shown.dims.set_current_step(axis, 30)
    Hand(shown, qtbot).stroke((-40, 0), (40, 0))
    labels = widget.form.labels.layer
    drawn = np.moveaxis(labels.data, axis, 0)[30].copy()
    assert drawn.any()
    name = ("axial", "coronal", "sagittal")[axis]
    assert name in says(widget)
    assert name in widget.form.options.plane.itemText(0)
    shown.dims.order = (0, 1, 2)
    click(qtbot, widget.form.propagate)
    wait_for_end(widget, qtbot)
    assert engine.calls[0]["axis"] == axis
    assert engine.calls[0]["seed_slices"] == {1: [30]}
    assert (np.moveaxis(labels.data, axis, 0) == drawn).all()
    click(qtbot, widget.form.check)
    assert shown.dims.order[0] == axis
