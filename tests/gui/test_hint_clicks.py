"""Clicks on what belongs to a structure and what does not, in a real viewer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_medssl.propagation import Hint
from napari_medssl.propagation.session import Session
from napari_medssl.widgets.hint_points import points_of
from napari_medssl.widgets.session_layers import leave_waiting
from tests.gui.propagation_kit import FakeEngine, Hand, click, dock, says, wait_for_end

SHAPE = (30, 64, 64)
Qtbot = Any


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def at_work(make_napari_viewer: Callable[..., Any], engine: FakeEngine, qtbot: Qtbot) -> tuple[Any, Any, Hand]:
    """The widget after a propagation of label 2 from slice 10, its labels layer, and a hand."""
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1000, 760)
    scale = {"scale": (2.0, 1.0, 1.0)}
    viewer.add_image(np.random.default_rng(0).normal(size=SHAPE).astype(np.float32), name="scan", **scale)
    widget = dock(viewer, qtbot, engine)
    labels = viewer.add_labels(np.zeros(SHAPE, np.uint8), name="drawn", **scale)
    labels.data[10, 20:30, 20:30] = 2
    labels.selected_label = 2
    widget.look()
    click(qtbot, widget.form.propagate)
    wait_for_end(widget, qtbot)
    return widget, labels, Hand(viewer, qtbot)


def tap(hand: Hand, right: int, down: int) -> None:
    hand.press(right, down)
    hand.release(right, down)


def test_clicks_reach_the_next_propagation_with_their_voxels(
    at_work: tuple[Any, Any, Hand], engine: FakeEngine, qtbot: Qtbot
) -> None:
    widget, labels, hand = at_work
    viewer, work = widget.viewer, widget.loop.work()
    viewer.dims.set_current_step(0, 17)
    click(qtbot, widget.form.belongs)
    assert "Click on what is missing" in widget.form.hint.text()
    tap(hand, 0, 0)
    click(qtbot, widget.form.foreign)
    tap(hand, 40, -30)
    points = points_of(work)
    qtbot.waitUntil(lambda: len(points.data) == 2, timeout=5000)
    assert "Corrected" in says(widget)
    assert "2 clicks" in widget.form.drawn.text()
    first, second = (tuple(int(v) for v in np.round(place)) for place in points.data)
    middle = labels.world_to_data(viewer.camera.center)
    np.testing.assert_allclose(first[1:], middle[1:], atol=1.5)
    assert first[0] == second[0] == 17
    assert [str(s) for s in points.symbol] == ["cross", "x"]
    before = labels.data.copy()
    click(qtbot, widget.form.propagate)
    wait_for_end(widget, qtbot)
    assert engine.calls[-1]["hints"] == [Hint(2, first, True), Hint(2, second, False)]
    assert not widget.loop.work().session.drawn_since
    assert viewer.layers.selection.active is labels  # the brush is back in the hand
    np.testing.assert_array_equal(labels.data, before)  # a click paints nothing itself


def test_a_click_taken_away_is_gone_from_the_next_propagation(
    at_work: tuple[Any, Any, Hand], engine: FakeEngine, qtbot: Qtbot
) -> None:
    widget, _, hand = at_work
    click(qtbot, widget.form.belongs)
    tap(hand, 0, 0)
    points = points_of(widget.loop.work())
    qtbot.waitUntil(lambda: len(points.data) == 1, timeout=5000)
    points.selected_data = {0}
    points.remove_selected()
    says(widget)
    assert widget.loop.work().session.hints == ()
    click(qtbot, widget.form.belongs)
    tap(hand, 10, 10)
    qtbot.waitUntil(lambda: len(points.data) == 1, timeout=5000)
    widget.viewer.layers.remove(points)
    says(widget)
    assert widget.loop.work().session.hints == ()


def test_strokes_in_another_plane_are_hints(at_work: tuple[Any, Any, Hand], engine: FakeEngine, qtbot: Qtbot) -> None:
    widget, labels, hand = at_work
    viewer = widget.viewer
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_current_step(1, 50)
    labels.mode, labels.brush_size = "paint", 3
    viewer.layers.selection.active = labels
    hand.stroke((0, 0), (20, 0))
    painted = np.argwhere(labels.data[:, 50, :] == 2)
    assert len(painted)
    says(widget)
    assert "Hints from strokes on coronal slice 50" in widget.form.drawn.text()
    click(qtbot, widget.form.propagate)
    wait_for_end(widget, qtbot)
    told = engine.calls[-1]["hints"]
    assert {hint.voxel for hint in told if hint.inside} >= {(int(z), 50, int(x)) for z, x in painted}


def test_clicks_come_back_with_the_session(make_napari_viewer: Callable[..., Any], qtbot: Qtbot) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.add_image(np.zeros(SHAPE, np.float32), name="scan")
    hints = (Hint(1, (3, 4, 5), True), Hint(2, (6, 7, 8), False))
    metadata: dict[str, Any] = {}
    leave_waiting(metadata, Session(hints=hints))
    widget = dock(viewer, qtbot, FakeEngine())
    labels = viewer.add_labels(np.ones(SHAPE, np.uint8), name="mask", metadata=metadata)
    says(widget)
    points = points_of(widget.loop.work())
    np.testing.assert_array_equal(points.data, [hint.voxel for hint in hints])
    assert [str(s) for s in points.symbol] == ["cross", "x"]
    assert widget.loop.work().session.hints == hints
    assert labels in viewer.layers


def test_clicks_are_refused_where_they_can_say_nothing(at_work: tuple[Any, Any, Hand], qtbot: Qtbot) -> None:
    widget, labels, _ = at_work
    widget.viewer.dims.ndisplay = 3
    click(qtbot, widget.form.belongs)
    assert "three dimensions" in widget.form.hint.text()
    widget.viewer.dims.ndisplay = 2
    labels.selected_label = 0
    widget.look()
    click(qtbot, widget.form.foreign)
    assert "background" in widget.form.hint.text()
    assert points_of(widget.loop.work()) is None
