"""While a propagation runs: the viewer stays fluid, cancelling is prompt, and nothing that is drawn is lost."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt, QTimer

from tests.gui.propagation_kit import FakeEngine, Hand, click, dock, says, wait_for_end

SHAPE = (30, 64, 64)
Qtbot = Any


def seeded(viewer: Any, shape: tuple[int, int, int] = SHAPE, seed: int = 10) -> Any:
    """A scan, and labels with a square on one slice."""
    viewer.add_image(np.random.default_rng(0).normal(size=shape).astype(np.float32), name="scan")
    labels = viewer.add_labels(np.zeros(shape, np.uint8), name="mask")
    labels.data[seed, shape[1] // 4 : shape[1] // 2, shape[2] // 4 : shape[2] // 2] = 1
    return labels


def filled(labels: Any) -> int:
    return int(labels.data.any(axis=(1, 2)).sum())


def test_cancel_answers_within_a_slice_and_keeps_what_is_done(shown: Any, qtbot: Qtbot) -> None:
    engine = FakeEngine(pause=0.1)
    widget = dock(shown, qtbot, engine)
    labels = seeded(shown)
    before = labels.data.copy()
    click(qtbot, widget.form.propagate)
    qtbot.waitUntil(lambda: filled(labels) >= 8, timeout=20000)
    assert "Propagating" in says(widget)
    qtbot.waitUntil(lambda: "left" in widget.form.progress_text.text(), timeout=5000)
    assert "% done" in widget.form.progress_text.text()
    assert not widget.form.labels.isEnabled()
    engine.hold = lambda _: True  # from here on a slice takes forever
    click(qtbot, widget.form.cancel)
    asked = time.monotonic()
    wait_for_end(widget, qtbot)
    assert time.monotonic() - asked < 5
    done = sorted(engine.handed_out)
    assert 8 <= len(done) < 30
    assert [int(i) for i in np.flatnonzero(labels.data.any(axis=(1, 2)))] == done
    assert f"Cancelled: {len(done)} slices done and kept" in says(widget)
    click(qtbot, widget.form.undo)
    assert (labels.data == before).all()
    click(qtbot, widget.form.redo)
    assert filled(labels) == len(done)


def test_what_is_drawn_while_it_runs_stays(shown: Any, qtbot: Qtbot) -> None:
    engine = FakeEngine(pause=0.01)
    engine.hold = lambda index: index == 16
    widget = dock(shown, qtbot, engine)
    labels, hand = seeded(shown), Hand(shown, qtbot)
    labels.mode = "paint"
    before = labels.data.copy()
    click(qtbot, widget.form.propagate)
    qtbot.waitUntil(lambda: filled(labels) == 12, timeout=20000)

    shown.dims.set_current_step(0, 7)  # one that is there already
    labels.selected_label = 1
    hand.stroke((120, 120), (160, 120))
    shown.dims.set_current_step(0, 25)  # one that is still to come
    hand.stroke((120, 120), (160, 120))
    shown.dims.set_current_step(0, 24)  # one of another label
    labels.selected_label = 3
    hand.stroke((-60, -60), (-20, -60))
    shown.dims.set_current_step(0, 22)  # one that is still being drawn when its slice comes
    labels.selected_label = 2
    hand.press(-60, -60)
    hand.move(-20, -60)
    drawing = labels.data[22] == 2
    assert drawing.any()
    drawn = labels.data.copy()
    engine.hold = lambda _: False
    qtbot.waitUntil(lambda: filled(labels) == 30, timeout=20000)
    hand.move(-20, -20)
    hand.release(-20, -20)
    wait_for_end(widget, qtbot)

    assert (labels.data[7] == drawn[7]).all()
    assert (labels.data[25] == drawn[25]).all()
    assert ((labels.data[24] == 3) == (drawn[24] == 3)).all()
    assert (labels.data[24] == 1).any()
    assert (labels.data[22][drawing] == 2).all()
    for index in (8, 9, 11, 23, 26, 29):
        assert (labels.data[index] == before[10]).all()
    assert "Corrected" in says(widget)
    # the one that was drawn over by label 2 counts too
    assert "Label 1 on axial slices 7, 10, 22, 25" in widget.form.drawn.text()

    after = labels.data.copy()
    for _ in range(5):  # four strokes and the propagation, in whichever order they began
        hand.keys(Qt.Key.Key_Z)
    assert (labels.data == before).all()
    for _ in range(5):
        hand.keys(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert (labels.data == after).all()
    click(qtbot, widget.form.undo)
    assert (labels.data == before).all()
    click(qtbot, widget.form.redo)
    assert (labels.data == after).all()


def test_undoing_while_it_runs_stops_it(shown: Any, qtbot: Qtbot) -> None:
    engine = FakeEngine(pause=0.03)
    widget = dock(shown, qtbot, engine)
    labels, hand = seeded(shown), Hand(shown, qtbot)
    before = labels.data.copy()
    click(qtbot, widget.form.propagate)
    qtbot.waitUntil(lambda: filled(labels) >= 5, timeout=20000)
    hand.keys(Qt.Key.Key_Z)
    wait_for_end(widget, qtbot)
    qtbot.waitUntil(lambda: not engine.running, timeout=5000)
    qtbot.wait(200)
    assert (labels.data == before).all()
    assert "undone while it ran" in says(widget)
    assert "slice 10" in widget.form.drawn.text()
    click(qtbot, widget.form.propagate)
    wait_for_end(widget, qtbot)
    assert filled(labels) == 30


def test_undoing_a_stroke_made_while_it_runs_is_only_that(shown: Any, qtbot: Qtbot) -> None:
    engine = FakeEngine(pause=0.01)
    engine.hold = lambda index: index == 15
    widget = dock(shown, qtbot, engine)
    labels, hand = seeded(shown), Hand(shown, qtbot)
    labels.mode = "paint"
    square = labels.data[10].copy()
    click(qtbot, widget.form.propagate)
    qtbot.waitUntil(lambda: filled(labels) == 10, timeout=20000)
    shown.dims.set_current_step(0, 28)
    hand.stroke((120, 120), (160, 120))
    assert labels.data[28].any()
    hand.keys(Qt.Key.Key_Z)
    assert not labels.data[28].any()
    engine.hold = lambda _: False
    wait_for_end(widget, qtbot)
    assert (labels.data == square).all()  # the slice of the undone stroke was filled like the others


@pytest.mark.parametrize("event", ["plane", "3D", "another scan", "rename", "hide", "select", "slide"])
def test_the_viewer_may_change_while_it_runs(shown: Any, qtbot: Qtbot, event: str) -> None:
    widget = dock(shown, qtbot, FakeEngine(pause=0.01))
    labels = seeded(shown)
    square = labels.data[10].copy()
    click(qtbot, widget.form.propagate)
    qtbot.waitUntil(lambda: filled(labels) >= 4, timeout=20000)
    if event == "plane":
        shown.dims.order = (1, 0, 2)
    elif event == "3D":
        shown.dims.ndisplay = 3
    elif event == "another scan":
        shown.add_image(np.zeros((7, 9, 11)), name="other")
        shown.add_labels(np.zeros((7, 9, 11), int), name="other mask")
    elif event == "rename":
        labels.name = "liver"
    elif event == "hide":
        labels.visible = False
    elif event == "select":
        shown.layers.selection.active = shown.layers["scan"]
    else:
        for step in range(30):
            shown.dims.set_current_step(0, step)
            qtbot.wait(5)
    wait_for_end(widget, qtbot)
    assert (labels.data == square).all()
    assert "Done" in says(widget)
    if event == "another scan":
        assert widget.form.labels.layer is labels
        shown.layers.selection.active = None
        shown.layers.selection.active = shown.layers["other mask"]
        assert widget.form.labels.layer is shown.layers["other mask"]
        assert widget.form.scan.layer is shown.layers["other"]


@pytest.mark.parametrize("what", ["data replaced", "labels removed", "scan removed"])
def test_a_run_whose_layer_goes_away_stops_and_leaves_it_alone(shown: Any, qtbot: Qtbot, what: str) -> None:
    engine = FakeEngine(pause=0.02)
    widget = dock(shown, qtbot, engine)
    labels = seeded(shown)
    click(qtbot, widget.form.propagate)
    qtbot.waitUntil(lambda: filled(labels) >= 4, timeout=20000)
    if what == "data replaced":
        labels.data = np.full(SHAPE, 5, np.uint8)
    else:
        shown.layers.remove("mask" if what == "labels removed" else "scan")
    left = labels.data.copy()
    wait_for_end(widget, qtbot)
    qtbot.waitUntil(lambda: not engine.running, timeout=5000)
    qtbot.wait(150)
    assert (labels.data == left).all()
    assert "has stopped" in widget.form.hint.text() or "Open a scan" in widget.form.hint.text()
    if what == "data replaced":
        assert len(says(widget)) > 0
        click(qtbot, widget.form.propagate)
        wait_for_end(widget, qtbot)


def test_layers_come_and_go_dozens_of_times_in_mid_run(shown: Any, qtbot: Qtbot) -> None:
    engine = FakeEngine(pause=0.002)
    widget = dock(shown, qtbot, engine)
    rng = np.random.default_rng(1)
    labels = None
    for turn in range(15):
        if labels is None or labels not in shown.layers:
            shown.layers.clear()
            labels = seeded(shown, (12, 32, 32), seed=5)
        click(qtbot, widget.form.propagate)
        qtbot.wait(int(rng.integers(0, 40)))
        if turn % 5 == 4:
            shown.layers.clear()
        elif turn % 5 == 3:
            shown.layers.remove(labels)
        else:
            labels.data = labels.data.copy()
        wait_for_end(widget, qtbot)
    assert "Open a scan" in says(widget)
    qtbot.waitUntil(lambda: not engine.running, timeout=5000)


def test_closing_the_dock_stops_the_run_and_keeps_what_is_done(shown: Any, qtbot: Qtbot) -> None:
    engine = FakeEngine(pause=0.02)
    labels = seeded(shown)
    for turn in range(4):
        widget = dock(shown, qtbot, engine)
        widget.look()
        click(qtbot, widget.form.propagate)
        enough = len(engine.handed_out) + 1 + turn
        qtbot.waitUntil(lambda enough=enough: len(engine.handed_out) >= enough, timeout=20000)
        gone: list[bool] = []
        widget.destroyed.connect(lambda *_, gone=gone: gone.append(True))
        widget.parent().destroyOnClose()
        del widget
        qtbot.waitUntil(lambda gone=gone: bool(gone), timeout=5000)
        qtbot.waitUntil(lambda: not engine.running, timeout=5000)
        labels.data[3, 3, 3] = turn  # the viewer goes on
        labels.refresh()
        shown.dims.set_current_step(0, turn)
    assert filled(labels) > 1


def test_the_viewer_stays_fluid_while_slices_stream_in(shown: Any, qtbot: Qtbot) -> None:
    shape = (100, 256, 256)
    widget = dock(shown, qtbot, FakeEngine(pause=0.0))
    labels = seeded(shown, shape, seed=50)
    square = labels.data[50].copy()
    shown.dims.set_current_step(0, 40)
    qtbot.wait(300)
    beats: list[float] = []
    heart = QTimer()
    heart.setInterval(10)
    heart.timeout.connect(lambda: beats.append(time.monotonic()))
    heart.start()
    qtbot.wait(100)
    click(qtbot, widget.form.propagate)
    wait_for_end(widget, qtbot)
    heart.stop()
    longest = max(np.diff(beats))
    print(f"longest gap between two heartbeats: {1000 * longest:.0f} ms over {beats[-1] - beats[0]:.1f} s")
    assert longest < 1.0
    assert (labels.data == square).all()


def test_a_second_propagation_cannot_begin_while_one_runs(shown: Any, qtbot: Qtbot) -> None:
    engine = FakeEngine(pause=0.02)
    widget = dock(shown, qtbot, engine)
    seeded(shown)
    click(qtbot, widget.form.propagate)
    qtbot.mouseClick(widget.form.propagate, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(widget.form.undo, Qt.MouseButton.LeftButton)
    wait_for_end(widget, qtbot)
    assert len(engine.calls) == 1


def test_an_open_outline_is_finished_first(shown: Any, qtbot: Qtbot) -> None:
    widget = dock(shown, qtbot, FakeEngine())
    labels, hand = seeded(shown), Hand(shown, qtbot)
    labels.mode = "paint"
    hand.press(40, 40)
    widget.look()
    click(qtbot, widget.form.propagate)
    assert "not closed" in says(widget)
    assert not widget.runs.running
    hand.release(40, 40)
    click(qtbot, widget.form.propagate)
    wait_for_end(widget, qtbot)
    assert "Done" in says(widget)
    assert filled(labels) == 30
    assert not labels._staged_history


def test_after_a_hundred_strokes_the_propagation_can_still_be_taken_back(shown: Any, qtbot: Qtbot) -> None:
    widget = dock(shown, qtbot, FakeEngine())
    labels = seeded(shown)
    before = labels.data.copy()
    click(qtbot, widget.form.propagate)
    wait_for_end(widget, qtbot)
    for turn in range(120):  # napari remembers a hundred steps
        labels.paint((3, turn % 60, 20 + 40 * (turn // 60)), 2)
    strokes = labels.data == 2
    full = labels.data.copy()
    click(qtbot, widget.form.undo)
    expected = np.where(strokes, 2, before)
    assert (labels.data == expected).all()
    assert "undone" in says(widget)
    Hand(shown, qtbot).keys(Qt.Key.Key_Z)
    assert (labels.data == full).all()
    assert "slice" in widget.form.drawn.text()
