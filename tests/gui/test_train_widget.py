"""The Train widget with real clicks, on jobs that run nothing: from a folder with scans to a run that begins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent, QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QCheckBox, QComboBox, QLineEdit, QWidget

from napari_medssl.errors import BadInput
from napari_medssl.training.choices import Choices
from napari_medssl.widgets.train import TrainWidget
from napari_medssl.widgets.train_form import NEW, RUNS, WATCH
from napari_medssl.widgets.train_scans import Problem
from tests.gui.propagation_kit import click
from tests.gui.training_hands import Qtbot, choose, left_behind, says, start, wait, write
from tests.gui.training_kit import FakeChecker, FakeJobs, events_of, twelve_scans, two_recipes

BROKEN = Problem("patient07", "The file is cut short.", True)
ODD = Problem("patient09", "Slices lie 8 mm apart.", False)


def test_a_folder_is_chosen_and_reported_on(train: Any, qtbot: Qtbot, scans: Path) -> None:
    checker = FakeChecker(twelve_scans(BROKEN, ODD))
    widget = train(checker=checker)
    form = widget.form
    assert says(widget) == "Choose the folder with your scans, or drop it here."
    assert not form.start.isEnabled()
    checker.hold.set()
    widget.form.data.ask_folder = lambda *_: scans
    click(qtbot, form.data.choose)
    wait(qtbot, lambda: form.data.line.text() == "12 scans.\nChecking scan 1 of 12…")
    assert form.data.bar.maximum() == 12
    assert not form.start.isEnabled()
    checker.hold.clear()
    wait(qtbot, lambda: form.data.line.text() == "11 scans, none with labels; 1 more cannot be used.")
    assert says(widget).startswith("1 scan cannot be used.")
    assert form.data.heading.text() == "Problems: 1 cannot be used, 1 to look at"
    assert not form.data.problems.isVisible()
    click(qtbot, form.data.heading)
    qtbot.wait(50)
    assert [form.data.problems.item(i).text() for i in range(2)] == [BROKEN.in_words(), ODD.in_words()]
    assert form.data.problems.verticalScrollBar().maximum() == 0  # all of it can be seen
    qtbot.mouseClick(form.data.leave_out, Qt.MouseButton.LeftButton, pos=QPoint(8, form.data.leave_out.height() // 2))
    assert says(widget).startswith("Click Start.")
    assert form.start.isEnabled()
    assert widget.session.settings()["leave_out_unusable"] is True
    checker.finding = twelve_scans()
    click(qtbot, form.data.again)
    wait(qtbot, lambda: form.data.line.text() == "12 scans of 11 patients, none with labels.")
    assert not form.data.heading.isVisible()
    assert checker.calls == [(scans, False)] * 2


def test_a_folder_can_be_dropped_typed_and_taken_from_the_recent_ones(
    train: Any, qtbot: Qtbot, scans: Path, home: Path, tmp_path: Path
) -> None:
    choices = Choices(recipe="sli2vol")
    choices.use_folder(scans)
    choices.write(home)
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.nii.gz").touch()
    widget = train()
    panel = widget.form.data
    assert widget.session.folder == scans  # the last one is there again
    dropped = QMimeData()
    dropped.setUrls([QUrl.fromLocalFile(str(other / "a.nii.gz"))])
    panel.dropEvent(
        QDropEvent(
            QPointF(5, 5), Qt.DropAction.CopyAction, dropped, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        )
    )
    assert widget.session.folder == other
    panel.recent.menu().actions()[0].trigger()
    assert widget.session.folder == scans
    write(panel.path, str(other))
    QTest.keyClick(panel.path, Qt.Key.Key_Return)
    assert widget.session.folder == other
    wait(qtbot, lambda: widget.session.finding is not None)
    assert panel.line.text().startswith("12 scans")


def test_a_check_can_be_cancelled(train: Any, qtbot: Qtbot, scans: Path) -> None:
    checker = FakeChecker()
    checker.hold.set()
    widget = train(checker=checker)
    widget.new.use_folder(scans)
    click(qtbot, widget.form.data.cancel)
    wait(qtbot, lambda: not widget.session.checking)
    assert "Training checks the scans itself" in widget.form.data.line.text()
    assert widget.form.start.isEnabled()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (BadInput("There is no scan in /x: put volumes there."), "There is no scan in /x: put volumes there."),
        (OSError(5, "Input/output error"), "[Errno 5] Input/output error"),
        (RuntimeError("oh"), "The check itself failed (RuntimeError: oh)."),
    ],
)
def test_a_folder_that_cannot_be_used_is_a_sentence(
    train: Any, qtbot: Qtbot, scans: Path, error: Exception, sentence: str
) -> None:
    widget = train(checker=FakeChecker(error=error))
    choose(widget, qtbot, scans)
    assert widget.form.data.line.text() == says(widget) == sentence
    assert not widget.form.start.isEnabled()
    assert widget.form.data.again.isVisible()


def test_what_to_train_is_grouped_and_labels_are_asked_for(train: Any, qtbot: Qtbot, scans: Path) -> None:
    widget = train()
    menu = widget.form.recipe.menu
    assert [menu.itemText(i).strip() for i in range(menu.count())] == [
        "Propagation", "Adapt propagation to my scans", "Segmentation", "Segment like my labelled scans",
    ]  # fmt: skip
    assert [bool(menu.model().item(i).flags() & Qt.ItemFlag.ItemIsSelectable) for i in range(4)] == [0, 1, 0, 1]
    choose(widget, qtbot, scans)
    assert widget.form.start.isEnabled()
    menu.setFocus()
    QTest.keyClick(menu, Qt.Key.Key_Down)
    assert widget.form.recipe.name == "segmentation"
    assert widget.form.recipe.summary.text() == "A network learns to draw what you drew."
    wait(qtbot, lambda: "no scan here has any" in says(widget))
    assert not widget.form.start.isEnabled()


def test_the_form_is_made_from_the_settings(train: Any, qtbot: Qtbot, scans: Path) -> None:
    widget = train(checker=FakeChecker(twelve_scans(labelled=12)))
    choose(widget, qtbot, scans)
    widget.form.recipe.choose("segmentation")
    wait(qtbot, lambda: widget.session.finding is not None)
    rows, fold = widget.form.plan.settings.rows, widget.form.plan.settings.fold
    assert [type(rows[name].input) for name in ("seconds", "flips")] == [QLineEdit, QCheckBox]
    assert isinstance(rows["size"].input, QComboBox)
    assert isinstance(rows["device"].input, QComboBox)
    assert (rows["seconds"].input.text(), rows["batch"].input.text()) == ("10 min", "6")
    assert "name" not in rows
    wait(qtbot, rows["seconds"].isVisible)
    assert not rows["batch"].isVisible()
    assert "Samples in a step" in rows["batch"].input.toolTip()
    click(qtbot, fold)
    assert rows["batch"].isVisible()

    write(rows["batch"].input, "0")
    assert rows["batch"].wrong.text() == "It must be 1 to 4096."
    assert says(widget) == "Samples per step: it must be 1 to 4096."
    assert not widget.form.start.isEnabled()
    write(rows["batch"].input, "12")
    assert not rows["batch"].wrong.isVisible()
    assert rows["batch"].undo.isVisible()
    assert fold.text() == "More settings (1 changed)"
    rows["flips"].input.click()
    write(rows["seconds"].input, "90 min")
    QTest.keyClick(rows["seconds"].input, Qt.Key.Key_Return)
    assert rows["seconds"].input.text() == "1.5 h"
    changed = {"batch": 12, "flips": True, "seconds": 5400.0}
    assert widget.session.changes == changed
    assert widget.session.settings() == {**changed, "name": "liver-mr"}

    click(qtbot, rows["batch"].undo)
    assert rows["batch"].input.text() == "6"
    assert fold.text() == "More settings (1 changed)"  # Mirrored samples
    click(qtbot, widget.form.plan.buttons["Quick check"])
    assert widget.session.changes == {}
    assert widget.form.plan.settings.rows["seconds"].input.text() == "1 min"


def test_scrolling_past_a_menu_leaves_it_as_it_is(train: Any, qtbot: Qtbot) -> None:
    widget = train()
    menu = widget.form.plan.settings.rows["device"].input
    assert menu.count() >= 2
    menu.clearFocus()
    nowhere = QPointF(3, 3)
    wheel = QWheelEvent(
        nowhere, nowhere, QPoint(0, -120), QPoint(0, -120), Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(menu, wheel)
    assert menu.currentIndex() == 0


def test_a_gpu_that_is_not_there_is_said(train: Any, qtbot: Qtbot, scans: Path) -> None:
    widget = train()
    choose(widget, qtbot, scans)
    if widget.session.has_gpu:
        pytest.skip("this machine has one")
    click(qtbot, widget.form.plan.buttons["One GPU"])
    assert widget.form.plan.warning.isVisible()
    assert "No graphics card" in widget.form.plan.warning.text()
    widget.session.changes = {"device": "cuda"}  # as remembered from a machine that has one
    widget.new.look_at_shelf()
    wait(qtbot, lambda: says(widget) == "Device: this computer has no NVIDIA GPU that can be used.")
    assert not widget.form.start.isEnabled()


def test_a_second_click_starts_no_second_run(train: Any, qtbot: Qtbot, scans: Path, home: Path) -> None:
    jobs = FakeJobs(home)
    widget = train(jobs)
    choose(widget, qtbot, scans)
    click(qtbot, widget.form.start)
    assert not widget.form.start.isEnabled()
    widget.look()
    qtbot.mouseClick(widget.form.start, Qt.MouseButton.LeftButton)
    wait(qtbot, lambda: widget.shown is not None)
    assert [action for action, _ in jobs.calls] == ["submit"]


def test_nothing_is_cut_off_at_its_narrowest(train: Any, qtbot: Qtbot, scans: Path, home: Path) -> None:
    """Every button is as wide as its text needs, on each tab."""
    jobs = left_behind(home, "finished", "stopped")
    jobs.change(home / "0-finished", model=home / "m.json")
    widget = train(jobs, FakeChecker(twelve_scans(BROKEN)))
    widget.resize(widget.minimumSizeHint().width(), 735)
    assert widget.minimumSizeHint().width() <= 400
    choose(widget, qtbot, scans)
    widget.form.history.select(home / "0-finished")
    for tab in (NEW, WATCH, RUNS):
        widget.form.show_tab(tab)
        qtbot.wait(20)
        for button in widget.findChildren(QWidget):
            if button.isVisible() and type(button).__name__ in ("QPushButton", "QToolButton", "QCheckBox"):
                needs = button.fontMetrics().horizontalAdvance(button.text())
                assert button.width() >= needs, (button.text(), button.width(), needs)
                right = button.mapTo(widget, QPoint(button.width(), 0)).x()
                assert right <= widget.width(), button.text()


def test_every_control_has_a_name_and_a_hint(train: Any) -> None:
    widget = train()
    for kind in ("QPushButton", "CalmMenu", "QLineEdit", "QToolButton"):
        for control in widget.findChildren(QWidget):
            if type(control).__name__ == kind and control.parent() is not None and control.objectName()[:3] != "qt_":
                if "Scroll" in type(control.parent()).__name__:
                    continue
                assert control.accessibleName(), (kind, control.text() if hasattr(control, "text") else control)


def test_closing_the_dock_or_the_viewer_harms_no_run(
    make_napari_viewer: Callable[..., Any], qtbot: Qtbot, home: Path, scans: Path
) -> None:
    jobs = FakeJobs(home)
    viewer = make_napari_viewer()
    widget = TrainWidget(viewer, jobs=jobs, checker=FakeChecker(), recipes=two_recipes, home=home)
    dock = viewer.window.add_dock_widget(widget, name="Train a model")
    wait(qtbot, lambda: not widget.desk.busy)
    widget.new.use_folder(scans)
    wait(qtbot, lambda: widget.session.finding is not None)
    gone: list[bool] = []
    widget.destroyed.connect(lambda: gone.append(True))
    widget.form.start.click()
    wait(qtbot, lambda: widget.shown is not None)
    folder = widget.shown
    jobs.change(folder, state="running")
    viewer.window.remove_dock_widget(dock)
    wait(qtbot, lambda: bool(gone))
    jobs.write(folder, *events_of(3))  # nobody listens, and nothing happens
    wait(qtbot, lambda: not jobs.supervisors[0].running)
    assert [action for action, _ in jobs.calls if action in ("cancel", "kill")] == []
    again = TrainWidget(viewer, jobs=jobs, checker=FakeChecker(), recipes=two_recipes, home=home)
    viewer.window.add_dock_widget(again, name="Train a model")
    wait(qtbot, lambda: again.shown == folder and again.form.tabs.currentIndex() == WATCH)
    jobs.change(folder, state="running", step=3, done=0.5)
    wait(qtbot, lambda: again.form.watch.state.text() == "liver-mr: training at 50%")
    viewer.close()
    wait(qtbot, lambda: not jobs.supervisors[1].running)
    jobs.write(folder, *events_of(3))
    assert jobs.infos[folder].state == "running"
    assert [action for action, _ in jobs.calls if action in ("cancel", "kill")] == []


def test_a_supervisor_stays_while_runs_wait(train: Any, qtbot: Qtbot, scans: Path, home: Path) -> None:
    jobs = FakeJobs(home)
    widget = train(jobs)
    folder = start(widget, qtbot, scans)
    jobs.change(folder, state="queued")
    widget.leave()
    assert jobs.supervisors[0].running
    jobs.change(folder, state="running")
    wait(qtbot, lambda: not jobs.supervisors[0].running)
