"""Window presets, by real clicks."""

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_medssl.volumes import Volume
from napari_medssl.widgets.layers import layer_data, new_labels
from napari_medssl.widgets.windows_widget import WindowsWidget


def add(viewer: Any, name: str, modality: str = "") -> Any:
    rng = np.random.default_rng(0)
    hounsfield = rng.choice([-1000, -700, 40, 60, 900], (6, 7, 8)).astype(np.int16)
    array = hounsfield if modality != "MR" else rng.integers(0, 500, (6, 7, 8)).astype(np.uint16)
    data, arguments, _ = layer_data(Volume(array, name=name, modality=modality))
    return viewer.add_image(data, **arguments)


@pytest.fixture
def widget(model: Any, qtbot: Any) -> WindowsWidget:
    made = WindowsWidget(model)
    qtbot.addWidget(made)
    return made


def click(qtbot: Any, widget: WindowsWidget, name: str) -> None:
    qtbot.mouseClick(widget.buttons[name], Qt.MouseButton.LeftButton)


@pytest.mark.parametrize(
    ("name", "limits"),
    [("soft tissue", (-160, 240)), ("lung", (-1350, 150)), ("bone", (-500, 1300)), ("brain", (0, 80))],
)
def test_a_click_sets_the_window(
    model: Any, qtbot: Any, widget: WindowsWidget, name: str, limits: tuple[float, float]
) -> None:
    scan, other = add(model, "scan", "CT"), add(model, "other", "CT")
    before = list(other.contrast_limits)
    model.layers.selection = {scan}
    click(qtbot, widget, name)
    assert tuple(scan.contrast_limits) == limits
    assert list(other.contrast_limits) == before
    assert "scan: level" in widget.message.text()


def test_the_scan_under_the_selected_labels_is_meant(model: Any, qtbot: Any, widget: WindowsWidget) -> None:
    scan = add(model, "scan")  # no modality: its grey values show that it is a CT
    labels = new_labels(model, scan)
    add(model, "top", "MR").scale = (2, 2, 2)
    model.layers.selection = {labels}
    click(qtbot, widget, "lung")
    assert tuple(scan.contrast_limits) == (-1350, 150)


def test_an_mr_has_only_auto(model: Any, qtbot: Any, widget: WindowsWidget) -> None:
    scan = add(model, "brain MR", "MR")
    scan.contrast_limits = (0, 1)
    model.layers.selection = {scan}
    click(qtbot, widget, "bone")
    assert tuple(scan.contrast_limits) == (0, 1)
    assert widget.message.text() == "brain MR is not a CT in Hounsfield units; use Auto."
    click(qtbot, widget, "auto")
    low, high = scan.contrast_limits
    assert 0 <= low < 20
    assert 480 < high < 500


def test_an_empty_viewer_is_said(qtbot: Any, widget: WindowsWidget) -> None:
    click(qtbot, widget, "lung")
    assert widget.message.text() == "Open a scan first."


def test_a_viewer_that_is_gone_does_no_harm(qtbot: Any) -> None:
    from napari.components import ViewerModel

    made = WindowsWidget(ViewerModel())
    qtbot.addWidget(made)
    click(qtbot, made, "lung")
