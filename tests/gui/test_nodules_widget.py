"""The widget Nodules on a shown viewer: found, read, marked, outlined, exported, compared, kept, with real clicks."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_medssl.errors import BadInput
from napari_medssl.nodules import read_annotations, read_findings
from napari_medssl.nodules.reading_recovery import reading_offers
from napari_medssl.training.data import Case
from napari_medssl.volumes import Volume, read_labels
from napari_medssl.widgets.layers import lies_on
from napari_medssl.widgets.nodules import SHORTCUTS
from napari_medssl.widgets.nodules_marks import COLOURS
from napari_medssl.widgets.planes import show_slice, shown_slice
from napari_medssl.widgets.shortcuts import SHORTCUTS as OF_PROPAGATE
from napari_medssl.widgets.train import TrainWidget
from tests.gui.nodules_kit import NODULES, SHAPE, Desk, answer, small_chest
from tests.gui.propagation_kit import click
from tests.gui.waiting_engine import WaitingEngine
from tests.nodules.toys import ball, toy_model


@pytest.fixture
def desk(make_napari_viewer: Callable[..., Any], qtbot: Any) -> Desk:
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1100, 760)
    return Desk(viewer, qtbot)


def test_findings_are_read_by_keys_and_clicks_and_every_step_is_taken_back(desk: Desk) -> None:
    desk.dock()
    assert "Open a chest CT" in desk.says
    scan = desk.open()
    assert "Click Find nodules" in desk.says
    assert desk.form.research.isVisible()
    desk.find()
    assert desk.numbers == [1, 2]  # the third is less sure than the model's own threshold
    assert "1 less sure hidden" in desk.form.counts.text()
    ground = desk.reader.ground
    place = ground.shown(NODULES[0][0])
    assert desk.reader.chosen == 1  # the first one is shown at once
    assert shown_slice(desk.viewer, scan, 0) == round(place[0])
    np.testing.assert_allclose(
        desk.viewer.scene.camera.center[1:], np.asarray(scan.data_to_world(place))[1:], atol=1e-6
    )
    model = desk.form.table.model()
    cells = [model.data(model.index(0, column)) for column in range(6)]
    assert cells == ["1", "90 %", "22.0", "R up", str(round(place[0])), "to read"]

    desk.key(Qt.Key.Key_A)
    assert (desk.state(1), desk.reader.chosen) == ("accepted", 2)
    assert shown_slice(desk.viewer, scan, 0) == round(ground.shown(NODULES[1][0])[0])
    desk.key(Qt.Key.Key_D)
    assert desk.state(2) == "rejected"
    assert "All are read" in desk.says
    desk.form.score.slider.setValue(15)
    assert desk.numbers == [1, 2, 3]
    desk.form.score.slider.setValue(95)
    assert desk.numbers == [1, 2]  # what was decided about always shows
    desk.form.score.slider.setValue(15)
    desk.key(Qt.Key.Key_S)
    assert desk.reader.chosen == 3
    desk.key(Qt.Key.Key_W)
    assert desk.reader.chosen == 2
    desk.key(Qt.Key.Key_Q)
    assert desk.state(2) == "unread"
    desk.key(Qt.Key.Key_Q)
    assert (desk.state(1), desk.reader.chosen) == ("unread", 1)
    desk.key(Qt.Key.Key_Q, Qt.KeyboardModifier.ShiftModifier)
    assert desk.state(1) == "accepted"

    desk.click_row(1)
    assert desk.reader.chosen == 2
    desk.qtbot.keyClick(desk.form.table, Qt.Key.Key_Down)
    assert desk.reader.chosen == 3
    assert shown_slice(desk.viewer, scan, 0) == round(ground.shown(NODULES[2][0])[0])
    click(desk.qtbot, desk.form.reject)
    assert desk.state(3) == "rejected"
    desk.find()  # again: what was read stays
    assert {number: desk.state(number) for number in desk.numbers} == {1: "accepted", 3: "rejected", 4: "unread"}


def test_rings_lie_around_nodules_on_the_slices_they_reach(desk: Desk) -> None:
    scan = desk.open()
    desk.dock()
    desk.find()
    desk.viewer.reset_view()
    marks, ground = desk.reader.marks, desk.reader.ground
    layer = marks.layer
    for axis in (0, 1, 2):
        step = float(ground.spacing[axis])
        for offset in (-30.0, -8.0, 0.0, 8.0, 30.0):
            at = round(float(ground.shown(NODULES[0][0])[axis]) + offset / step)
            show_slice(desk.viewer, scan, axis, at)
            desk.qtbot.waitUntil(lambda: not desk.reader._follow.isActive(), timeout=5000)
            away = abs(ground.shown(NODULES[0][0])[axis] - at) * step
            reached = away <= NODULES[0][1] / 2
            assert bool(layer.shown[0]) == reached, (axis, offset)
            if reached:
                section = math.sqrt((NODULES[0][1] / 2) ** 2 - away**2)
                assert layer.size[0] * layer.scale[-1] / 2 == pytest.approx(max(section + 2.5, 5.0))
                np.testing.assert_allclose(np.delete(layer.data[0], axis), np.delete(marks.centres[0], axis))
    assert desk.viewer.layers.selection.active is not layer
    desk.viewer.dims.ndisplay = 3
    desk.qtbot.waitUntil(lambda: not desk.reader._follow.isActive(), timeout=5000)
    assert layer.shown.all()
    np.testing.assert_allclose(layer.data, marks.centres)
    desk.viewer.dims.ndisplay = 2
    desk.reader.reading.decide(1, "accepted")
    desk.reader.touched()
    np.testing.assert_allclose(marks.layer.border_color[0], COLOURS["accepted"], atol=1e-6)
    desk.viewer.layers.remove(marks.layer)
    desk.reader.go(2)
    assert marks.layer is not None  # the list is what counts
    desk.viewer.layers.clear()
    assert "Open a chest CT" in desk.says


def test_a_ring_is_drawn_as_wide_as_it_says(desk: Desk) -> None:
    """On the screen, in the axial and in the coronal plane, where voxels are no squares."""
    scan = desk.open()
    desk.dock()
    desk.find()
    scan.visible = False
    marks = desk.reader.marks
    for axis in (0, 1):
        desk.reader.go(1)
        show_slice(desk.viewer, scan, axis, round(float(marks.centres[0][axis])))
        desk.reader.show_place(NODULES[0][0])
        marks.layer.text.visible = False
        desk.qtbot.wait(50)
        picture = desk.viewer.screenshot(flash=False)[..., :3].astype(int)
        orange = (picture[..., 0] - picture[..., 2]) > 60
        wide = np.ptp(np.flatnonzero(orange.any(axis=0))) + 1
        high = np.ptp(np.flatnonzero(orange.any(axis=1))) + 1
        # the chosen ring's line is 12 % wide, half of it on either side
        expected = (NODULES[0][1] + 5) * 1.12 * desk.viewer.scene.camera.zoom
        assert wide == pytest.approx(expected, rel=0.04)
        assert high == pytest.approx(expected, rel=0.04)


def test_a_person_marks_moves_and_measures_in_the_picture(desk: Desk) -> None:
    scan = desk.open()
    desk.dock()
    show_slice(desk.viewer, scan, 0, round(float(desk.reader.ground.shown(NODULES[2][0])[0])))
    desk.viewer.reset_view()
    desk.click_at(NODULES[2][0], Qt.KeyboardModifier.ShiftModifier)
    assert desk.numbers == [1]
    added = desk.reader.reading[1]
    assert (added.state, added.origin) == ("accepted", "hand")
    assert math.dist(added.centre, NODULES[2][0]) < 4.0  # a voxel
    assert added.diameter == pytest.approx(NODULES[2][1], abs=4.0)  # what stands out from the lung there

    x, y, z = added.centre
    desk.drag(added.centre, (x + 20, y - 12, z))
    np.testing.assert_allclose(desk.reader.reading[1].centre, (x + 20, y - 12, z), atol=1.5)
    desk.form.diameter.setFocus()
    desk.form.diameter.selectAll()
    desk.qtbot.keyClicks(desk.form.diameter, "7.5")
    desk.qtbot.keyClick(desk.form.diameter, Qt.Key.Key_Return)
    assert desk.reader.reading[1].diameter == 7.5
    desk.form.note.setFocus()
    desk.qtbot.keyClicks(desk.form.note, "spiculated")
    desk.qtbot.keyClick(desk.form.note, Qt.Key.Key_Return)
    assert desk.reader.reading[1].note == "spiculated"
    for _ in range(3):
        click(desk.qtbot, desk.form.undo)
    assert desk.reader.reading[1] == added

    click(desk.qtbot, desk.form.add)
    assert "Click on the middle" in desk.says
    desk.click_at((x + 10, y - 40, z))
    assert desk.numbers == [1, 2]
    assert not desk.form.add.isChecked()
    desk.click_at(added.centre)  # a plain click on a ring chooses it
    assert (desk.reader.chosen, desk.form.table.chosen) == (1, 1)
    desk.qtbot.waitUntil(lambda: desk.reader.kept.places is not None, timeout=20000)
    click(desk.qtbot, desk.form.put_back)
    assert desk.numbers == [2]


def test_outlines_are_measured_corrected_undone_and_saved(desk: Desk, tmp_path: Path) -> None:
    """With the real propagation; the chest's nodules are balls, so axes and volume are known."""
    scan = desk.open()
    widget = desk.dock()
    desk.find()
    click(desk.qtbot, desk.form.accept)
    click(desk.qtbot, desk.form.accept)
    click(desk.qtbot, desk.form.outline_all)
    desk.qtbot.waitUntil(lambda: "2 findings outlined" in desk.says, timeout=60000)
    ground = desk.reader.ground
    layer = widget.outlines.masks.layer(ground)
    assert lies_on(layer, scan)
    truth = [ball(centre, d, ground.volume.geometry, SHAPE) for centre, d in NODULES[:2]]
    for number, true in enumerate(truth, 1):
        got = ground.source.display.back(layer.data) == number
        assert 2 * (got & true).sum() / (got.sum() + true.sum()) > 0.85
        sizes = desk.reader.reading[number].sizes
        diameter = NODULES[number - 1][1]
        assert sizes.long_mm == pytest.approx(diameter, abs=4.0)  # a voxel
        assert sizes.volume_ml == pytest.approx(got.sum() * 4 * 4 * 5 / 1000)
        assert desk.reader.reading[number].diameter == pytest.approx((sizes.long_mm + sizes.short_mm) / 2)
    assert "Long axis" in desk.form.details.text()

    before, sizes = layer.data.copy(), desk.reader.reading[1].sizes
    desk.reader.go(1)
    rubbed = tuple(axis[:40] for axis in np.nonzero(layer.data == 1))
    layer.data_setitem(rubbed, 0)
    click(desk.qtbot, desk.form.measure)
    assert desk.reader.reading[1].sizes.volume_ml == pytest.approx(sizes.volume_ml - 40 * 80 / 1000)
    layer.data_setitem(rubbed, 1)
    click(desk.qtbot, desk.form.undo)
    assert desk.reader.reading[1].sizes == sizes
    click(desk.qtbot, desk.form.undo)  # the outline of No. 2
    assert desk.reader.reading[2].sizes is None
    assert not (layer.data == 2).any()
    click(desk.qtbot, desk.form.redo)
    np.testing.assert_array_equal(layer.data, before)
    widget.outlines.ask_mask = lambda *_: str(tmp_path / "outlines.nii.gz")
    click(desk.qtbot, desk.form.save)
    desk.qtbot.waitUntil(lambda: "Saved" in desk.says, timeout=20000)
    saved = read_labels(tmp_path / "outlines.nii.gz")
    np.testing.assert_array_equal(saved.array, ground.source.display.back(layer.data))
    assert saved.geometry.same_grid(ground.volume.geometry)


def test_tables_go_out_come_in_and_are_compared(desk: Desk, tmp_path: Path) -> None:
    desk.open()
    widget = desk.dock()
    desk.find()
    click(desk.qtbot, desk.form.accept)
    click(desk.qtbot, desk.form.reject)
    mine = tmp_path / "mine.csv"
    widget.files.ask_save = lambda *_: str(tmp_path / "mine")
    click(desk.qtbot, desk.form.export)
    rows = list(csv.DictReader(mine.open()))
    assert [(row["seriesuid"], row["state"]) for row in rows] == [
        ("toy_chest", "accepted"), ("toy_chest", "rejected"), ("toy_chest", "unread"),
    ]  # fmt: skip
    assert [float(rows[0][f"coord{axis}"]) for axis in "XYZ"] == pytest.approx(NODULES[0][0])
    assert read_findings(mine, "predictions")["toy_chest"][1].diameter == pytest.approx(18.0)

    theirs = tmp_path / "theirs.csv"
    near, far = np.asarray(NODULES[0][0]) + 3, NODULES[2][0]
    lines = [f"toy_chest,{x},{y},{z},20" for x, y, z in (near, far)]
    theirs.write_text("\n".join(["seriesuid,coordX,coordY,coordZ,diameter_mm", *lines]))
    widget.files.ask_open = lambda *_: str(theirs)
    desk.form.folds[0].click()
    click(desk.qtbot, desk.form.compare)
    assert "1 agreed, 0 only in mine, 1 only in theirs" in desk.form.compared.text()
    assert len(widget.files.theirs.layer.data) == 2
    table = desk.form.both
    assert [row.texts[0] for row in table.rows.rows] == ["both", "only theirs"]
    table.picked.emit(1)
    place = desk.reader.ground.shown(far)
    assert shown_slice(desk.viewer, desk.reader.ground.layer, 0) == round(float(place[0]))
    table.choose(1)
    click(desk.qtbot, desk.form.take)
    assert desk.reader.reading[desk.reader.chosen].origin == "imported"

    click(desk.qtbot, desk.form.bring)
    assert "0 findings added; 2 were in the list already" in desk.says
    theirs.write_text("seriesuid,coordX,coordY,coordZ\ntoy_chest,999,0,0\n")
    click(desk.qtbot, desk.form.bring)
    assert "lie outside the scan" in desk.says


def test_a_reading_becomes_training_data(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_MEDSSL_RUNS", str(tmp_path / "runs"))
    desk.open()
    widget = desk.dock()
    desk.find()
    folder = tmp_path / "training"
    widget.files.ask_folder = lambda *_: folder
    desk.form.folds[1].click()
    click(desk.qtbot, desk.form.train)
    desk.qtbot.waitUntil(lambda: "Accept or reject the 2 findings left" in desk.says, timeout=20000)
    click(desk.qtbot, desk.form.accept)
    click(desk.qtbot, desk.form.reject)
    click(desk.qtbot, desk.form.train)
    desk.qtbot.waitUntil(lambda: "Added with 1 nodule" in desk.says, timeout=20000)
    known = read_annotations(folder, [Case(folder / "images" / "toy_chest.nii.gz")])["toy_chest"]
    assert known.labelled
    assert known.findings[0].centre == pytest.approx(NODULES[0][0])
    click(desk.qtbot, desk.form.open_train)
    (train,) = desk.viewer.window._qt_window.findChildren(TrainWidget)
    desk.qtbot.waitUntil(lambda: train.form.recipe.name == "focalmix", timeout=20000)
    assert train.session.folder == folder
    desk.qtbot.waitUntil(lambda: not train.desk.busy, timeout=20000)


def test_nothing_is_lost_when_the_dock_the_scan_or_napari_goes(desk: Desk) -> None:
    scan = desk.open()
    desk.dock()
    desk.find()
    click(desk.qtbot, desk.form.accept)
    kept = desk.reader.kept
    desk.qtbot.waitUntil(lambda: kept.store is not None and kept.store.path.is_file(), timeout=5000)
    assert reading_offers() == []  # it is worked on
    with desk.qtbot.waitSignal(desk.widget.destroyed, timeout=10000):
        desk.viewer.window.remove_dock_widget(desk.widget)
    (offer,) = reading_offers()
    assert [one.state for one in offer.findings if one.number == 1] == ["accepted"]
    desk.dock()  # in the same viewer it is simply there
    assert desk.state(1) == "accepted"
    desk.viewer.layers.remove(scan)
    desk.qtbot.waitUntil(lambda: desk.form.offer.isVisible(), timeout=5000)
    desk.open()
    desk.qtbot.waitUntil(lambda: "toy_chest from today" in desk.form.offer.line.text(), timeout=5000)
    assert desk.numbers == []
    click(desk.qtbot, desk.form.offer.bring_back)
    assert "as it was" in desk.says
    assert desk.state(1) == "accepted"
    desk.qtbot.waitUntil(lambda: not desk.form.offer.isVisible(), timeout=5000)
    desk.widget.files.ask_save = lambda *_: str(reading_folder() / "out.csv")
    click(desk.qtbot, desk.form.export)
    desk.qtbot.waitUntil(lambda: list(reading_folder().glob("*.reading")) == [], timeout=5000)
    desk.reader.go(2)
    click(desk.qtbot, desk.form.reject)
    desk.qtbot.waitUntil(lambda: len(list(reading_folder().glob("*.reading"))) == 1, timeout=5000)


def reading_folder() -> Path:
    from napari_medssl.files import recovery_folder

    return recovery_folder()


def test_cancel_trouble_and_what_is_no_chest(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_medssl.widgets.nodules_run import look_for_nodules

    monkeypatch.setattr("napari_medssl.nodules.load.load_detector", lambda *_: toy_model())
    desk.open()
    engine = WaitingEngine(answer, held=True)
    widget = desk.dock(engine)
    click(desk.qtbot, desk.form.find)
    desk.qtbot.waitUntil(lambda: "25%" in desk.form.progress_text.text(), timeout=5000)
    click(desk.qtbot, desk.form.cancel)
    desk.qtbot.waitUntil(lambda: widget.run is None, timeout=10000)
    assert "Stopped" in desk.says
    assert desk.numbers == []
    engine.go_on.set()
    engine.error = BadInput("The model is broken.")
    desk.find()
    assert "The model is broken." in desk.says

    widget._engine = look_for_nodules  # the real one
    scan = small_chest()
    for volume, words in (
        (replace(scan, modality="MR", name="head"), "is no CT (its file says MR)"),
        (Volume(scan.array.clip(40, 300), scan.geometry, "soft"), "does not hold Hounsfield units"),
        (Volume(np.where(scan.array == 40, 40, -1000), scan.geometry, "empty"), "no lungs in view"),
    ):
        desk.open(volume, volume.name)
        desk.find()
        assert words in desk.says


def test_keys_are_neither_naparis_nor_propagates(desk: Desk) -> None:
    from napari.layers import Image, Labels
    from napari.utils.key_bindings import coerce_keybinding

    own = [coerce_keybinding(shortcut.key) for shortcut in SHORTCUTS]
    taken = {coerce_keybinding(shortcut.key) for shortcut in OF_PROPAGATE}
    for keymap in (type(desk.viewer).class_keymap, Image.class_keymap, Labels.class_keymap):
        taken |= set(keymap)
    assert not taken & set(own)
    desk.open()
    widget = desk.dock()
    assert all(key in desk.viewer.keymap for key in own)
    assert "Key: A" in desk.form.accept.toolTip()
    widget.hide()
    assert not any(key in desk.viewer.keymap for key in own)
