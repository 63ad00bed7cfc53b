"""Plugins > Train a model: choose what and on which scans, click Start, watch, stop, resume, use the model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout

from napari_medssl.training.track import Track
from napari_medssl.widgets import train_outside as outside
from napari_medssl.widgets import train_texts as texts
from napari_medssl.widgets.desk import Desk
from napari_medssl.widgets.dock import DockedWidget
from napari_medssl.widgets.train_actions import Actions
from napari_medssl.widgets.train_form import NEW, RUNS, WATCH, TrainForm
from napari_medssl.widgets.train_new import Checker, NewRun, Recipes
from napari_medssl.widgets.train_offer import Offer
from napari_medssl.widgets.train_pictures import read_picture
from napari_medssl.widgets.train_runs import TrainRuns
from napari_medssl.widgets.train_session import TrainSession
from napari_medssl.widgets.train_supervision import supervision
from napari_medssl.widgets.trouble import tell_trouble

if TYPE_CHECKING:
    import napari.viewer

LOG_MS = 2000
DRAW_MS = 150  # events come in bursts; draw once after each


class TrainWidget(DockedWidget):
    """Train models on folders of scans, in processes of their own.

    Parameters
    ----------
    napari_viewer : the viewer in whose tools a new model is chosen
    jobs : has the functions of `napari_medssl.training.jobs`, which is the default, and its Supervisor
    checker : checks a folder, as `train_scans.check_folder` does, which is the default
    recipes : answers what can be trained, {name: recipe}
    home : where runs are kept; the preference, or the usual folder, by default
    """

    def __init__(
        self, napari_viewer: napari.viewer.Viewer, *,
        jobs: Any = None, checker: Checker | None = None, recipes: Recipes | None = None, home: Path | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)  # as high as the window
        self.viewer: Any = getattr(napari_viewer, "__wrapped__", napari_viewer)
        jobs, home = outside.usual(jobs, home)
        self.form = TrainForm()
        self.shown: Path | None = None
        self._message: tuple[str, str] | None = None  # stands in the first line until the person does something
        self._starting = False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addWidget(self.form)
        self.desk = Desk(self)
        self.session = TrainSession(home)
        self.runs = TrainRuns(jobs, supervision(home, lambda: jobs.Supervisor(home)), self.desk, home)
        self.new = NewRun(self.form, self.session, self.desk, checker=checker, recipes=recipes)
        self.actions = Actions(self.viewer, self.session, self.runs, self.desk, self)
        self.offer = Offer(self.form.offer, self.session, self.runs)
        self._draw_soon = QTimer(self)
        self._draw_soon.setSingleShot(True)
        self._draw_soon.setInterval(DRAW_MS)
        self._draw_soon.timeout.connect(self.draw)
        self._log = QTimer(self)
        self._log.setInterval(LOG_MS)
        self._log.timeout.connect(self._read_log)
        self._log.start()
        self._connect()
        self.look()

    def _connect(self) -> None:
        form = self.form
        form.start.clicked.connect(self._on_start)
        form.tabs.currentChanged.connect(self._on_tab)
        form.watch.run_chosen.connect(self.show_run)
        form.watch.stop_asked.connect(lambda folder: self.actions.ask("stop", folder))
        form.watch.resume_asked.connect(lambda folder: self.actions.ask("resume", folder))
        form.watch.use_asked.connect(lambda folder: self.actions.ask("use", folder))
        form.watch.pictures.wanted.connect(self._bring_picture)
        form.watch.fold.toggled.connect(lambda _: self._read_log())
        form.history.asked.connect(self.actions.ask)
        form.history.selected.connect(lambda folder: self.show_run(folder, to_front=True))
        form.history.ticked.connect(self._draw_soon.start)
        self.new.changed.connect(self.look)
        self.new.ready.connect(self._draw_soon.start)
        self.offer.resume_asked.connect(lambda folder: self.actions.ask("resume", folder))
        self.offer.look_asked.connect(lambda: form.show_tab(RUNS))
        self.actions.said.connect(self._say)
        self.actions.failed.connect(self._on_failed)
        self.actions.resumed.connect(lambda folder: self.show_run(folder, to_front=True))
        self.actions.shelf_changed.connect(self.new.look_at_shelf)
        self.runs.listed.connect(self._on_listed)
        self.runs.changed.connect(self._on_changed)
        self.runs.ended.connect(outside.tell_end)
        self.runs.told.connect(self._on_told)
        self.runs.failed.connect(self._on_failed)

    def leave(self) -> None:
        """The dock was closed: the runs go on, and are found again when it is opened."""
        self.new.cancel()
        self.runs.leave()

    def look(self) -> None:
        """Bring the first line and Start in line with what is there."""
        kind, sentence = self.session.obstacle()
        going = self.runs.going
        self.form.start.setText("Add to the queue" if going else "Start")
        self.form.can_start(not sentence and not self._starting, sentence)
        info = self.runs.info(self.shown)
        if self._message is not None:
            self.form.say(*self._message)
        elif self.form.tabs.currentIndex() == NEW or info is None:
            if not sentence and going:
                self.form.say("next", f"{going[-1].name} is training. Another run can be added to the queue.")
            else:
                self.form.say(*((kind, sentence) if sentence else ("next", texts.READY)))
        else:
            self.form.say(*texts.hint_for_run(info))

    def draw(self) -> None:
        """Bring the runs, and the curves of the one that is shown, in line with what is known."""
        infos, watch = self.runs.infos, self.form.watch
        titles = {name: recipe.title for name, recipe in self.session.recipes.items()}
        self.form.history.show_runs(infos, titles)
        watch.show_runs(infos, self.shown)
        info = self.runs.info(self.shown)
        track = self.runs.track(info.folder) if info is not None else Track()
        watch.show_run(info, track)
        if info is not None:
            others = [other for other in map(self.runs.info, self.form.history.compared) if other not in (None, info)]
            compared = [(other.name, self.runs.track(other.folder)) for other in others]
            watch.curves.show_tracks([(info.name, track), *compared])
        self.look()

    def show_run(self, folder: Path, to_front: bool = False) -> None:
        """Show this run's curves."""
        if folder != self.shown:
            self.shown = folder
            self.form.watch.pictures.start_over()
            self.form.watch.show_log("")
        self._message = None
        if to_front:
            self.form.show_tab(WATCH)
        self.draw()
        self._read_log()

    def _on_listed(self) -> None:
        """What was there at the opening: one that is going is shown at once, one left halfway is offered."""
        infos, going = self.runs.infos, self.runs.going
        self.session.taken = {*self.session.taken, *(info.name for info in infos)}
        self.new.look_at_shelf()
        self.offer.make()
        if self.shown is None and infos:
            self.show_run((going[-1] if going else infos[0]).folder, to_front=bool(going))

    def _on_changed(self) -> None:
        self.offer.look()
        self._draw_soon.start()

    def _on_told(self, folder: Path) -> None:
        if folder == self.shown or folder in self.form.history.compared:
            self._draw_soon.start()

    def _on_failed(self, error: BaseException) -> None:
        self._starting = False
        self._say("trouble", tell_trouble(error))

    def _say(self, kind: str, sentence: str) -> None:
        self._message = (kind, sentence) if sentence else None
        self.look()

    def _on_tab(self) -> None:
        self._message = None
        if self.form.tabs.currentIndex() == RUNS:
            self.runs.list_again()
        self._draw_soon.start()
        self.look()

    def _on_start(self) -> None:
        session = self.session
        if session.obstacle()[1] or session.folder is None:
            return
        self._message, self._starting = None, True
        self.runs.submit(session.recipe.name, session.folder, session.settings(), self._on_started)
        self.look()

    def _on_started(self, folder: Path) -> None:
        self._starting = False
        self.session.started()
        self._remember()
        self.new.show_name()
        self.show_run(folder, to_front=True)

    def _remember(self) -> None:
        choices, home = self.session.choices, self.session.home
        self.desk.send(lambda: choices.write(home))

    def _bring_picture(self, path: str) -> None:
        run = self.shown
        if run is not None:
            pictures = self.form.watch.pictures
            self.desk.send(lambda: read_picture(run, path), lambda read: pictures.show_picture(path, *read))

    def _read_log(self) -> None:
        folder, watch = self.shown, self.form.watch
        if folder is not None and watch.fold.isChecked() and watch.isVisible():
            self.runs.read_log(folder, lambda words: watch.show_log(words) if folder == self.shown else None)

