"""Tables of findings in and out, another reader's beside mine, and readings that become training data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFileDialog

from napari_medssl.errors import BadInput
from napari_medssl.widgets import nodules_texts as texts
from napari_medssl.widgets import save_mask
from napari_medssl.widgets.desk import Desk
from napari_medssl.widgets.linked_table import Row
from napari_medssl.widgets.nodules_marks import Marks
from napari_medssl.widgets.trouble import tell_trouble

if TYPE_CHECKING:
    from napari_medssl.nodules import Nodule
    from napari_medssl.nodules.reading import Finding
    from napari_medssl.nodules.reading_training import Added
    from napari_medssl.widgets.nodules_form import NodulesForm
    from napari_medssl.widgets.nodules_ground import Ground
    from napari_medssl.widgets.nodules_reader import Reader

CSV = "CSV (*.csv);;All files (*)"


class Files(QObject):
    """What the lower half of the form does.

    `said` is emitted with (kind, sentence) for the first line.
    """

    said = Signal(str, str)

    def __init__(self, viewer: Any, form: NodulesForm, reader: Reader) -> None:
        super().__init__(reader)
        self._viewer, self._form, self._reader = viewer, form, reader
        self._desk = Desk(self)
        self.theirs = Marks(viewer, "other reading", below=True)
        self._places: list[tuple[Finding | None, Nodule | None]] = []
        self.training_folder: Path | None = None
        self.ask_open, self.ask_save, self.ask_folder = _ask_open, _ask_save, _ask_folder
        form.bring.clicked.connect(self._on_import)
        form.export.clicked.connect(self._on_export)
        form.compare.clicked.connect(self._on_compare)
        form.both.picked.connect(self._on_pair)
        form.take.clicked.connect(self._on_take)
        form.train.clicked.connect(self._on_train)
        form.open_train.clicked.connect(self._on_open_train)

    def look(self) -> None:
        """Offer what can be done with this reading; a comparison of another scan goes."""
        form, reading = self._form, self._reader.reading
        form.export.setEnabled(reading is not None and bool(reading.findings))
        form.train.setEnabled(reading is not None and bool(reading.findings) and not self._desk.busy)
        for shown in (form.compared, form.both, form.take):
            shown.setVisible(bool(self._places))
        form.open_train.setVisible(self.training_folder is not None)

    def forget(self) -> None:
        """Another scan is read: its comparison is none of this one's."""
        self.theirs.remove()
        self._places = []
        self.look()

    def _table(self) -> tuple[Ground, Any] | None:
        """Ask for a table and read it; None where the person thought better of it, or it cannot be used."""
        from napari_medssl.nodules.reading_file import import_reading

        ground = self._reader.ground
        path = "" if ground is None else self.ask_open(self._form, _folder_of(ground))
        if ground is None or not path:
            return None
        try:
            volume = ground.volume
            return ground, (Path(path).name, import_reading(path, ground.uid, volume.geometry, volume.shape))
        except (BadInput, OSError) as error:
            self.said.emit("trouble", tell_trouble(error if isinstance(error, BadInput) else BadInput(str(error))))
            return None

    def _on_import(self) -> None:
        answer, reading = self._table(), self._reader.reading
        if answer is None or reading is None:
            return
        name, table = answer[1]
        new = reading.import_findings(table.findings)
        self._reader.touched()
        there = len(table.findings) - new
        more = f"; {there} were in the list already" if there else ""
        self.said.emit("done", f"{name}: {texts.count(new, 'finding')} added{more}. {table.said}".rstrip())

    def _on_export(self) -> None:
        from napari_medssl.nodules.reading_file import write_reading

        ground, reading = self._reader.ground, self._reader.reading
        if ground is None or reading is None:
            return
        path = self.ask_save(self._form, _folder_of(ground) / f"{ground.uid}_nodules.csv")
        if not path:
            return
        target = Path(path if Path(path).suffix else f"{path}.csv")
        try:
            write_reading(target, ground.uid, reading.findings)
        except (BadInput, OSError) as error:
            self.said.emit("trouble", tell_trouble(BadInput(str(error))))
            return
        reading.kept_version = reading.version
        self._reader.changed.emit()
        self.said.emit("done", f"Exported {texts.count(len(reading.findings), 'finding')} as {target.name}.")

    # ---- another reading

    def _on_compare(self) -> None:
        from napari_medssl.nodules.comparing import compare

        answer, reading = self._table(), self._reader.reading
        if answer is None or reading is None:
            return
        ground, (name, table) = answer
        mine = [one for one in reading.findings if one.state == "accepted"]
        # of a reading that was finished what was accepted counts, of any other list all that was not rejected
        accepted = [one.nodule for one in table.findings if one.state == "accepted"]
        theirs = accepted or [one.nodule for one in table.findings if one.state != "rejected"]
        result = compare([one.nodule for one in mine], theirs)
        self._places = [(mine[i], theirs[j]) for i, j in result.agreed]
        self._places += [(mine[i], None) for i in result.only_mine]
        self._places += [(None, theirs[j]) for j in result.only_theirs]
        self._form.compared.setText(texts.compared(result, name))
        self._form.both.show_rows([_row(at, ground, *pair) for at, pair in enumerate(self._places)])
        self.theirs.show_theirs(ground, theirs)
        self._reader.marks.follow()
        self.look()
        self.said.emit("done", texts.compared(result, name))

    def _on_pair(self, key: int) -> None:
        mine, theirs = self._places[key]
        reading = self._reader.reading
        if mine is not None and reading is not None and mine.number in reading:
            self._reader.go(mine.number)
        elif theirs is not None:
            self._reader.show_place(theirs.centre)
        self._form.take.setEnabled(mine is None)

    def _on_take(self) -> None:
        from napari_medssl.nodules.reading import imported

        key, reading = self._form.both.chosen, self._reader.reading
        theirs = None if key is None else self._places[key][1]
        if theirs is not None and reading is not None and reading.import_findings([imported(theirs)]):
            number = max(one.number for one in reading.findings)
            self._reader.touched()
            self._reader.go(number)
            self.said.emit("done", f"No. {number} added from the other reading, to read.")

    # ---- training

    def _on_train(self) -> None:
        from napari_medssl.nodules.reading_training import add_to_training

        ground, reading = self._reader.ground, self._reader.reading
        folder = None if ground is None else self.ask_folder(self._form, self.training_folder)
        if ground is None or reading is None or folder is None:
            return
        findings, least, volume, uid = reading.findings, self._reader.least, ground.volume, ground.uid

        def done(result: Added) -> None:
            self.training_folder = folder
            self._form.train_text.setText(texts.added(result, folder.name))
            self.look()
            self.said.emit("done", texts.added(result, folder.name))

        def failed(error: BaseException) -> None:
            self.look()
            self.said.emit("trouble", tell_trouble(error))

        self._desk.send(lambda: add_to_training(folder, volume, findings, least=least, name=uid), done, failed)
        self._form.train.setEnabled(False)
        self.said.emit("busy", "Writing the scan and its nodules…")

    def _on_open_train(self) -> None:
        from napari_medssl.widgets.preferences import PLUGIN

        if self.training_folder is None:
            return
        window = self._viewer.window
        _, widget = window.add_plugin_dock_widget(PLUGIN, "Train a model", tabify=True)
        widget.new.use_folder(self.training_folder)
        choose = widget.form.recipe.choose
        widget.new.ready.connect(lambda: choose("focalmix"))
        choose("focalmix")


def _row(key: int, ground: Ground, mine: Finding | None, theirs: Nodule | None) -> Row:
    where: Any = theirs if mine is None else mine
    slice_ = round(float(ground.shown(where.centre)[0]))
    who = "both" if mine is not None and theirs is not None else "only mine" if mine is not None else "only theirs"
    sizes = ["" if one is None else texts.millimetres(one.diameter) for one in (mine, theirs)]
    number = "" if mine is None else str(mine.number)
    order = ("both", "only mine", "only theirs").index(who)
    values = (f"{order}{key:04}", number, sizes[0], sizes[1], slice_)
    return Row(key, (who, number, sizes[0], sizes[1], str(slice_)), values)


def _folder_of(ground: Ground) -> Path:
    return save_mask.suggested_path(ground.layer).parent


def _ask_open(parent: Any, folder: Path) -> str:
    return str(QFileDialog.getOpenFileName(parent, "Table of findings", str(folder), CSV)[0])


def _ask_save(parent: Any, suggestion: Path) -> str:
    return str(QFileDialog.getSaveFileName(parent, "Export findings", str(suggestion), CSV)[0])


def _ask_folder(parent: Any, start: Path | None) -> Path | None:
    chosen = QFileDialog.getExistingDirectory(parent, "Training folder", str(start or Path.home()))
    return Path(chosen) if chosen else None
