"""The widget "Segment with my model": from an empty viewer to labels on the scan, stopped, failed, closed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from segmentation.toys import BRIGHT, GREY, SPACING, balls, save_toy

from napari_medssl.errors import BadInput
from napari_medssl.metrics import dice
from napari_medssl.segmentation.use import Segmented
from napari_medssl.volumes import Geometry, Volume
from napari_medssl.widgets import segment as segment_widget
from napari_medssl.widgets import use_model
from napari_medssl.widgets.layers import geometry_of, layer_data, lies_on
from napari_medssl.widgets.segment import SegmentWidget
from tests.gui.propagation_kit import click
from tests.gui.waiting_engine import WaitingEngine

OBLIQUE = (0.0, 0.8, -0.6, -1.0, 0.0, 0.0, 0.0, 0.6, 0.8)


def bright(volume: Volume) -> Segmented:
    """What an engine answers: marks on all that is bright."""
    return Segmented((np.asarray(volume.array) > 300).astype(np.uint8) * 7, {7: "ball"}, 1.0)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAPARI_MEDSSL_MODELS", str(tmp_path))
    save_toy(tmp_path)
    return tmp_path


def dock(viewer: Any, qtbot: Any, engine: Any = None) -> SegmentWidget:
    widget = SegmentWidget(viewer, engine=engine)
    viewer.window.add_dock_widget(widget, name="Segment")
    qtbot.waitUntil(widget.isVisible, timeout=10000)
    return widget


def open_balls(viewer: Any, direction: tuple[float, ...] = OBLIQUE) -> Any:
    scan = balls()
    geometry = Geometry(SPACING[::-1], (10, -20, 30), direction)
    data, arguments, _ = layer_data(Volume(scan.array, geometry, name="scan"))
    return viewer.add_image(data, **arguments)


def wait(widget: SegmentWidget, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: widget.run is None, timeout=30000)


def test_from_an_empty_viewer_to_labels_on_the_scan(shown: Any, qtbot: Any, shelf: Path) -> None:
    widget = dock(shown, qtbot)
    assert "Open a scan" in widget.hint.text()
    assert not widget.segment.isEnabled()
    scan = open_balls(shown)
    assert "Click Segment" in widget.hint.text()
    click(qtbot, widget.segment)
    assert not widget.segment.isEnabled()
    wait(widget, qtbot)
    labels = shown.layers["scan toy"]
    assert lies_on(labels, scan)
    assert geometry_of(labels) == geometry_of(scan)
    assert np.array_equal(np.unique(labels.data), [0, GREY, BRIGHT])
    bright = np.asarray(scan.data) > 300
    assert dice(labels.data, bright * BRIGHT, BRIGHT) > 0.85
    assert list(labels.features["structure"]) == ["", "ball"]
    assert "Done in" in widget.hint.text()
    assert "ball" in widget.hint.text()
    click(qtbot, widget.segment)
    wait(widget, qtbot)
    assert len(shown.layers) == 3  # once more is another layer, and what was corrected in the first one stays


def test_without_a_model_it_says_how_to_train_one(
    shown: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_MEDSSL_MODELS", str(tmp_path))
    widget = dock(shown, qtbot)
    open_balls(shown)
    assert "Plugins > Train a model" in widget.hint.text()
    assert not widget.segment.isEnabled()
    save_toy(tmp_path)
    widget.model.refresh()
    assert "Click Segment" in widget.hint.text()
    assert widget.segment.isEnabled()


def test_progress_is_shown_and_cancel_adds_nothing(shown: Any, qtbot: Any, shelf: Path) -> None:
    engine = WaitingEngine(bright, held=True)
    widget = dock(shown, qtbot, engine)
    open_balls(shown)
    click(qtbot, widget.segment)
    qtbot.waitUntil(lambda: widget.progress.value() == 1, timeout=5000)
    assert widget.progress.maximum() == 4
    assert "25% done" in widget.progress_text.text()
    assert engine.settings["model"] == "toy"
    click(qtbot, widget.cancel)
    assert not widget.cancel.isEnabled()
    wait(widget, qtbot)
    assert "Stopped" in widget.hint.text()
    assert len(shown.layers) == 1
    assert widget.segment.isEnabled()


def test_what_goes_wrong_is_a_sentence(
    shown: Any, qtbot: Any, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[BaseException] = []
    monkeypatch.setattr(segment_widget, "tell_trouble", lambda error: told.append(error) or str(error))
    for error, said in ((BadInput("The file is gone."), "The file is gone."), (MemoryError(), "not enough memory")):
        widget = dock(shown, qtbot, WaitingEngine(bright, error))
        scan = open_balls(shown)
        click(qtbot, widget.segment)
        wait(widget, qtbot)
        assert said in widget.hint.text()
        assert isinstance(told[-1], BadInput)
        shown.layers.remove(scan)
    picture = shown.add_image(np.zeros((5, 6, 3), np.uint8), rgb=True)
    click(qtbot, widget.segment)
    assert "colour" in widget.hint.text()
    shown.layers.remove(picture)
    assert "Open a scan" in widget.hint.text()


def test_a_scan_removed_meanwhile_gets_no_labels(shown: Any, qtbot: Any, shelf: Path) -> None:
    engine = WaitingEngine(bright, held=True)
    widget = dock(shown, qtbot, engine)
    scan = open_balls(shown)
    click(qtbot, widget.segment)
    assert engine.started.wait(10)
    shown.layers.remove(scan)
    engine.go_on.set()
    wait(widget, qtbot)
    assert len(shown.layers) == 0
    assert "removed" in widget.hint.text()


def test_closing_the_dock_ends_the_computation(shown: Any, qtbot: Any, shelf: Path) -> None:
    engine = WaitingEngine(bright, held=True)
    widget = dock(shown, qtbot, engine)
    open_balls(shown)
    click(qtbot, widget.segment)
    assert engine.started.wait(10)
    with qtbot.waitSignal(widget.destroyed, timeout=10000):
        shown.window.remove_dock_widget(widget)
    assert engine.left.wait(10)
    assert len(shown.layers) == 1


def test_of_frames_the_one_on_the_screen_is_segmented(shown: Any, qtbot: Any, shelf: Path) -> None:
    widget = dock(shown, qtbot, WaitingEngine(bright))
    frames = np.stack([np.zeros_like(balls().array), balls().array])
    shown.add_image(frames, scale=(1, *SPACING), name="cine")
    shown.dims.set_current_step(0, 1)
    click(qtbot, widget.segment)
    wait(widget, qtbot)
    labels = shown.layers["cine toy"]
    np.testing.assert_array_equal(labels.data, (frames[1] > 300) * 7)
    assert tuple(labels.scale) == SPACING


def test_a_new_model_leads_here(
    make_napari_viewer: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_MEDSSL_MODELS", str(tmp_path / "shelf"))
    save_toy(tmp_path / "run", "balls", title="Balls")
    viewer = make_napari_viewer()
    sentence = use_model.use_model(viewer, tmp_path / "run" / "balls.json")
    assert sentence == "Balls is chosen in 'Segment with my model'."
    (widget,) = viewer.window._qt_window.findChildren(SegmentWidget)
    assert widget.model.name == "balls"
    assert "Open a scan" in widget.hint.text()
