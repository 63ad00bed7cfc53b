"""What is drawn in rebuilt tubes outlives the viewer; what was only computed does not come back as unsaved work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_medssl.propagation import recovery as store
from napari_medssl.propagation.recovery import Recovery, offers, recovery_folder
from napari_medssl.widgets import autosave as autosave_module
from napari_medssl.widgets.autosave import keep_safe
from napari_medssl.widgets.tubes import TubesWidget
from tests.gui.propagation_kit import click


def a_rod() -> np.ndarray:
    z, y, x = np.indices((24, 40, 40))
    return (((y - 20) ** 2 + (x - 20) ** 2 <= 25) & (z > 1) & (z < 22)).astype(np.uint8)


def dock(viewer: Any, qtbot: Any) -> Any:
    widget = TubesWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Tubes")
    qtbot.waitUntil(lambda: widget.isVisible() and not widget.recovery._desk.busy, timeout=10000)
    return widget


def rebuild(widget: Any, qtbot: Any) -> Any:
    click(qtbot, widget.form.run)
    qtbot.waitUntil(lambda: widget.run is None, timeout=60000)
    return widget.layers.refined


def test_strokes_in_rebuilt_tubes_are_brought_back(
    make_napari_viewer: Callable[..., Any], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autosave_module, "AFTER_S", 0.0)
    viewer = make_napari_viewer(show=True)
    viewer.add_labels(a_rod(), name="vessel")
    widget = dock(viewer, qtbot)
    rebuild(widget, qtbot)
    refined = rebuild(widget, qtbot)  # the layer gets other data: nobody's work either
    keeping = keep_safe(viewer, widget)
    keeping.look()
    assert keeping.keeper(refined).since is None
    refined.data_setitem((np.array([3, 3]), np.array([2, 2]), np.array([5, 6])), 1)

    def kept() -> bool:
        found = list(recovery_folder().glob("*.recovery"))
        return bool(found) and Recovery(found[0]).read()[0][3, 2, 5] == 1

    qtbot.waitUntil(kept, timeout=20000)
    drawn = refined.data.copy()
    assert offers() == []  # it is still being worked on
    keeping._timer.stop()  # the process is gone, as far as anybody can tell
    keeping._kept.clear()
    monkeypatch.setattr(store, "is_alive", lambda who: False)
    viewer.close()

    viewer = make_napari_viewer(show=True)
    widget = dock(viewer, qtbot)
    assert widget.recovery.isVisible()
    assert "vessel refined" in widget.recovery.line.text()
    click(qtbot, widget.recovery.bring_back)
    qtbot.waitUntil(lambda: len(viewer.layers) == 1, timeout=20000)
    monkeypatch.undo()
    np.testing.assert_array_equal(viewer.layers[0].data, drawn)
    assert widget.form.hint.text() == "vessel refined is back, as it was."
