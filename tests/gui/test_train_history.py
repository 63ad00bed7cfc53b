"""Earlier runs in the Train widget: offered again, listed, compared, read with the mouse."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_medssl.widgets.train_form import NEW, RUNS, WATCH
from tests.gui.propagation_kit import click
from tests.gui.training_hands import Qtbot, left_behind, wait
from tests.gui.training_kit import events_of


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
