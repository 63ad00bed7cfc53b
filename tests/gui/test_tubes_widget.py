"""The widget Tubes on a shown viewer: found, rebuilt, measured, clicked, kept, saved, with real clicks."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_medssl.errors import BadInput
from napari_medssl.tubes import Tubes, branches, difference, refine, refine_mask
from napari_medssl.tubes.distances import surface_distance
from napari_medssl.volumes import Geometry, Volume, read_labels
from napari_medssl.volumes.orientation import display_for
from napari_medssl.widgets.layers import geometry_of, layer_data, lies_on
from napari_medssl.widgets.planes import show_slice, shown_slice
from napari_medssl.widgets.tubes import TubesWidget
from napari_medssl.widgets.tubes_form import TubesForm
from napari_medssl.widgets.tubes_preview import preview_of
from tests.gui.propagation_kit import click
from tests.gui.waiting_engine import WaitingEngine

SHAPE, SPACING = (28, 48, 40), (2.0, 1.0, 1.5)
TURNED = (0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0, 1.0, 0.0)  # the file's axes are not those that are shown


def two_tubes() -> np.ndarray:
    """A tube along z that is narrow in its middle, and a thinner one beside it (file's order)."""
    z, y, x = np.indices(SHAPE).astype(float)
    wide = np.where(np.abs(z - 14) < 2, 2.5, 6.0)
    first = (y - 14) ** 2 + ((x - 12) * 1.5) ** 2 <= wide**2
    second = (y - 38) ** 2 + ((x - 28) * 1.5) ** 2 <= 3.2**2
    return (first | second) & (z > 2) & (z < 25)


def answer(volume: Volume) -> Tubes:
    """Quite sure of the first tube, unsure of the second."""
    tubes = np.asarray(volume.array) > 0
    chance = np.where(tubes, np.where(np.indices(SHAPE)[1] < 26, 0.95, 0.6), 0.05).astype(np.float32)
    return Tubes(chance, surface_distance(tubes, spacing=volume.spacing))


class Bench:
    def __init__(self, viewer: Any, qtbot: Any) -> None:
        self.viewer, self.qtbot = viewer, qtbot
        self.geometry = Geometry(SPACING[::-1], (10.0, -20.0, 30.0), TURNED)
        self.display = display_for(self.geometry)

    def open(self, array: np.ndarray, kind: str, name: str) -> Any:
        data, arguments, _ = layer_data(Volume(array, self.geometry, name=name), kind=kind)
        return (self.viewer.add_labels if kind == "labels" else self.viewer.add_image)(data, **arguments)

    def dock(self, engine: Any = None) -> Any:
        self.widget = TubesWidget(self.viewer, engine=engine)
        self.form = self.widget.form
        self.viewer.window.add_dock_widget(self.widget, name="Tubes")
        self.qtbot.waitUntil(self.widget.isVisible, timeout=10000)
        return self.widget

    def run(self) -> str:
        """Click the main button and wait; returns the first line."""
        click(self.qtbot, self.form.run)
        self.qtbot.waitUntil(lambda: self.widget.run is None, timeout=60000)
        text: str = self.form.hint.text()
        return text

    def layer(self, role: str) -> Any:
        return self.widget.layers.get(role)

    def click_at(self, voxel: Any) -> None:
        """Click on the canvas where a shown voxel of the slice on screen lies."""
        canvas = self.viewer.window._qt_viewer.canvas
        world = np.asarray(self.layer("refined").data_to_world(np.asarray(voxel, float)))
        camera, native = self.viewer.scene.camera, canvas.native
        down, right = (
            (world[axis] - camera.center[1 + place]) * camera.zoom
            for place, axis in enumerate(self.viewer.dims.displayed)
        )
        spot = QPoint(round(native.width() / 2 + right), round(native.height() / 2 + down))
        self.qtbot.mouseMove(native, spot)
        self.qtbot.mouseClick(native, Qt.MouseButton.LeftButton, pos=spot)

    def click_row(self, row: int) -> None:
        table = self.form.table
        spot = table.visualRect(table.model().index(row, 1)).center()
        self.qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=spot)


@pytest.fixture
def bench(make_napari_viewer: Callable[..., Any], qtbot: Any) -> Bench:
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1100, 760)
    return Bench(viewer, qtbot)


def test_a_mask_is_rebuilt_measured_and_tied_to_the_view(bench: Bench, tmp_path: Path) -> None:
    mask = two_tubes().astype(np.uint8)
    widget = bench.dock()
    assert "Open a scan" in bench.form.hint.text()
    drawn = bench.open(mask, "labels", "vessels")
    bench.form.kind.setCurrentIndex(bench.form.kind.findData("mask"))
    assert bench.form.model.isHidden()
    assert "2 branches" in bench.run()
    expected = refine_mask(mask, spacing=SPACING)
    tree = branches(expected, spacing=SPACING)
    refined, line = bench.layer("refined"), bench.layer("centre line")
    assert refined.name == "vessels refined"
    assert (lies_on(refined, drawn), geometry_of(refined)) == (True, geometry_of(drawn))
    np.testing.assert_array_equal(refined.data, bench.display.forward(expected.labels))
    np.testing.assert_array_equal(bench.layer("change").data, bench.display.forward(difference(mask, expected)))
    on_line = bench.display.forward(expected.radius)
    np.testing.assert_allclose(on_line[tuple(line.data.astype(int).T)], line.features["radius_mm"], atol=0.006)
    np.testing.assert_array_equal(drawn.data, bench.display.forward(mask))
    narrow = max(tree[0].narrowings, key=lambda place: place.percent)
    assert bench.layer("narrowings").features["percent"].tolist() == [round(narrow.percent)]

    bench.click_row(0)  # the tube with the narrow place
    at = np.argwhere(
        bench.display.forward(np.arange(mask.size).reshape(SHAPE)) == np.ravel_multi_index(narrow.voxel, SHAPE)
    )
    assert shown_slice(bench.viewer, refined, 0) == at[0, 0]
    assert widget.form.table.chosen == 1
    marked = np.asarray(line.size) > 2
    assert marked.sum() == len(tree[0].points)

    middle = widget.layers.points[widget.layers.numbers == 2].mean(axis=0)
    show_slice(bench.viewer, refined, 0, round(middle[0]))
    bench.viewer.reset_view()
    bench.click_at((round(middle[0]), middle[1], middle[2]))
    bench.qtbot.waitUntil(lambda: bench.form.table.chosen == 2, timeout=5000)
    assert "Branch 2" in bench.form.hint.text()

    widget.results.ask_table = lambda *_: str(tmp_path / "branches.csv")
    click(bench.qtbot, bench.form.export)
    rows = list(csv.DictReader((tmp_path / "branches.csv").open()))
    assert [row["narrowing_z"] for row in rows] == [str(narrow.voxel[0]), ""]  # in the file's voxels
    widget.results.ask_mask = lambda *_: str(tmp_path / "out.nii.gz")
    click(bench.qtbot, bench.form.save)
    bench.qtbot.waitUntil(lambda: "Saved" in bench.form.hint.text(), timeout=20000)
    np.testing.assert_array_equal(read_labels(tmp_path / "out.nii.gz").array, expected.labels)


def test_only_the_vessel_that_is_clicked_is_kept_and_all_comes_back(bench: Bench) -> None:
    bench.open(two_tubes().astype(np.uint8), "labels", "vessels")
    widget = bench.dock()
    assert widget.kind == "mask"  # what was selected
    bench.run()
    refined = bench.layer("refined")
    before = refined.data.copy()
    middle = widget.layers.points[widget.layers.numbers == 2].mean(axis=0)
    show_slice(bench.viewer, refined, 0, round(middle[0]))
    bench.viewer.reset_view()
    click(bench.qtbot, bench.form.keep)
    bench.click_at((round(middle[0]), middle[1], middle[2]))
    bench.qtbot.waitUntil(lambda: not bench.form.keep.isChecked(), timeout=20000)
    assert bench.form.table.keys == [2]
    part = np.zeros_like(before, bool)
    part[tuple(widget.layers.points[widget.layers.numbers == 2].astype(int).T)] = True
    assert (refined.data[part] == 1).all()
    assert 0 < np.count_nonzero(refined.data) < np.count_nonzero(before)
    assert bench.layer("centre line").shown.sum() == part.sum()
    click(bench.qtbot, bench.form.undo)
    np.testing.assert_array_equal(refined.data, before)
    assert len(bench.form.table.keys) == 2

    refined.data_setitem((np.array([0]), np.array([0]), np.array([0])), 1)  # drawn in: it stays when run again
    bench.run()
    assert bench.layer("refined") is not refined
    assert refined in bench.viewer.layers
    assert refined.data[0, 0, 0] == 1
    again = bench.layer("refined")
    bench.run()
    assert bench.layer("refined") is again
    assert len([layer for layer in bench.viewer.layers if "narrowings" in layer.name]) == 1


def test_a_scan_is_found_previewed_and_rebuilt_without_the_network_again(bench: Bench) -> None:
    scan = bench.open(two_tubes().astype(np.float32) * 100, "image", "scan")
    engine = WaitingEngine(answer)
    widget = bench.dock(engine)
    bench.form.polarity.setCurrentIndex(bench.form.polarity.findData("dark"))
    assert bench.form.run.text() == "Find and measure"
    assert "1 branch," in bench.run()  # the second one is too unsure
    assert engine.settings["polarity"] == "dark"
    maps = answer(Volume(two_tubes().astype(np.float32), bench.geometry))
    expected = refine(maps.probability, maps.radius, spacing=SPACING, skeleton_threshold=0.8)
    np.testing.assert_array_equal(bench.layer("refined").data, bench.display.forward(expected.labels))
    np.testing.assert_array_equal(bench.layer("probability").data, bench.display.forward(maps.probability))

    assert bench.form.run.text() == "Rebuild and measure"
    layers = len(bench.viewer.layers)
    shown = bench.display.forward(maps.probability)
    show_slice(bench.viewer, scan, 0, int((shown == np.float32(0.6)).sum(axis=(1, 2)).argmax()))
    bench.form.sure.slider.setFocus()
    bench.qtbot.keyClick(bench.form.sure.slider, Qt.Key.Key_Home)
    bench.qtbot.waitUntil(lambda: widget.preview.layer is not None, timeout=5000)
    index = shown_slice(bench.viewer, scan, 0)
    slab = slice(index - 3, index + 4)
    expected_slab = preview_of(shown[slab], 0.5, 0.01)
    np.testing.assert_array_equal(widget.preview.layer.data[slab], expected_slab)
    assert set(np.unique(expected_slab)) == {0, 1}
    assert expected_slab[3].any()
    other = int((shown == np.float32(0.95)).sum(axis=(1, 2)).argmax())  # where the first tube lies
    bench.viewer.dims.set_current_step(0, other)
    bench.qtbot.waitUntil(lambda: widget.preview.layer.data[other].any(), timeout=5000)
    assert not widget.preview.layer.data[index].any()
    assert "2 branches" in bench.run()
    assert engine.calls == 1
    assert widget.preview.layer is None
    assert len(bench.viewer.layers) == layers
    bench.form.polarity.setCurrentIndex(bench.form.polarity.findData("bright"))
    assert bench.form.run.text() == "Find and measure"


def test_the_preview_leaves_out_what_is_unsure_and_does_not_go_on() -> None:
    slab = np.zeros((5, 9, 20), np.float32)
    slab[2, 2:4, 2:4] = 0.6  # unsure, and ends here
    slab[1:4, 6, 3] = 0.7
    slab[2, 6, 3] = 0.9  # sure somewhere
    slab[:3, 4, 15] = 0.55  # goes on beyond the first slice
    found = preview_of(slab, 0.5, 0.8)
    assert (found[2, 2:4, 2:4] == 2).all()
    assert (found[1:4, 6, 3] == 1).all()
    assert (found[:3, 4, 15] == 1).all()
    assert np.count_nonzero(found) == np.count_nonzero(slab)


def test_a_probability_map_needs_no_network(bench: Bench) -> None:
    chance = np.where(two_tubes(), 0.9, 0.1).astype(np.float32)
    bench.open(chance, "image", "their map")
    bench.dock()
    bench.form.kind.setCurrentIndex(bench.form.kind.findData("probability"))
    assert bench.form.model.isHidden()
    assert "2 branches" in bench.run()
    radius = surface_distance(chance >= 0.5, spacing=SPACING)
    expected = refine(chance, radius, spacing=SPACING, skeleton_threshold=0.8)
    np.testing.assert_array_equal(bench.layer("refined").data, bench.display.forward(expected.labels))
    assert bench.layer("probability") is None  # it is there already
    bench.viewer.layers.clear()
    bench.open(chance * 1000, "image", "scan")
    assert "do not lie between 0 and 1" in bench.run()


def test_progress_cancel_trouble_and_closing(bench: Bench) -> None:
    bench.open(two_tubes().astype(np.float32), "image", "scan")
    engine = WaitingEngine(answer, held=True)
    widget = bench.dock(engine)
    click(bench.qtbot, bench.form.run)
    bench.qtbot.waitUntil(lambda: "25%" in bench.form.progress_text.text(), timeout=5000)
    click(bench.qtbot, bench.form.cancel)
    bench.qtbot.waitUntil(lambda: widget.run is None, timeout=10000)
    assert "Stopped" in bench.form.hint.text()
    assert len(bench.viewer.layers) == 1
    engine.go_on.set()
    engine.error = BadInput("The model is broken.")
    assert "The model is broken." in bench.run()
    engine.error = None
    engine.go_on.clear()
    engine.left.clear()
    click(bench.qtbot, bench.form.run)
    with bench.qtbot.waitSignal(widget.destroyed, timeout=10000):
        bench.viewer.window.remove_dock_widget(widget)
    assert engine.left.wait(10)
    assert len(bench.viewer.layers) == 1
    empty = Bench(bench.viewer, bench.qtbot)
    empty.open(np.zeros(SHAPE, np.uint8), "labels", "nothing")
    empty.dock()
    assert "nothing is empty" in empty.run()


def test_3d_and_back(bench: Bench) -> None:
    bench.open(two_tubes().astype(np.uint8), "labels", "vessels")
    bench.dock()
    bench.run()
    viewer, looks = bench.viewer, {layer: layer.visible for layer in bench.viewer.layers}
    zoom = viewer.scene.camera.zoom
    click(bench.qtbot, bench.form.view3d)
    assert viewer.dims.ndisplay == 3
    assert {layer.name for layer in viewer.layers if layer.visible} == {
        "vessels refined", "vessels centre line", "vessels narrowings",
    }  # fmt: skip
    np.testing.assert_allclose(viewer.scene.camera.view_direction, (0, 1, 0), atol=1e-6)
    np.testing.assert_allclose(viewer.scene.camera.up_direction, (-1, 0, 0), atol=1e-6)
    bench.qtbot.wait(50)
    native = viewer.window._qt_viewer.canvas.native
    points = bench.widget.layers.points
    for number in (1, 2):  # the first tube lies on one side of the middle, the second on the other
        side = points[bench.widget.layers.numbers == number].mean(axis=0)
        assert bench.widget.layers.branch_at(side) == number
    bench.click_row(1)
    spot = QPoint(native.width() // 2, native.height() // 2)  # the row brought it into the middle
    bench.form.table.clearSelection()
    click(bench.qtbot, bench.form.keep)
    bench.qtbot.mouseMove(native, spot)
    bench.qtbot.mouseClick(native, Qt.MouseButton.LeftButton, pos=spot)
    bench.qtbot.waitUntil(lambda: not bench.form.keep.isChecked(), timeout=20000)
    assert bench.form.table.keys == [2]
    click(bench.qtbot, bench.form.view3d)
    assert viewer.dims.ndisplay == 2
    assert {layer: layer.visible for layer in viewer.layers} == looks
    assert viewer.scene.camera.zoom == pytest.approx(zoom)


def test_the_rest_of_the_form_lies_below_the_table(model: Any, qtbot: Any) -> None:
    from napari_medssl.widgets.controls import scrolled

    tree = branches(refine_mask(two_tubes(), spacing=SPACING), spacing=SPACING)
    form = TubesForm(model)
    area = scrolled(form)
    qtbot.addWidget(area)
    area.resize(400, 760)
    area.show()
    for many in (tree, tree * 6):
        form.table.show_branches(many, {1, 2})
        form.results.setVisible(True)
        form.settle()
        qtbot.waitUntil(lambda: form.legend.y() >= form.table.y() + form.table.height(), timeout=5000)
        assert form.table.height() <= 22 * 10
