"""What a reader sees first in the widget Nodules: lungs, what is hidden and how to see it, and what can be done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_medssl.nodules import Detection, Nodule
from napari_medssl.widgets.layers import new_labels
from napari_medssl.widgets.tile_progress import TileProgress, counted
from tests.gui.nodules_kit import NODULES, Desk, answer
from tests.gui.propagation_kit import click
from tests.nodules.toys import toy_model

LUNG, SOFT = [-1350, 150], [-160, 240]


@pytest.fixture
def desk(make_napari_viewer: Callable[..., Any], qtbot: Any) -> Desk:
    return Desk(make_napari_viewer(show=True), qtbot)


def unsure(volume: Any, **_: Any) -> Detection:
    """Finds all, none of it surely enough for the model."""
    found = answer(volume)
    return Detection(found.nodules, found.lungs, 0.95, (), 1.0)


def test_lungs_are_seen_at_once_and_a_window_that_somebody_chose_stays(desk: Desk) -> None:
    first = desk.open()
    assert list(first.contrast_limits) == SOFT
    widget = desk.dock()
    assert list(first.contrast_limits) == LUNG
    click(desk.qtbot, desk.form.window.buttons["soft tissue"])
    assert list(first.contrast_limits) == SOFT
    second = desk.open(name="other")
    assert list(second.contrast_limits) == LUNG
    desk.form.image.choose(first)
    assert widget.reader.ground.layer is first
    assert list(first.contrast_limits) == SOFT
    click(desk.qtbot, desk.form.window.buttons["lung"])
    assert list(first.contrast_limits) == LUNG
    bright = desk.viewer.add_image(np.zeros((9, 9, 9), np.float32), contrast_limits=(0, 7))
    assert list(bright.contrast_limits) == [0, 7]


def test_a_list_of_unsure_places_says_how_to_see_them(desk: Desk) -> None:
    desk.open()
    desk.dock(unsure)
    desk.find()
    assert desk.numbers == []
    for _ in range(2):
        assert "3 places below 95 % are hidden, the surest has 90 %" in desk.says
        desk.key(Qt.Key.Key_S)  # there is nothing to show, and not all are read
    desk.form.score.slider.setValue(50)
    assert desk.numbers == [1, 2]
    assert "A accepts" in desk.says
    assert not desk.form.outline.isEnabled()
    desk.key(Qt.Key.Key_S)
    assert desk.reader.chosen == 1
    assert desk.form.outline.isEnabled()
    desk.form.score.slider.setValue(70)
    desk.key(Qt.Key.Key_A)
    assert "All are read" in desk.says


def test_a_finding_with_a_high_number_is_outlined(desk: Desk) -> None:
    """Each search counts on; no number is too high for the layer of outlines."""
    desk.open()
    widget = desk.dock()
    kept = desk.reader.kept.reading
    x, y, z = NODULES[0][0]
    for _ in range(4):
        kept.found([Nodule((x + 40, y, z + shift / 10), 8.0, 0.1) for shift in range(100)])
    click(desk.qtbot, desk.form.add)
    desk.reader.show_place(NODULES[0][0])
    desk.click_at(NODULES[0][0])
    assert desk.reader.chosen == 401
    click(desk.qtbot, desk.form.outline)
    desk.qtbot.waitUntil(lambda: "1 finding outlined" in desk.says, timeout=60000)
    assert (widget.outlines.masks.layer(desk.reader.ground).data == 401).sum() > 20


def test_a_finding_that_is_moved_away_leaves_no_outline_behind(desk: Desk) -> None:
    desk.open()
    widget = desk.dock()
    desk.find()
    click(desk.qtbot, desk.form.outline)
    desk.qtbot.waitUntil(lambda: "1 finding outlined" in desk.says, timeout=60000)
    layer = widget.outlines.masks.layer(desk.reader.ground)
    outline = layer.data.copy()
    assert (outline == 1).sum() > 20
    x, y, z = desk.reader.reading[1].centre
    desk.reader.go(1)
    desk.drag((x, y, z), (x + 4, y, z))  # a nudge: it still is this nodule
    np.testing.assert_array_equal(layer.data, outline)
    nudged = desk.reader.reading[1].centre
    assert nudged[0] == pytest.approx(x + 4, abs=1.5)
    desk.drag(nudged, (x + 30, y - 20, z))
    assert "moved off its outline" in desk.says
    assert not layer.data.any()
    click(desk.qtbot, desk.form.undo)
    assert desk.reader.reading[1].centre == nudged
    np.testing.assert_array_equal(layer.data, outline)
    click(desk.qtbot, desk.form.redo)
    assert not layer.data.any()


def test_outlines_that_were_brought_back_are_known_again(desk: Desk) -> None:
    """Of unsaved work only the labels and the layer's name come back."""
    scan = desk.open()
    widget = desk.dock()
    desk.find()
    ground = desk.reader.ground
    layer = new_labels(desk.viewer, scan, "thorax nodules")
    where = tuple(np.rint(ground.shown(NODULES[0][0])).astype(int))
    layer.data_setitem(tuple(np.array([place, place]) for place in where), 1)
    assert widget.outlines.masks.layer(ground) is layer
    assert layer.contour == 1
    assert widget.outlines.masks.has(ground, desk.reader.reading[1])
    assert not widget.outlines.masks.has(ground, desk.reader.reading[2])


def test_the_time_left_is_not_guessed_from_the_first_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first tile also pays for loading the network."""
    now = [0.0]
    monkeypatch.setattr("napari_medssl.widgets.tile_progress.time.monotonic", lambda: now[0])
    told: list[TileProgress] = []
    on_tile = counted("Looking", told.append)
    for done, at in ((1, 30.0), (2, 32.0), (5, 38.0)):
        now[0] = at
        on_tile(done, 10)
    assert [one.seconds_left for one in told] == [None, 16.0, 10.0]


def test_a_dicom_folder_of_another_part_of_the_body_is_named(
    desk: Desk, medssl_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real CT without lungs: its folder's name stands for it, nothing that its files say of the patient."""
    from napari_medssl.widgets.nodules_run import look_for_nodules

    monkeypatch.setattr("napari_medssl.nodules.load.load_detector", lambda *_: toy_model())
    desk.viewer.open(medssl_data / "dicom" / "ct_20_slices", plugin="napari-medssl")
    desk.dock(look_for_nodules)
    assert desk.reader.ground.uid == "ct_20_slices"
    assert desk.reader.ground.volume.modality == "CT"
    assert list(desk.reader.ground.layer.contrast_limits) == LUNG
    desk.find()
    assert desk.says == "There are no lungs in view in ct_20_slices; nodules are looked for in CT of the chest."
