"""Going through a propagation: the strip, the keys, a slice that is right, one to forget, and the help page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication, QToolTip

from napari_medssl.widgets.confidence_strip import MARGIN, colour_of
from napari_medssl.widgets.shortcuts import SHORTCUTS
from tests.gui.propagation_kit import FakeEngine, Hand, alone, click, dock, says, wait_for_end

SHAPE = (30, 64, 64)
SHIFT = Qt.KeyboardModifier.ShiftModifier
NONE = Qt.KeyboardModifier.NoModifier
Qtbot = Any


@pytest.fixture
def shown(make_napari_viewer: Callable[..., Any], qtbot: Qtbot) -> Any:
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1000, 760)
    viewer.add_image(np.random.default_rng(0).normal(size=SHAPE).astype(np.float32), name="scan")
    return viewer


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def at_work(shown: Any, engine: FakeEngine, qtbot: Qtbot) -> tuple[Any, Any, Hand]:
    """The widget after a propagation from slice 10 of labels 1 and 2, its labels layer, and a hand."""
    widget, labels = propagated(dock(shown, qtbot, engine), shown, qtbot)
    return widget, labels, Hand(shown, qtbot)


@pytest.fixture
def at_desk(model: Any, engine: FakeEngine, qtbot: Qtbot) -> tuple[Any, Any]:
    """The same widget and labels without a window, for what needs no hand on the canvas."""
    model.add_image(np.random.default_rng(0).normal(size=SHAPE).astype(np.float32), name="scan")
    return propagated(alone(model, qtbot, engine), model, qtbot)


def propagated(widget: Any, viewer: Any, qtbot: Qtbot) -> tuple[Any, Any]:
    """The widget, and labels after a propagation from slice 10 of labels 1 and 2."""
    labels = viewer.add_labels(np.zeros(SHAPE, np.uint8), name="drawn")
    labels.data[10, 20:30, 20:30] = 1
    labels.data[10, 40:50, 40:50] = 2
    labels.mode = "paint"
    widget.look()
    click(qtbot, widget.form.propagate)
    wait_for_end(widget, qtbot)
    return widget, labels


def go_to(widget: Any, index: int) -> None:
    widget.viewer.dims.set_current_step(0, index)
    widget.look()


def point(strip: Any, index: int, down: int = 18) -> QPoint:
    return QPoint(int(strip.middle_of(index)), down)


def test_the_strip_jumps_follows_and_tells(at_desk: tuple[Any, Any], qtbot: Qtbot) -> None:
    widget, _ = at_desk
    strip, viewer = widget.form.strip, widget.viewer
    assert strip.isVisible()
    assert strip.next == widget.loop.work().next_to_check(0, ())
    for index in (3, 29, 0):
        qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=point(strip, index))
        assert viewer.dims.current_step[0] == index == strip.shown
    assert strip.accessibleDescription() == "Slice 0: label 1 0.09, label 2 0.09"
    qtbot.mousePress(strip, Qt.MouseButton.LeftButton, pos=point(strip, 4))
    qtbot.mouseMove(strip, point(strip, 21))
    qtbot.waitUntil(lambda: viewer.dims.current_step[0] == 21, timeout=5000)
    qtbot.mouseRelease(strip, Qt.MouseButton.LeftButton, pos=point(strip, 21))
    viewer.dims.set_current_step(0, 10)
    assert strip.shown == 10
    assert strip.accessibleDescription() == "Slice 10: label 1 drawn by hand, label 2 drawn by hand"
    strip.setFocus()
    qtbot.keyClick(strip, Qt.Key.Key_Right)
    assert viewer.dims.current_step[0] == 11
    qtbot.keyClick(strip, Qt.Key.Key_End)
    assert viewer.dims.current_step[0] == 29
    viewer.dims.order = (1, 0, 2)
    widget.look()
    assert strip.shown is None
    qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=point(strip, 7))
    assert viewer.dims.order == (0, 1, 2)  # back to the plane of the strip
    assert viewer.dims.current_step[0] == 7


def test_what_the_strip_paints(at_desk: tuple[Any, Any], qtbot: Qtbot) -> None:
    widget, _ = at_desk
    strip = widget.form.strip
    go_to(widget, 20)
    picture = strip.grab().toImage()
    bottom = strip.height() - 16  # in the bar, where every column that was reached is filled

    def seen(index: int) -> tuple[int, int, int]:
        return picture.pixelColor(int(strip.middle_of(index)), bottom).getRgb()[:3]

    for index in (2, 9, 10, 11, 28):
        assert seen(index) == colour_of(1 / (1 + abs(index - 10)))
    ink = strip.palette().windowText().color().getRgb()[:3]
    assert seen(20) == ink  # the slice on screen
    assert picture.pixelColor(int(strip.middle_of(10)), strip.height() - 6).getRgb()[:3] == ink  # drawn there
    strip.show_slice(None)
    assert strip.grab().toImage().pixelColor(int(strip.middle_of(20)), bottom).getRgb()[:3] == colour_of(1 / 11)


def test_hovering_says_what_a_slice_is(at_desk: tuple[Any, Any], qtbot: Qtbot) -> None:
    from qtpy.QtGui import QHelpEvent

    strip = at_desk[0].form.strip
    for x, expected in ((int(strip.middle_of(11)), "Slice 11: label 1 0.50, label 2 0.50"), (MARGIN - 3, "Drag to")):
        where = QPoint(x, 18)
        QApplication.sendEvent(strip, QHelpEvent(QHelpEvent.Type.ToolTip, where, strip.mapToGlobal(where)))
        assert QToolTip.text().startswith(expected)


def test_dragging_the_ends_limits_the_slices(at_desk: tuple[Any, Any], engine: FakeEngine, qtbot: Qtbot) -> None:
    widget, labels = at_desk
    strip, options, before = widget.form.strip, widget.form.options, labels.data.copy()

    def drag(x: int, index: int) -> None:
        qtbot.mousePress(strip, Qt.MouseButton.LeftButton, pos=QPoint(x, 35))
        qtbot.mouseMove(strip, point(strip, index))
        qtbot.waitUntil(lambda: index in strip.range, timeout=5000)
        qtbot.mouseRelease(strip, Qt.MouseButton.LeftButton, pos=point(strip, index))

    drag(MARGIN - 3, 8)
    drag(strip.width() - MARGIN + 2, 14)
    assert options.slice_range() == (8, 15)
    go_to(widget, 10)
    click(qtbot, widget.form.fold)
    click(qtbot, options.from_here)
    assert options.slice_range() == (10, 15)
    go_to(widget, 12)
    click(qtbot, options.to_here)
    assert options.slice_range() == (10, 13)
    widget.look()
    assert strip.range == (10, 12)
    widget.viewer.dims.set_current_step(0, 11)
    labels.data_setitem((np.array([11]), np.array([5]), np.array([5])), 1)
    click(qtbot, widget.form.propagate)
    wait_for_end(widget, qtbot)
    assert engine.calls[-1]["slice_range"] == (10, 13)
    outside = [index for index in range(SHAPE[0]) if not 10 <= index < 13]
    assert (labels.data[outside] == before[outside]).all()
    options.limit(0, SHAPE[0] - 1)
    assert options.slice_range() is None


def test_a_slice_that_is_right_becomes_a_seed(at_work: tuple[Any, Any, Hand], engine: FakeEngine, qtbot: Qtbot) -> None:
    widget, labels, hand = at_work
    before = labels.data.copy()
    go_to(widget, 20)
    click(qtbot, widget.form.right)
    assert (labels.data == before).all()
    assert "counts as drawn" in says(widget)
    assert widget.form.strip.strip.corrected == {1: [20], 2: [20]}
    hand.keys(Qt.Key.Key_Z)
    assert "Done" in says(widget)
    assert widget.form.strip.strip.corrected == {1: [], 2: []}
    hand.keys(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | SHIFT)
    assert "counts as drawn" in says(widget)
    assert widget.form.strip.strip.corrected == {1: [20], 2: [20]}
    click(qtbot, widget.form.right)
    assert "counts as drawn by hand already" in says(widget)
    click(qtbot, widget.form.propagate)
    wait_for_end(widget, qtbot)
    assert engine.calls[-1]["seed_slices"] == {1: [10, 20], 2: [10, 20]}

    click(qtbot, widget.form.forget)  # the opposite: label 1 no longer counts there, and what is there stays
    assert (labels.data == before).all()
    click(qtbot, widget.form.propagate)
    wait_for_end(widget, qtbot)
    assert engine.calls[-1]["seed_slices"] == {1: [10], 2: [10, 20]}


def test_forgetting_a_corrected_slice(at_work: tuple[Any, Any, Hand], engine: FakeEngine, qtbot: Qtbot) -> None:
    widget, labels, hand = at_work
    go_to(widget, 16)
    hand.stroke((-80, 60), (-40, 60))
    corrected = labels.data.copy()
    assert says(widget).startswith("Corrected")
    labels.selected_label = 2
    click(qtbot, widget.form.forget)
    assert "Label 2 was not drawn by hand on axial slice 16" in says(widget)
    labels.selected_label = 1
    click(qtbot, widget.form.forget)
    assert "Slice 16 no longer counts" in widget.form.hint.text()
    cleared = corrected.copy()
    cleared[16][cleared[16] == 1] = 0
    assert (labels.data == cleared).all()
    hand.keys(Qt.Key.Key_Z)
    assert (labels.data == corrected).all()
    assert widget.loop.work().session.drawn(0, labels.data)[1] == [10, 16]
    hand.keys(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | SHIFT)
    assert (labels.data == cleared).all()
    click(qtbot, widget.form.propagate)
    wait_for_end(widget, qtbot)
    assert engine.calls[-1]["seed_slices"] == {1: [10], 2: [10]}
    assert (labels.data[16] == labels.data[10]).all()
    for _ in range(3):
        hand.keys(Qt.Key.Key_Z)
    assert (labels.data[16] == labels.data[10]).all()
    assert widget.loop.work().session.drawn(0, labels.data) == {1: [10], 2: [10]}


def test_the_strip_fills_while_a_propagation_streams(model: Any, qtbot: Qtbot) -> None:
    engine = FakeEngine(0.002)
    engine.hold = lambda index: index == 15
    widget = alone(model, qtbot, engine)
    model.add_image(np.zeros(SHAPE, np.float32), name="scan")
    labels = model.add_labels(np.zeros(SHAPE, np.uint8))
    labels.data[10, 20:30, 20:30] = 3
    widget.look()
    click(qtbot, widget.form.propagate)

    def known() -> list[int]:
        return [int(i) for i in np.flatnonzero(np.isfinite(widget.form.strip.strip.lowest()))]

    qtbot.waitUntil(lambda: known() == list(range(5, 15)), timeout=10000)
    engine.hold = lambda _: False
    wait_for_end(widget, qtbot)
    assert known() == list(range(SHAPE[0]))


def press(hand: Hand, key: str) -> None:
    *shift, name = key.split("+")
    hand.keys(getattr(Qt.Key, f"Key_{name}"), SHIFT if shift else NONE)


def test_the_whole_loop_by_keys_alone(shown: Any, engine: FakeEngine, qtbot: Qtbot) -> None:
    widget, hand = dock(shown, qtbot, engine), Hand(shown, qtbot)
    keys = {shortcut.action: shortcut.key for shortcut in SHORTCUTS}
    saved: list[Any] = []
    widget.ask_path = lambda *_: saved.append(1) or ""  # type: ignore[func-returns-value]

    def do(action: str) -> None:
        press(hand, keys[action])
        widget.look()

    do("right")  # nothing to be right yet
    do("new_labels")
    labels = widget.form.labels.layer
    go_to(widget, 10)
    hand.stroke((-40, 0), (40, 0))
    widget.look()
    do("propagate")
    wait_for_end(widget, qtbot)
    propagated = labels.data.copy()
    assert (propagated == propagated[10]).all()
    assert propagated.any()
    do("check")
    here = shown.dims.current_step[0]
    assert here in widget.loop.visited
    do("right")
    assert widget.form.strip.strip.corrected == {1: [here]}
    do("previous_drawn")
    assert shown.dims.current_step[0] == 10
    do("next_drawn")
    assert shown.dims.current_step[0] == here
    do("forget")
    assert widget.form.strip.strip.corrected == {1: []}
    go_to(widget, 4)
    do("from_here")
    go_to(widget, 25)
    do("not_here")
    assert not labels.data[25].any()
    do("to_here")
    assert widget.form.options.slice_range() == (4, 26)
    engine.hold = lambda _: True
    do("propagate")
    assert widget.runs.running
    do("cancel")
    wait_for_end(widget, qtbot)
    engine.hold = lambda _: False
    do("undo")
    assert not labels.data[9].any()
    do("redo")
    assert (labels.data == propagated)[:25].all()
    do("save")
    assert saved
    do("help")
    assert widget._page.isVisible()
    widget._page.reject()


def test_the_keys_are_told_and_given_back(shown: Any, engine: FakeEngine, qtbot: Qtbot) -> None:
    from napari.layers import Image, Labels
    from napari.utils.key_bindings import coerce_keybinding

    def mine(viewer: Any) -> None:
        pass

    shown.bind_key("U", mine)
    own = dict(shown.keymap)
    widget = dock(shown, qtbot, engine)
    for shortcut in SHORTCUTS:
        key = coerce_keybinding(shortcut.key)
        for others in (Image.class_keymap, Labels.class_keymap, type(shown).class_keymap):
            assert key not in others  # nothing of napari's is hidden, or hides it
        assert key in shown.keymap
        control = getattr(widget.form, shortcut.action, None) or getattr(widget.form.options, shortcut.action, None)
        if control is not None:
            assert (f"Key: {shortcut.key}" in control.toolTip()) == (shortcut.action != "undo")
    assert shown.keymap[coerce_keybinding("U")] is mine
    shown.window.remove_dock_widget(widget)
    assert shown.keymap == own


def test_the_help_page_has_the_loop_and_every_key(model: Any, engine: FakeEngine, qtbot: Qtbot) -> None:
    widget = alone(model, qtbot, engine)
    click(qtbot, widget.form.help)
    text = widget._page.page.toPlainText()
    for word in [part for shortcut in SHORTCUTS for part in (shortcut.key, shortcut.does)] + ["Not here", "Ctrl+Z"]:
        assert word in text
    assert widget.isEnabled()  # it stays open beside the work
    widget._page.reject()
