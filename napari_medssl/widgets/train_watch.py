"""A run as it goes: how far it is, its curves and pictures, its log; Stop, Resume, and the use of its model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QFontDatabase
from qtpy.QtWidgets import QCheckBox, QLabel, QPlainTextEdit, QProgressBar, QVBoxLayout, QWidget

from napari_medssl.training.track import LOSS, Track
from napari_medssl.widgets import train_texts as texts
from napari_medssl.widgets.controls import EMPHASIS, CalmMenu, button, fold, row, text
from napari_medssl.widgets.curves import COLOURS, Line, Plot
from napari_medssl.widgets.train_pictures import PicturePanel

NOTHING = "No run yet. Set one up under New run and click Start."


class WatchPanel(QWidget):
    """Shows one run, and the curves of others beside it."""

    run_chosen = Signal(Path)
    stop_asked = Signal(Path)
    resume_asked = Signal(Path)
    use_asked = Signal(Path)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.info: Any = None
        self.menu = CalmMenu()
        self.menu.setAccessibleName("Run")
        self.menu.setToolTip("Which run is shown.")
        self.menu.activated.connect(lambda _: self.run_chosen.emit(Path(self.menu.currentData())))
        self.state = text("State")
        self.state.setStyleSheet("QLabel { font-weight: bold; }")
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Done")
        self.progress = text("Progress")
        self.stop = button("Stop", texts.STOP_HINT)
        self.resume = button("Resume", texts.RESUME_HINT)
        self.use = button("Use this model", texts.USE_HINT)
        self.buttons = row(self.stop, self.resume, self.use)
        for number, made in enumerate((self.stop, self.resume, self.use)):
            self.buttons.layout().setStretch(number, 1)
            made.clicked.connect(
                lambda _=False, signal=(self.stop_asked, self.resume_asked, self.use_asked)[number]: self._ask(signal)
            )
        self.curves = CurvesPanel()
        self.pictures = PicturePanel()
        self.machine = text("Device and memory")
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.setAccessibleName("Log")
        self.log.setMaximumBlockCount(500)
        self.log.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.log.setMinimumHeight(120)
        self.fold = fold("Log", self.log, "What the training program itself says.")
        column = QVBoxLayout(self)
        column.setSpacing(5)
        for widget in (
            self.menu, self.state, self.bar, self.progress, self.buttons, self.curves, self.pictures, self.machine,
            self.fold, self.log,
        ):  # fmt: skip
            column.addWidget(widget)
        column.setAlignment(self.fold, Qt.AlignmentFlag.AlignLeft)
        column.setStretchFactor(self.curves, 1)
        self.show_run(None, Track())

    def _ask(self, signal: Any) -> None:
        if self.info is not None:
            signal.emit(self.info.folder)

    def show_runs(self, infos: Sequence[Any], shown: Path | None) -> None:
        """Offer the runs, newest first."""
        self.menu.blockSignals(True)
        self.menu.clear()
        for info in infos:
            self.menu.addItem(f"{info.name} ({texts.STATES.get(info.state, info.state).lower()})", str(info.folder))
        self.menu.setCurrentIndex(self.menu.findData(str(shown)) if shown is not None else -1)
        self.menu.blockSignals(False)
        self.menu.setVisible(len(infos) > 1)

    def show_run(self, info: Any, track: Track) -> None:
        """Show where a run stands; None for no run."""
        self.info = info
        there = info is not None
        for widget in (self.bar, self.progress, self.buttons, self.curves, self.machine, self.fold):
            widget.setVisible(there)
        if not there:
            self.state.setText(NOTHING)
            self.log.setVisible(False)
            return
        going = info.state in texts.UNDER_WAY
        self.state.setText(texts.state_line(info))
        self.progress.setText(texts.progress_text(info, track.latest, track.preparing))
        self._show_done(info, track)
        self.stop.setVisible(going or info.state == "queued")
        self.stop.setEnabled(info.state != "stopping")
        self.resume.setVisible(info.resumable and not going and info.state != "queued")
        self.use.setVisible(info.model is not None and not going)
        self.resume.setStyleSheet(EMPHASIS if info.state != "finished" else "")
        self.use.setStyleSheet(EMPHASIS if info.state == "finished" else "")
        self.machine.setText(texts.machine_line(track.start, track.latest))
        self.pictures.show_validations(track.validations)

    def _show_done(self, info: Any, track: Track) -> None:
        preparing = track.preparing if info.state == "running" else {}
        if info.state == "starting" or (preparing and not preparing.get("total")):
            self.bar.setRange(0, 0)  # moves to and fro
        elif preparing:
            self.bar.setRange(0, int(preparing["total"]))
            self.bar.setValue(int(preparing.get("done", 0)))
        else:
            self.bar.setRange(0, 1000)
            self.bar.setValue(1000 if info.state == "finished" else round(1000 * (info.done or 0)))

    def show_log(self, content: str) -> None:
        """The end of the log; stays at its end unless the person scrolled up."""
        bar = self.log.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 4
        if self.log.toPlainText() != content:
            self.log.setPlainText(content)
            if at_end:
                bar.setValue(bar.maximum())


class CurvesPanel(QWidget):
    """Two plots: what is told at each step, and what the validations measure."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runs: list[tuple[str, Track]] = []
        self.figure = CalmMenu()
        self.figure.setAccessibleName("Curve over steps")
        self.figure.setToolTip("Told at each step. The loss says how far off the network still is; it should fall.")
        self.metric = CalmMenu()
        self.metric.setAccessibleName("Metric")
        self.metric.setToolTip("What is measured now and then on scans that are kept back.")
        self.smooth = QCheckBox("Smooth")
        self.smooth.setChecked(True)
        self.smooth.setToolTip("Draw a running average over the curve.")
        self.log = QCheckBox("Log scale")
        self.log.setToolTip("Shows small changes of small values.")
        self.losses = Plot("Loss", "Curves begin with the first steps.")
        self.losses.set_smooth(True)
        self.metrics = Plot("Metrics", "What the model can do is measured now and then; nothing has been yet.")
        self.legend = QLabel()
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setWordWrap(True)
        self.legend.setVisible(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addWidget(self.legend)
        column.addWidget(row(self.figure, self.smooth, self.log))
        column.addWidget(self.losses, 1)
        column.addWidget(self.metric)
        column.addWidget(self.metrics, 1)
        self.smooth.toggled.connect(self.losses.set_smooth)
        self.log.toggled.connect(self.losses.set_log)
        self.figure.currentIndexChanged.connect(lambda _: self._draw())
        self.metric.currentIndexChanged.connect(lambda _: self._draw())

    def show_tracks(self, runs: Sequence[tuple[str, Track]]) -> None:
        """Draw these runs, (name, track), over one another."""
        self._runs = list(runs)
        _offer(self.figure, [name for _, track in runs for name in track.figures], {LOSS: "Loss"})
        _offer(self.metric, [name for _, track in runs for name in track.metrics], {})
        self.metric.setVisible(self.metric.count() > 0)
        several = len(runs) > 1
        self.legend.setVisible(several)
        if several:
            self.legend.setText(" &nbsp; ".join(
                f'<span style="color:{colour}">▬</span> {_escaped(name)}' for name, colour in self._coloured()
            ))  # fmt: skip
        self._draw()

    def _coloured(self) -> list[tuple[str, str]]:
        return [(name, COLOURS[number % len(COLOURS)]) for number, (name, _) in enumerate(self._runs)]

    def _draw(self) -> None:
        figure, metric = self.figure.currentData(), self.metric.currentData()
        losses, metrics = [], []
        for (name, colour), (_, track) in zip(self._coloured(), self._runs, strict=True):
            losses.append(Line(name, colour, *track.curve(figure or LOSS)))
            metrics.append(Line(name, colour, *track.metric(metric or ""), dots=True))
        self.losses.show_lines(losses)
        self.metrics.show_lines(metrics)


def _offer(menu: CalmMenu, names: Sequence[str], titles: Mapping[str, str]) -> None:
    """Fill a menu, once each; the choice stays where it can."""
    wanted = list(dict.fromkeys(names))
    if wanted == [menu.itemData(index) for index in range(menu.count())]:
        return
    chosen = menu.currentData()
    menu.blockSignals(True)
    menu.clear()
    for name in wanted:
        menu.addItem(titles.get(name, name[:1].upper() + name[1:]), name)
    menu.setCurrentIndex(max(0, menu.findData(chosen)) if wanted else -1)
    menu.blockSignals(False)


def _escaped(words: str) -> str:
    return words.replace("&", "&amp;").replace("<", "&lt;")
