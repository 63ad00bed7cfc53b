"""How the Propagate widget looks: nothing cut off, in both themes, on small and large screens; and docs/keyboard.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QLabel, QScrollArea, QSpinBox, QWidget

from napari_medssl.widgets.layer_choice import LayerChoice
from napari_medssl.widgets.shortcuts import OF_NAPARI, SHORTCUTS
from tests.gui.propagation_kit import FakeEngine, click, dock, wait_for_end

KEYBOARD = Path(__file__).parents[2] / "docs" / "keyboard.md"
ARROW = 24  # of a menu
SHAPE = (400, 32, 32)


def cut_off(form: QWidget) -> Iterator[str]:
    """What of the visible controls does not show whole."""
    for control in form.findChildren(QWidget):
        if not control.isVisible():
            continue
        text = control.text() if isinstance(control, QAbstractButton | QLabel | QSpinBox) else ""
        words = control.fontMetrics().horizontalAdvance(text)
        room = control.size()
        if isinstance(control, QLabel) and control.wordWrap():
            fits = control.heightForWidth(room.width()) <= room.height()
        elif isinstance(control, QSpinBox):
            widest = max(control.fontMetrics().horizontalAdvance(str(n)) for n in (control.maximum(), control.value()))
            fits = widest + 4 <= control.lineEdit().width()
        elif isinstance(control, QComboBox):  # the tooltip of a menu of layers says the whole name
            words = (
                0
                if isinstance(control, LayerChoice)
                else control.fontMetrics().horizontalAdvance(control.currentText())
            )
            fits = words + ARROW <= room.width() and control.fontMetrics().height() <= room.height()
        elif isinstance(control, QAbstractButton | QLabel):
            fits = words <= room.width() and control.minimumSizeHint().height() <= room.height()
        else:
            fits = True
        inside = control is form or control.parentWidget().rect().contains(control.geometry())
        if not fits or not inside:
            yield f"{type(control).__name__} {control.accessibleName()!r} {text!r} {room.width()} x {room.height()}"


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080)])
def test_nothing_is_cut_off(
    make_napari_viewer: Callable[..., Any], qtbot: Any, theme: str, size: tuple[int, int]
) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.theme = theme
    viewer.window._qt_window.resize(*size)
    viewer.add_image(np.zeros(SHAPE, np.float32), name="a scan with quite a long name, as they often have")
    widget = dock(viewer, qtbot, FakeEngine())
    form = widget.form
    assert list(cut_off(form)) == []
    labels = viewer.add_labels(np.zeros(SHAPE, np.uint8))
    for index in range(150, 399, 40):
        labels.data[index, 2:9, 2:9] = index // 100
    widget.look()
    click(qtbot, form.propagate)
    wait_for_end(widget, qtbot)
    if size[1] < 1080:  # what is said then is longer, and the form scrolls
        click(qtbot, form.check)
    form.fold.setChecked(True)
    form.options.limit(100, 399 - 3)
    widget.look()
    area = widget.findChild(QScrollArea)
    qtbot.waitUntil(lambda: form.options.last.isVisible() and form.checking.isVisible(), timeout=5000)
    qtbot.wait(50)
    assert list(cut_off(form)) == []
    assert form.width() <= area.viewport().width()
    if size[1] < 1080:
        assert 290 <= widget.width() <= 345
        window = viewer.window._qt_window
        for control in widget.findChildren(QAbstractButton) + widget.findChildren(QLabel):
            if control.isVisible():  # downwards the form scrolls
                assert control.mapTo(window, control.rect().bottomRight()).x() <= window.rect().right(), control
    if size[1] >= 1080:
        assert area.verticalScrollBar().maximum() == 0  # nothing to scroll
    viewer.window._qt_window.resize(900, 500)  # a low dock: scroll, and reach the bottom
    qtbot.waitUntil(lambda: area.verticalScrollBar().maximum() > 0, timeout=5000)
    area.ensureWidgetVisible(form.save)
    assert area.viewport().rect().contains(form.save.mapTo(area.viewport(), form.save.rect().center()))
    assert list(cut_off(form)) == []


def test_a_control_that_is_too_small_would_be_noticed(make_napari_viewer: Callable[..., Any], qtbot: Any) -> None:
    widget = dock(make_napari_viewer(show=True), qtbot, FakeEngine())
    assert list(cut_off(widget.form)) == []
    widget.form.new_labels.setFixedWidth(20)
    assert "New labels" in next(cut_off(widget.form))


def test_every_control_says_what_it_is_for(make_napari_viewer: Callable[..., Any], qtbot: Any) -> None:
    widget = dock(make_napari_viewer(show=True), qtbot, FakeEngine())
    click(qtbot, widget.form.fold)
    controls = [
        control
        for kind in (QAbstractButton, QComboBox, QAbstractSpinBox)
        for control in widget.findChildren(kind)
        if type(control).__module__.startswith(("PySide", "PyQt", "napari_medssl"))
        and not control.objectName().startswith("qt_")  # parts that Qt makes for itself, such as a table's corner
    ]
    assert len(controls) > 14
    for control in controls:
        assert control.accessibleName(), control
        assert control.toolTip(), control.accessibleName()


def test_the_keyboard_page_is_the_table() -> None:
    page = KEYBOARD.read_text(encoding="utf-8")
    spec = spec_from_file_location("make_keyboard", KEYBOARD.with_name("make_keyboard.py"))
    assert spec is not None
    assert spec.loader is not None
    maker = module_from_spec(spec)
    spec.loader.exec_module(maker)
    assert maker.renewed(page) == page, "run python docs/make_keyboard.py"
    for key, does in [(shortcut.key, shortcut.does) for shortcut in SHORTCUTS] + list(OF_NAPARI):
        assert f"| {key} | {does} |" in page
