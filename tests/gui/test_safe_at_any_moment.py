"""Propagations, each disturbed at a moment of its own: nothing breaks, and nothing that was drawn is lost.

A suite has time for each disturbance once; `MEDSSL_TIMES=100` takes a hundred.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_medssl.widgets.propagate import PropagateWidget
from tests.gui.propagation_kit import FakeEngine, dock, wait_for_end

SHAPE = (24, 16, 16)
TIMES = int(os.environ.get("MEDSSL_TIMES", "11"))
Qtbot = Any


def remove_labels(viewer: Any, widget: Any) -> None:
    viewer.layers.remove("drawn")


def remove_scan(viewer: Any, widget: Any) -> None:
    viewer.layers.remove("scan")


def remove_all(viewer: Any, widget: Any) -> None:
    viewer.layers.clear()


def turn(viewer: Any, widget: Any) -> None:
    viewer.dims.order = (1, 2, 0)


def to_3d(viewer: Any, widget: Any) -> None:
    viewer.dims.ndisplay = 3


def scroll(viewer: Any, widget: Any) -> None:
    viewer.dims.set_current_step(0, 3)


def replace_data(viewer: Any, widget: Any) -> None:
    viewer.layers["drawn"].data = np.zeros(SHAPE, np.uint8)


def undo(viewer: Any, widget: Any) -> None:
    viewer.layers["drawn"].undo()


def draw(viewer: Any, widget: Any) -> None:
    viewer.layers["drawn"].data_setitem((np.array([5]), np.array([1]), np.array([1])), 3)


def cancel(viewer: Any, widget: Any) -> None:
    widget.form.cancel.click()


def close(viewer: Any, widget: Any) -> None:
    widget.leave()
    widget.close()


DISTURBANCES = (
    remove_labels, remove_scan, remove_all, turn, to_3d, scroll, replace_data, undo, draw, cancel, close,
)  # fmt: skip


def test_disturbed_propagations(make_napari_viewer: Callable[..., Any], qtbot: Qtbot) -> None:
    viewer = make_napari_viewer()
    rng = np.random.default_rng(0)
    for number in range(TIMES):
        disturb = DISTURBANCES[number % len(DISTURBANCES)]
        engine = FakeEngine(pause=0.001)
        viewer.dims.ndisplay, viewer.dims.order = 2, tuple(range(viewer.dims.ndim))
        viewer.add_image(np.zeros(SHAPE, np.float32), name="scan")
        widget = PropagateWidget(viewer, engine=engine)
        labels = viewer.add_labels(np.zeros(SHAPE, np.uint8), name="drawn")
        labels.data[10, 4:9, 4:9] = 1
        drawn, array = labels.data[10].copy(), labels.data
        widget.look()
        widget.form.propagate.click()
        assert widget.runs.running
        moment = int(rng.integers(0, SHAPE[0]))
        qtbot.waitUntil(lambda: len(engine.handed_out) >= moment or not engine.running, timeout=5000)  # noqa: B023
        disturb(viewer, widget)
        wait_for_end(widget, qtbot)
        qtbot.waitUntil(lambda: not engine.running, timeout=5000)  # noqa: B023
        np.testing.assert_array_equal(array[10], drawn, err_msg=f"{number}: {disturb.__name__}")
        if disturb is draw:
            assert array[5, 1, 1] == 3
        if disturb in (turn, to_3d, scroll):
            assert (array == drawn).all()
        widget.leave()
        widget.deleteLater()
        viewer.layers.clear()
        if number % 20 == 19:
            gc.collect()


@pytest.mark.parametrize("moment", [0, 3, 12])
def test_a_viewer_closed_in_the_middle(make_napari_viewer: Callable[..., Any], qtbot: Qtbot, moment: int) -> None:
    viewer = make_napari_viewer(show=True)
    engine = FakeEngine()
    engine.hold = lambda _: len(engine.handed_out) > moment  # it does not come to its end by itself
    widget = dock(viewer, qtbot, engine)
    viewer.add_image(np.zeros(SHAPE, np.float32), name="scan")
    labels = viewer.add_labels(np.zeros(SHAPE, np.uint8), name="drawn")
    labels.data[10, 4:9, 4:9] = 1
    widget.look()
    widget.form.propagate.click()
    qtbot.waitUntil(lambda: len(engine.handed_out) >= moment, timeout=5000)
    viewer.close()
    del widget, viewer, labels
    qtbot.waitUntil(lambda: not engine.running, timeout=5000)
    assert len(engine.handed_out) < SHAPE[0]
