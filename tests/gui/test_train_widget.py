"""The Train widget with real clicks, on jobs that run nothing: from a folder to a model, and everything in between."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent, QMouseEvent, QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QCheckBox, QComboBox, QLineEdit, QWidget

from napari_medssl.errors import BadInput
from napari_medssl.training.choices import Choices
from napari_medssl.widgets import train_runs
from napari_medssl.widgets.train import TrainWidget
from napari_medssl.widgets.train_form import NEW, RUNS, WATCH
from napari_medssl.widgets.train_resume import ResumeDialog
from napari_medssl.widgets.train_scans import Problem
from tests.gui.propagation_kit import click
from tests.gui.training_kit import FakeChecker, FakeJobs, Info, events_of, twelve_scans, two_recipes

Qtbot = Any
BROKEN = Problem("patient07", "The file is cut short.", True)
ODD = Problem("patient09", "Slices lie 8 mm apart.", False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "runs"
    made.mkdir()
    return made


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    made = tmp_path / "Liver MR"
    made.mkdir()
    return made


@pytest.fixture
def train(qtbot: Qtbot, home: Path) -> Callable[..., Any]:
    """Makes a shown widget, as large as its dock is at 1280 x 800, once it knows what can be trained."""

    def make(jobs: FakeJobs | None = None, checker: FakeChecker | None = None) -> Any:
        made: Any = TrainWidget(
            None, jobs=jobs or FakeJobs(home), checker=checker or FakeChecker(), recipes=two_recipes, home=home
        )
        qtbot.addWidget(made)
        made.resize(400, 735)
        made.show()
        qtbot.waitUntil(lambda: not made.desk.busy, timeout=20000)
        return made

    return make


def wait(qtbot: Qtbot, happened: Callable[[], bool]) -> None:
    qtbot.waitUntil(happened, timeout=10000)


def says(widget: Any) -> str:
    words: str = widget.form.hint.text()
    return words


def choose(widget: Any, qtbot: Qtbot, folder: Path) -> None:
    """Choose a folder with the button, and wait for the report."""
    widget.form.data.ask_folder = lambda *_: folder
    click(qtbot, widget.form.data.choose)
    wait(qtbot, lambda: widget.session.finding is not None)


def write(edit: Any, words: str) -> None:
    edit.selectAll()
    QTest.keyClicks(edit, words)


def start(widget: Any, qtbot: Qtbot, scans: Path) -> Path:
    """Start a run; its folder."""
    choose(widget, qtbot, scans)
    click(qtbot, widget.form.start)
    wait(qtbot, lambda: widget.shown is not None and widget.form.tabs.currentIndex() == WATCH)
    folder: Path = widget.shown
    return folder


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


def test_from_start_to_use(train: Any, qtbot: Qtbot, scans: Path, home: Path) -> None:
    jobs = FakeJobs(home)
    widget = train(jobs)
    used: list[Any] = []
    widget.actions.use_model = lambda viewer, card: used.append(card) or "It is chosen in the tool."
    choose(widget, qtbot, scans)
    click(qtbot, widget.form.plan.buttons["Quick check"])
    click(qtbot, widget.form.start)
    wait(qtbot, lambda: widget.shown is not None)
    folder, watch = widget.shown, widget.form.watch
    assert jobs.calls[-1] == ("submit", ("sli2vol", scans, {"seconds": 60, "name": "liver-mr"}))
    assert widget.form.tabs.currentIndex() == WATCH
    assert widget.form.plan.name.text() == "liver-mr-2"  # for the next one
    wait(qtbot, lambda: Choices.read(home).folders == [str(scans)])

    jobs.change(folder, state="starting")
    wait(qtbot, lambda: watch.state.text() == "liver-mr: starting")
    assert (watch.bar.minimum(), watch.bar.maximum()) == (0, 0)
    jobs.change(folder, state="running", step=0, done=0.0)
    jobs.write(folder, {"event": "prepare", "text": "Reading scans", "done": 4, "total": 12})
    wait(qtbot, lambda: watch.progress.text() == "Reading scans (4 of 12)…")
    assert watch.bar.value() / watch.bar.maximum() == pytest.approx(1 / 3)
    jobs.write(folder, *events_of(230, pictures=folder))
    jobs.change(folder, state="running", step=230, done=0.23, left=400.0)
    wait(qtbot, lambda: watch.progress.text() == "Step 230, about 7 min left, 3.2 steps a second")
    assert watch.bar.value() == 230
    assert "goes on when you close this panel" in says(widget)
    plot = watch.curves.losses
    assert plot.readings(230)[0].x == 230
    assert [reading.x for reading in watch.curves.metrics.readings(190)] == [200]
    assert watch.machine.text() == "CPU, float32; memory 1.4 GB; 2% of the time waiting for scans; 1.2 million weights"
    wait(qtbot, lambda: watch.pictures.picture.accessibleDescription() == "scan, target, prediction")
    assert watch.pictures.title.text() == "Step 200 (best), 1 of 2"
    click(qtbot, watch.pictures.other)
    wait(qtbot, lambda: watch.pictures.picture.accessibleDescription() == "prediction, target, scan")
    assert not watch.use.isVisible()

    model = folder / "liver-mr.json"
    jobs.change(folder, state="finished", sentence="Trained for a minute.", done=1.0, model=model, resumable=True)
    wait(qtbot, lambda: says(widget) == "Trained for a minute. Click Use this model to work with it.")
    click(qtbot, watch.use)
    wait(qtbot, lambda: says(widget) == "It is chosen in the tool.")
    assert used == [model]


def test_a_run_is_stopped_and_resumed(train: Any, qtbot: Qtbot, scans: Path, home: Path) -> None:
    jobs = FakeJobs(home)
    widget = train(jobs)
    folder, watch = start(widget, qtbot, scans), widget.form.watch
    jobs.change(folder, state="running", done=0.4, step=40)
    wait(qtbot, lambda: watch.state.text() == "liver-mr: training at 40%")
    click(qtbot, watch.stop)
    wait(qtbot, lambda: says(widget).startswith("Stopping"))
    assert not watch.stop.isEnabled()
    jobs.change(folder, state="stopped", resumable=True)
    wait(qtbot, lambda: watch.resume.isVisible())
    assert says(widget) == "liver-mr was stopped. Resume goes on where it stopped."
    click(qtbot, watch.resume)
    wait(qtbot, lambda: ("resume", folder) in jobs.calls and "waiting" in watch.state.text())
    assert [call for call in jobs.calls if call[1] == folder] == [("cancel", folder), ("resume", folder)]


def test_a_failed_run_is_resumed_with_changes(train: Any, qtbot: Qtbot, scans: Path, home: Path) -> None:
    jobs = FakeJobs(home)
    widget = train(jobs)
    folder = start(widget, qtbot, scans)
    sentence = "The graphics card ran out of memory. Nothing is lost: resume with fewer samples per step."
    jobs.change(folder, state="failed", sentence=sentence, resumable=True)
    wait(qtbot, lambda: says(widget) == sentence)
    asked: list[Any] = []

    def answer(_: Any, info: Any, recipe: Any, devices: Any) -> dict[str, Any]:
        dialog = ResumeDialog(info, recipe, devices)
        qtbot.addWidget(dialog)
        dialog.show()
        rows = dialog.form.rows
        assert "start" not in rows
        assert (rows["batch"].input.text(), rows["seconds"].input.text()) == ("6", "10 min")
        assert rows["batch"].isVisible()
        write(rows["batch"].input, "none")
        assert not dialog.resume.isEnabled()
        assert rows["batch"].wrong.text() == "A whole number is wanted here."
        write(rows["batch"].input, "2")
        assert dialog.resume.isEnabled()
        asked.append(dialog.changes())
        return dialog.changes()

    widget.actions.ask_changes = answer
    click(qtbot, widget.form.watch.resume)
    assert asked == [{"batch": 2}]
    wait(qtbot, lambda: ("resume", folder) in jobs.calls)
    widget.actions.ask_changes = lambda *_: None
    jobs.change(folder, state="failed", resumable=True)
    wait(qtbot, lambda: widget.form.watch.resume.isVisible())
    click(qtbot, widget.form.watch.resume)
    qtbot.wait(100)
    assert jobs.calls.count(("resume", folder)) == 1


def left_behind(home: Path, *states: str) -> FakeJobs:
    infos = [
        Info(
            home / f"{number}-{state}", name=f"{state}-model", state=state, done=0.4, step=40, resumable=True,
            created=time.time() - 86400 * (number + 1), sentence="It vanished." if state == "lost" else "",
        )
        for number, state in enumerate(states)
    ]  # fmt: skip
    return FakeJobs(home, *infos)


def test_a_lost_run_is_offered_at_the_opening(train: Any, qtbot: Qtbot, home: Path) -> None:
    jobs = left_behind(home, "lost", "finished")
    widget = train(jobs)
    offer = widget.form.offer
    assert offer.words.text().startswith("lost-model broke off at 40% (")
    assert widget.form.tabs.currentIndex() == NEW
    click(qtbot, offer.resume)
    wait(qtbot, lambda: ("resume", home / "0-lost") in jobs.calls)
    wait(qtbot, lambda: not offer.isVisible())
    assert widget.form.tabs.currentIndex() == WATCH


def test_an_offer_that_was_dismissed_does_not_return(train: Any, qtbot: Qtbot, home: Path) -> None:
    jobs = left_behind(home, "lost", "stopped")
    widget = train(jobs)
    assert widget.form.offer.words.text() == "2 runs were left halfway: lost-model, stopped-model."
    assert not widget.form.offer.resume.isVisible()
    click(qtbot, widget.form.offer.look)
    assert widget.form.tabs.currentIndex() == RUNS
    click(qtbot, widget.form.offer.dismiss)
    assert not widget.form.offer.isVisible()
    assert not train(jobs).form.offer.isVisible()


def test_a_run_that_goes_on_is_shown_at_the_opening(train: Any, qtbot: Qtbot, home: Path) -> None:
    jobs = left_behind(home, "running", "finished")
    running = home / "0-running"
    jobs.write(running, *events_of(50))
    widget = train(jobs)
    wait(qtbot, lambda: widget.form.watch.curves.losses.readings(50) != [])
    assert widget.shown == running
    assert widget.form.tabs.currentIndex() == WATCH
    jobs.write(running, *events_of(60)[51:])  # the event of step n stands at place n
    wait(qtbot, lambda: widget.form.watch.curves.losses.readings(60)[0].x == 60)


def test_the_table_of_runs_offers_what_can_be_done(train: Any, qtbot: Qtbot, home: Path) -> None:
    jobs = left_behind(home, "finished", "running", "stopped")
    done, going, stopped = home / "0-finished", home / "1-running", home / "2-stopped"
    jobs.change(done, metrics={"dice": 0.8123, "error": 0.1}, model=done / "m.json", seconds=600)
    widget = train(jobs)
    questions: list[str] = []
    opened: list[Path] = []
    widget.actions.confirm = lambda _, question: questions.append(question) or len(questions) != 2
    widget.actions.open_folder = opened.append
    widget.form.show_tab(RUNS)
    history = widget.form.history
    name = "finished-model\nAdapt propagation to my scans"
    wait(qtbot, lambda: history.table.topLevelItemCount() == 3 and history.table.topLevelItem(0).text(0) == name)
    assert [history.table.topLevelItem(0).text(column).split("\n")[0] for column in (1, 3)] == ["Finished", "0.8123"]
    for folder, can, actions in (
        (done, ["resume", "use"], {"kill": False, "remove": True, "change": True}),
        (going, ["stop"], {"kill": True, "remove": False, "change": False}),
        (stopped, ["resume"], {"kill": False, "remove": True, "change": True}),
    ):
        history.select(folder)
        assert [name for name in ("resume", "stop", "use") if history.buttons[name].isVisible()] == can
        assert {name: history.entries[name].isEnabled() for name in actions} == actions
    history.entries["open"].trigger()
    assert opened == [stopped]
    history.entries["remove"].trigger()
    wait(qtbot, lambda: history.table.topLevelItemCount() == 2)
    assert "Remove the run stopped-model" in questions[0]
    history.select(going)
    history.entries["kill"].trigger()  # the second question is answered with no
    assert "at once" in questions[1]
    history.entries["kill"].trigger()
    wait(qtbot, lambda: ("kill", going) in jobs.calls)
    assert [call for call in jobs.calls if call[0] in ("kill", "remove")] == [("remove", stopped), ("kill", going)]


def test_runs_are_laid_over_one_another(train: Any, qtbot: Qtbot, home: Path) -> None:
    jobs = left_behind(home, "finished", "stopped")
    first, second = home / "0-finished", home / "1-stopped"
    jobs.write(first, *events_of(120))
    jobs.write(second, *events_of(80, seed=1))
    widget = train(jobs)
    history, curves = widget.form.history, widget.form.watch.curves
    widget.show_run(first, to_front=True)
    history.tick(second)
    wait(qtbot, lambda: len(curves.losses.readings(100)) == 2)
    readings = curves.losses.readings(100)
    assert [(reading.label, reading.x) for reading in readings] == [("finished-model", 100), ("stopped-model", 80)]
    assert curves.legend.isVisible()
    assert widget.form.watch.menu.currentText() == "finished-model (finished)"
    jobs.infos[first] = replace(jobs.infos[first], folder=Path(str(first)))  # an equal path, but another object
    jobs.change(first, step=121)
    wait(qtbot, lambda: widget.runs.info(first).step == 121)
    qtbot.wait(200)
    assert widget.form.watch.menu.currentText() == "finished-model (finished)"
    history.tick(second, on=False)
    wait(qtbot, lambda: len(curves.losses.readings(100)) == 1)
    curves.figure.setCurrentIndex(curves.figure.findData("pixels"))
    assert curves.losses.readings(50)[0].y == pytest.approx(0.6 * events_of(50)[50]["loss"])


def test_the_mouse_reads_values(train: Any, qtbot: Qtbot, home: Path) -> None:
    jobs = left_behind(home, "finished")
    jobs.write(home / "0-finished", *events_of(120))
    widget = train(jobs)
    widget.show_run(home / "0-finished", to_front=True)
    plot = widget.form.watch.curves.losses
    wait(qtbot, lambda: plot.readings(1) != [])
    blank = plot.grab().toImage()
    place = QPointF(plot.frame.center())
    QApplication.sendEvent(
        plot,
        QMouseEvent(
            QEvent.Type.MouseMove, place, plot.mapToGlobal(place), Qt.MouseButton.NoButton, Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
        ),
    )  # fmt: skip
    step = round(plot.step_at(place.x()))
    assert step == pytest.approx(60, abs=1)
    assert plot.readings_text(plot.step_at(place.x())).startswith(f"step {step}: 0.")
    assert plot.grab().toImage() != blank
    widget.form.watch.curves.log.click()
    assert plot.step_at(place.x()) == pytest.approx(60, abs=1)


def test_a_second_run_waits_its_turn(train: Any, qtbot: Qtbot, scans: Path, home: Path) -> None:
    jobs = FakeJobs(home)
    widget = train(jobs)
    jobs.change(start(widget, qtbot, scans), state="running")
    widget.form.show_tab(NEW)
    wait(qtbot, lambda: widget.form.start.text() == "Add to the queue")
    assert says(widget) == "liver-mr is training. Another run can be added to the queue."
    click(qtbot, widget.form.start)
    wait(qtbot, lambda: len(jobs.infos) == 2 and widget.runs.info(widget.shown).name == "liver-mr-2")
    assert says(widget).startswith("Waiting its turn.")


def test_a_run_that_is_just_leaving_is_resumed_a_moment_later(train: Any, qtbot: Qtbot, home: Path) -> None:
    jobs = left_behind(home, "stopped")
    widget = train(jobs)
    jobs.fail["resume"] = "The run is still going; stop it before you resume it."  # once
    click(qtbot, widget.form.offer.resume)
    wait(qtbot, lambda: widget.runs.info(home / "0-stopped").state == "queued")
    assert jobs.calls.count(("resume", home / "0-stopped")) == 2


@pytest.mark.parametrize("action", ["submit", "cancel", "resume", "remove"])
def test_what_cannot_be_done_is_a_sentence(
    train: Any, qtbot: Qtbot, scans: Path, home: Path, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_runs, "PATIENCE_S", 0.0)
    jobs = left_behind(home, "running", "stopped")
    widget = train(jobs)
    widget.actions.confirm = lambda *_: True
    jobs.fail[action] = f"The disk is full, so {action} cannot be done; make room."
    if action == "submit":
        widget.form.show_tab(NEW)
        choose(widget, qtbot, scans)
        click(qtbot, widget.form.start)
    else:
        widget.form.show_tab(RUNS)
        widget.form.history.select(home / ("0-running" if action == "cancel" else "1-stopped"))
        history = widget.form.history
        if action == "remove":
            history.entries["remove"].trigger()
        else:
            click(qtbot, history.buttons["stop" if action == "cancel" else "resume"])
    wait(qtbot, lambda: says(widget) == f"The disk is full, so {action} cannot be done; make room.")
    if action == "submit":
        assert widget.form.start.isEnabled()


def test_the_end_of_a_run_is_announced(
    train: Any, qtbot: Qtbot, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = left_behind(home, "running", "running", "running")
    first, second, third = sorted(jobs.infos)
    told: list[str] = []
    monkeypatch.setattr("napari_medssl.widgets.train_outside.tell", told.append)
    monkeypatch.setattr("napari_medssl.widgets.train_outside.tell_error", told.append)
    train(jobs)
    jobs.change(first, state="finished")
    jobs.change(second, state="stopped")  # the person knows
    jobs.change(third, state="failed", sentence="The disk is full.")
    jobs.change(third, step=41)
    wait(qtbot, lambda: len(told) == 2)
    assert told == [
        "running-model: training is finished.",
        "running-model: The disk is full. Click Resume to go on from the last checkpoint.",
    ]


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


def test_the_log_is_shown_when_it_is_opened(train: Any, qtbot: Qtbot, home: Path) -> None:
    jobs = left_behind(home, "failed")
    folder = home / "0-failed"
    folder.mkdir()
    (folder / "log.txt").write_text("first line\nlast line ü\n", encoding="utf-8")
    widget = train(jobs)
    widget.show_run(folder, to_front=True)
    widget.form.watch.fold.click()
    wait(qtbot, lambda: "last line ü" in widget.form.watch.log.toPlainText())


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
