"""The widget "Propagate a folder": from three folders to masks that are corrected and marked as reviewed."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_medssl.propagation.review import Entry, put, read_review
from napari_medssl.propagation.session_file import session_path
from napari_medssl.volumes import read_labels
from napari_medssl.widgets.batch import BatchWidget
from napari_medssl.widgets.batch_open import opened_case
from napari_medssl.widgets.batch_table import ReviewTable
from tests.commands.conftest import make_case


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Scans "a" and "b" with seeds, "c" without."""
    scans, drawn = tmp_path / "scans", tmp_path / "drawn"
    for folder in (scans, drawn):
        folder.mkdir()
    for name, slices in (("a", 6), ("b", 5), ("c", 5)):
        case = make_case(tmp_path, f"{name}-", slices=slices, side=40, drawn=2)
        (scans / f"{name}.nii.gz").write_bytes(case.image.read_bytes())
        if name != "c":
            (drawn / f"{name}.nii.gz").write_bytes(case.seeds.read_bytes())
    return scans, drawn, tmp_path / "masks"


NAME = "Propagate a slice (napari-medssl)"


def click(button: Any) -> None:
    assert button.isEnabled()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def fill(widget: BatchWidget, folders: tuple[Path, Path, Path]) -> None:
    """Choose each folder by its button."""
    fields = (widget.form.scans, widget.form.drawn, widget.form.masks)
    for field, folder in zip(fields, folders, strict=True):
        widget.form.ask_folder = lambda title, begin, folder=folder: str(folder)
        click(field.look_for)


def cell(table: ReviewTable, row: int, column: int) -> str:
    return table.item(row, column).text()


def go(widget: BatchWidget, qtbot: Any) -> None:
    click(widget.form.start)
    qtbot.waitUntil(lambda: widget.run is None, timeout=120_000)


def open_row(widget: BatchWidget, row: int) -> None:
    table = widget.form.table
    place = table.visualItemRect(table.item(row, 0)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    QTest.mouseDClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)


def test_a_folder_is_done_corrected_and_reviewed(
    make_napari_viewer: Any, folders: tuple[Path, Path, Path], qtbot: Any
) -> None:
    viewer = make_napari_viewer()
    _, widget = viewer.window.add_plugin_dock_widget("napari-medssl", "Propagate a folder")
    form, table, masks = widget.form, widget.form.table, folders[2]
    assert not form.start.isEnabled()
    fill(widget, folders)
    assert form.start.isEnabled()
    assert "Click Start" in form.hint.text()
    go(widget, qtbot)
    assert "2 scans done, 1 failed" in form.hint.text()
    assert [cell(table, row, 3) for row in range(3)] == ["failed", "to review", "to review"]
    assert cell(table, 0, 0) == "c"
    assert float(cell(table, 1, 2)) <= float(cell(table, 2, 2))
    table.selectRow(0)
    assert "There are no seeds of this name" in form.hint.text()
    assert not form.open.isEnabled()

    worst = cell(table, 1, 0)
    open_row(widget, 1)
    mask = masks / f"{worst}.nii.gz"
    qtbot.waitUntil(lambda: opened_case(viewer, mask) is not None, timeout=30_000)
    labels = opened_case(viewer, mask)
    before = read_labels(mask).array.copy()
    assert np.sort(labels.data, axis=None).tolist() == np.sort(before, axis=None).tolist()
    propagate = viewer.window.dock_widgets[NAME]
    assert propagate.form.labels.layer is labels
    assert propagate.work().session.drawn(0, labels.data).keys() == {1, 2}  # its session came along: one drawn slice
    assert all(len(slices) == 1 for slices in propagate.work().session.drawn(0, labels.data).values())

    labels.data_setitem((np.array([1]), np.array([3]), np.array([3])), 2)
    click(form.reviewed)
    qtbot.waitUntil(lambda: read_review(masks)[worst].status == "reviewed", timeout=30_000)
    assert (read_labels(mask).array != before).sum() == 1
    assert session_path(mask).is_file()
    assert cell(table, 2, 0) == worst  # reviewed ones come last
    assert cell(table, 2, 3) == "reviewed"

    kept = mask.read_bytes()
    go(widget, qtbot)
    assert "2 done before" in form.hint.text()
    assert mask.read_bytes() == kept
    assert read_review(masks)[worst].status == "reviewed"


def test_the_list_of_yesterday_is_there_at_once(viewer: Any, tmp_path: Path, qtbot: Any) -> None:
    masks = tmp_path / "scans_masks"
    for folder in (masks, tmp_path / "scans"):
        folder.mkdir()
    put(
        masks,
        Entry("good", "good.nii", "good.nii", "to review", "1", "12.5", 0.9),
        Entry("bad", "bad.nii", "bad.nii", "to review", "1 2", "3 4", 0.2),
        Entry("seen", "seen.nii", "seen.nii", "reviewed", "1", "2", 0.1),
    )
    widget = BatchWidget(viewer)
    qtbot.addWidget(widget)
    widget.form.scans.edit.setText(str(tmp_path / "scans"))  # the folder of masks follows
    table = widget.form.table
    assert [cell(table, row, 0) for row in range(3)] == ["bad", "good", "seen"]
    assert cell(table, 0, 1) == "3, 4"
    table.selectRow(1)
    click(widget.form.reviewed)  # not open: marked only
    with open(masks / "review.csv", newline="", encoding="utf-8") as handle:
        status = {line["case"]: line["status"] for line in csv.DictReader(handle)}
    assert status == {"good": "reviewed", "bad": "to review", "seen": "reviewed"}
    table.selectRow(0)
    click(widget.form.open)
    qtbot.waitUntil(lambda: "There is no file or folder" in widget.form.hint.text(), timeout=10_000)


def test_cancelling_keeps_what_is_done(viewer: Any, folders: tuple[Path, Path, Path], qtbot: Any) -> None:
    widget = BatchWidget(viewer)
    qtbot.addWidget(widget)
    fill(widget, folders)
    click(widget.form.start)
    qtbot.waitUntil(lambda: widget.form.table.rowCount() == 1, timeout=60_000)
    click(widget.form.cancel)
    qtbot.waitUntil(lambda: widget.run is None, timeout=60_000)
    assert "Stopped" in widget.form.hint.text()
    done = {path.name for path in folders[2].glob("*.nii.gz")}
    assert "a.nii.gz" in done
    go(widget, qtbot)
    assert {path.name for path in folders[2].glob("*.nii.gz")} == {"a.nii.gz", "b.nii.gz"}


def test_a_wrong_folder_is_said(viewer: Any, folders: tuple[Path, Path, Path], qtbot: Any) -> None:
    widget = BatchWidget(viewer)
    qtbot.addWidget(widget)
    fill(widget, (folders[0], folders[1], folders[0]))
    go(widget, qtbot)
    assert "is also an input" in widget.form.hint.text()
