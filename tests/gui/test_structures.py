"""Structures in a real viewer: names, colours, volumes, and locks that hold against real strokes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nrrd
import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QLineEdit

from napari_medssl.volumes import Geometry, Volume, write_labels, write_volume
from napari_medssl.volumes.segments import Segment
from napari_medssl.widgets import structures_section
from napari_medssl.widgets.propagate import PropagateWidget
from napari_medssl.widgets.readers import read_layers
from napari_medssl.widgets.structures_table import COLOUR, LOCK, NAME
from tests.gui.propagation_kit import FakeEngine, Hand, click, dock, says, wait_for_end

SHAPE, SPACING = (12, 60, 60), (2.0, 1.5, 1.0)
VOXEL_ML = 0.003


class Desk:
    """A scan, labels 1 and 2 on slices of their own, and the widget; in a window's dock, or without a window."""

    def __init__(self, viewer: Any, qtbot: Any) -> None:
        self.viewer, self.qtbot = viewer, qtbot
        viewer.add_image(np.random.default_rng(0).random(SHAPE).astype(np.float32), scale=SPACING, name="scan")
        array = np.zeros(SHAPE, np.uint8)
        array[4, 10:20, 10:20] = 1
        array[6, 10:30, 10:30] = 1
        array[5, 40:50, 40:55] = 2
        self.labels = viewer.add_labels(array, scale=SPACING, name="organs")
        if hasattr(viewer, "window"):
            self.widget = dock(viewer, qtbot, FakeEngine())
        else:
            self.widget = PropagateWidget(viewer, engine=FakeEngine())
            qtbot.addWidget(self.widget)
            self.widget.resize(340, 700)
            self.widget.show()
        self.section = self.widget.label_tools.structures
        self.table = self.section.table
        self.wait(lambda: [row.millilitres for row in self.rows] == pytest.approx([500 * VOXEL_ML, 150 * VOXEL_ML]))

    @property
    def rows(self) -> list[Any]:
        rows: list[Any] = self.table.rows.rows
        return rows

    def wait(self, happened: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(happened, timeout=10000)

    def place(self, row: int, column: int) -> QPoint:
        return self.table.visualRect(self.table.rows.index(row, column)).center()

    def click(self, row: int, column: int) -> None:
        self.qtbot.mouseClick(self.table.viewport(), Qt.MouseButton.LeftButton, pos=self.place(row, column))

    def lock(self, row: int) -> None:
        self.click(row, LOCK)


@pytest.fixture
def desk(model: Any, qtbot: Any) -> Desk:
    return Desk(model, qtbot)


def test_a_row_is_the_selected_label_and_the_other_way_round(desk: Desk) -> None:
    assert [(row.label, row.called, row.drawn) for row in desk.rows] == [(1, "label 1", 2), (2, "label 2", 1)]
    desk.click(1, NAME)
    assert desk.labels.selected_label == 2
    desk.labels.selected_label = 1
    desk.wait(lambda: desk.table.currentIndex().row() == 0)


def test_a_double_click_jumps_to_the_largest_drawn_slice(desk: Desk) -> None:
    desk.viewer.dims.set_current_step(0, 0)
    desk.click(0, NAME)
    desk.qtbot.mouseDClick(desk.table.viewport(), Qt.MouseButton.LeftButton, pos=desk.place(0, NAME))
    desk.wait(lambda: desk.viewer.dims.current_step[0] == 6)


def test_a_name_is_typed_with_help_and_shown_by_napari(desk: Desk) -> None:
    desk.table.setFocus()
    desk.table.setCurrentIndex(desk.table.rows.index(1, NAME))
    desk.table.edit(desk.table.rows.index(1, NAME))
    line = desk.table.findChild(QLineEdit)
    assert line.completer().model().stringList().count("Left kidney") == 1
    line.clear()
    desk.qtbot.keyClicks(line, "Left kidney")
    desk.qtbot.keyClick(line, Qt.Key.Key_Return)
    desk.wait(lambda: desk.rows[1].called == "Left kidney")
    desk.wait(lambda: "Left kidney on axial slice 5" in desk.widget.form.drawn.text())
    status = desk.labels.get_status((10.0, 45 * 1.5, 45.0), world=True)
    assert "Left kidney" in status["value"]
    assert "Properties" not in desk.labels.get_status((10.0, 0.0, 0.0), world=True)["value"]


def test_a_colour_is_chosen_and_the_others_stay(desk: Desk) -> None:
    before = desk.rows[0].colour
    asked = []
    desk.section.ask_colour = lambda _, colour: asked.append(colour) or (0.0, 1.0, 0.5)
    was = desk.rows[1].colour
    desk.click(1, COLOUR)
    assert asked == [was]
    assert desk.rows[1].colour == (0.0, 1.0, 0.5)
    np.testing.assert_allclose(desk.labels.get_color(2)[:3], (0.0, 1.0, 0.5), atol=1e-6)
    assert desk.rows[0].colour == before
    np.testing.assert_allclose(desk.labels.get_color(1)[:3], before, atol=1e-5)


def test_the_volume_follows_what_is_drawn_and_undone(desk: Desk) -> None:
    desk.labels.data_setitem((np.full(40, 8), np.full(40, 3), np.arange(40)), 2)
    desk.wait(lambda: desk.rows[1].millilitres == pytest.approx(190 * VOXEL_ML))
    desk.labels.undo()
    desk.wait(lambda: desk.rows[1].millilitres == pytest.approx(150 * VOXEL_ML))


def over_everything(desk: Desk, index: int) -> None:
    """A broad stroke of the real mouse over the middle of a slice."""
    desk.viewer.dims.set_current_step(0, index)
    desk.viewer.layers.selection.active = desk.labels
    desk.labels.brush_size = 200
    hand = Hand(desk.viewer, desk.qtbot)
    hand.stroke((-5, -5), (0, 0), (5, 5))


def test_a_stroke_spares_what_is_locked_and_undo_leaves_no_trace(
    make_napari_viewer: Callable[..., Any], qtbot: Any
) -> None:
    desk = Desk(make_napari_viewer(show=True), qtbot)
    desk.lock(0)
    assert desk.rows[0].locked
    before = desk.labels.data.copy()
    desk.labels.selected_label, desk.labels.mode = 2, "paint"
    over_everything(desk, 6)
    drawn = desk.labels.data.copy()
    assert (drawn[6] == 2).sum() > 1000
    np.testing.assert_array_equal(drawn == 1, before == 1)
    desk.labels.undo()
    np.testing.assert_array_equal(desk.labels.data, before)
    desk.labels.redo()
    np.testing.assert_array_equal(desk.labels.data, drawn)
    desk.labels.mode = "erase"
    desk.labels.selected_label = 1
    over_everything(desk, 6)
    np.testing.assert_array_equal(desk.labels.data == 1, before == 1)
    assert not (desk.labels.data[6] == 2).any()


@pytest.mark.parametrize("mode", ["erase", "fill", "paint"])
def test_the_eraser_the_bucket_and_the_brush_leave_a_locked_label_alone(desk: Desk, mode: str) -> None:
    desk.lock(0)
    before, steps = desk.labels.data.copy(), len(desk.labels._undo_history)
    desk.labels.selected_label = 2 if mode == "fill" else 1
    desk.labels.mode = mode
    desk.viewer.dims.set_current_step(0, 6)
    if mode == "fill":
        desk.labels.fill((6, 20, 20), 2)
    elif mode == "paint":
        desk.labels.paint((6, 40, 40), 1)
    else:
        desk.labels.data_setitem((np.array([6, 6]), np.array([15, 16]), np.array([15, 15])), 0)
    np.testing.assert_array_equal(desk.labels.data, before)
    assert len(desk.labels._undo_history) == steps
    assert "Label 1 is locked" in desk.widget.form.hint.text()
    desk.lock(0)
    assert not desk.rows[0].locked
    desk.labels.fill((6, 20, 20), 2)
    assert (desk.labels.data[6] == 1).sum() == 0


def test_locked_labels_are_neither_propagated_nor_overwritten(desk: Desk) -> None:
    desk.lock(0)
    before = desk.labels.data.copy()
    desk.wait(lambda: desk.widget.form.drawn.text() == "Label 2 on axial slice 5")
    click(desk.qtbot, desk.widget.form.propagate)
    wait_for_end(desk.widget, desk.qtbot)
    engine: Any = desk.widget._engine
    assert set(engine.calls[0]["seed_slices"]) == {2}
    np.testing.assert_array_equal(desk.labels.data == 1, before == 1)
    assert (desk.labels.data == 2).sum() > 150


def test_a_label_locked_while_it_is_propagated_stops_changing(desk: Desk) -> None:
    engine: Any = desk.widget._engine
    engine.pause = 0.02
    engine.hold = lambda index: index == 2 and not desk.rows[1].locked
    click(desk.qtbot, desk.widget.form.propagate)
    desk.wait(lambda: bool((desk.labels.data[7] == 2).any()))
    desk.labels.selected_label = 2
    desk.lock(1)
    frozen = desk.labels.data == 2
    wait_for_end(desk.widget, desk.qtbot)
    np.testing.assert_array_equal(desk.labels.data == 2, frozen)


def test_when_all_is_locked_propagate_says_so(desk: Desk) -> None:
    desk.lock(0)
    desk.lock(1)
    click(desk.qtbot, desk.widget.form.propagate)
    assert "locked" in desk.widget.form.hint.text()
    assert not desk.widget.runs.running


def test_accept_and_next(desk: Desk) -> None:
    desk.labels.selected_label = 1
    desk.section._on_renamed(1, "Liver")
    desk.labels.mode = "pan_zoom"
    click(desk.qtbot, desk.section.accept_and_next)
    assert (desk.rows[0].locked, desk.rows[0].accepted) == (True, True)
    assert desk.labels.selected_label == 3
    assert desk.labels.mode == "paint"
    assert says(desk.widget) == "Liver is accepted and locked. Now draw the next structure on one slice; it is label 3."
    assert not desk.section.accept_and_next.isEnabled()  # nothing is drawn of it yet
    desk.labels.data_setitem((np.full(9, 8), np.full(9, 3), np.arange(9)), 3)
    desk.wait(desk.section.accept_and_next.isEnabled)


def test_undoing_the_propagation_of_a_locked_structure_is_refused(desk: Desk) -> None:
    click(desk.qtbot, desk.widget.form.propagate)
    wait_for_end(desk.widget, desk.qtbot)
    after = desk.labels.data.copy()
    desk.lock(1)
    click(desk.qtbot, desk.widget.form.undo)
    assert "label 2, which is locked" in desk.widget.form.hint.text()
    np.testing.assert_array_equal(desk.labels.data, after)


def test_a_replaced_array_keeps_the_names(desk: Desk) -> None:
    desk.section._on_renamed(2, "Spleen")
    desk.labels.data = np.roll(desk.labels.data, 1, axis=0)
    desk.wait(lambda: [row.called for row in desk.rows] == ["label 1", "Spleen"])


def test_slicers_names_come_with_the_file_and_go_back_into_it(model: Any, qtbot: Any, tmp_path: Path) -> None:
    geometry = Geometry((1.0, 1.5, 2.0), (5.0, 6.0, 7.0))
    array = np.zeros(SHAPE, np.uint8)
    array[3:6, 10:30, 10:30], array[3:6, 40:50, 40:50] = 1, 4
    tags = "TerminologyEntry:mine|Segmentation.Status:completed|"
    segments = {
        1: Segment("Liver", (1.0, 0.5, 0.0), {"ID": "abc", "Tags": tags}),
        4: Segment("Cyst", (0.0, 0.25, 1.0)),
    }
    write_labels(tmp_path / "case.seg.nrrd", Volume(array, geometry, segments=segments))
    write_volume(tmp_path / "case.nrrd", Volume(array.astype(np.int16), geometry))
    model.open([tmp_path / "case.nrrd", tmp_path / "case.seg.nrrd"], plugin="napari-medssl", stack=False)
    widget = PropagateWidget(model, engine=FakeEngine())
    qtbot.addWidget(widget)
    widget.show()
    rows = widget.label_tools.structures.table.rows
    qtbot.waitUntil(lambda: [row.millilitres is not None for row in rows.rows] == [True, True], timeout=10000)
    assert [(row.called, row.colour, row.locked, row.accepted) for row in rows.rows] == [
        ("Liver", (1.0, 0.5, 0.0), True, True),
        ("Cyst", (0.0, 0.25, 1.0), False, False),
    ]
    labels = widget.form.labels.layer
    np.testing.assert_allclose(labels.get_color(4)[:3], (0.0, 0.25, 1.0))
    labels.data_setitem((np.array([4]), np.array([0]), np.array([0])), 4)
    widget.label_tools.structures._on_renamed(4, "Mass")
    widget.ask_path = lambda *_: str(tmp_path / "out.seg.nrrd")
    click(qtbot, widget.form.save)
    qtbot.waitUntil(lambda: "Saved" in widget.form.hint.text(), timeout=10000)
    _, header = nrrd.read(str(tmp_path / "out.seg.nrrd"))
    assert (header["Segment0_Name"], header["Segment0_ID"], header["Segment0_Color"]) == ("Liver", "abc", "1 0.5 0")
    assert header["Segment0_Tags"] == tags
    assert (header["Segment1_Name"], header["Segment1_LabelValue"]) == ("Mass", "4")
    assert "SCT^4147007^Mass" in header["Segment1_Tags"]
    labels.save(str(tmp_path / "menu.seg.nrrd"), plugin="napari-medssl")  # File > Save
    assert nrrd.read_header(str(tmp_path / "menu.seg.nrrd"))["Segment1_Name"] == "Mass"


def test_what_a_script_changes_while_voxels_are_counted_is_counted_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, count = threading.Event(), structures_section._count

    def slowly(array: Any) -> Any:
        found = count(array)
        assert go.wait(10)
        return found

    monkeypatch.setattr(structures_section, "_count", slowly)
    desk.section.look_again()
    desk.section.look()
    desk.labels.data[9, :10, :10] = 2  # leaves no trace in napari's history
    desk.section.look_again()
    go.set()
    desk.wait(lambda: desk.rows[1].millilitres == pytest.approx(250 * VOXEL_ML))


def test_names_and_locks_come_back_with_a_format_that_has_no_room_for_them(
    model: Any, qtbot: Any, tmp_path: Path
) -> None:
    desk = Desk(model, qtbot)
    desk.section._on_renamed(1, "Liver")
    desk.section.ask_colour = lambda *_: (0.0, 1.0, 0.0)
    desk.click(0, COLOUR)
    desk.lock(0)
    desk.widget.ask_path = lambda *_: str(tmp_path / "organs.nii.gz")
    click(qtbot, desk.widget.form.save)
    qtbot.waitUntil(lambda: "Saved" in desk.widget.form.hint.text(), timeout=10000)
    array, arguments, _ = read_layers(tmp_path / "organs.nii.gz")[0]
    model.layers.clear()
    scan = model.add_image(
        np.zeros(array.shape, np.float32), scale=arguments["scale"], translate=arguments["translate"]
    )
    labels = model.add_labels(array, **arguments)
    assert desk.widget.form.labels.layer is labels
    assert desk.widget.form.scan.layer is scan
    desk.wait(lambda: [row.called for row in desk.rows] == ["Liver", "label 2"])
    assert desk.rows[0].locked
    assert desk.rows[0].colour == (0.0, 1.0, 0.0)
    before = labels.data.copy()
    labels.fill(tuple(np.argwhere(before == 1)[0]), 2)
    np.testing.assert_array_equal(labels.data, before)
