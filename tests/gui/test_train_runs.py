"""A run in the Train widget, from its start to its end: followed, stopped, resumed, used, on jobs that run nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from napari_medssl.training.choices import Choices
from napari_medssl.widgets import train_runs
from napari_medssl.widgets.train_form import NEW, RUNS, WATCH
from napari_medssl.widgets.train_resume import ResumeDialog
from tests.gui.propagation_kit import click
from tests.gui.training_hands import Qtbot, choose, left_behind, says, start, wait, write
from tests.gui.training_kit import FakeJobs, events_of


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


def test_the_log_is_shown_when_it_is_opened(train: Any, qtbot: Qtbot, home: Path) -> None:
    jobs = left_behind(home, "failed")
    folder = home / "0-failed"
    folder.mkdir()
    (folder / "log.txt").write_text("first line\nlast line ü\n", encoding="utf-8")
    widget = train(jobs)
    widget.show_run(folder, to_front=True)
    widget.form.watch.fold.click()
    wait(qtbot, lambda: "last line ü" in widget.form.watch.log.toPlainText())
