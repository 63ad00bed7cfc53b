"""Setting up a new run: recipe, folder with its check, preset and settings, in step with one another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_medssl.errors import BadInput, Cancelled
from napari_medssl.widgets.desk import Desk, Stop
from napari_medssl.widgets.preferences import device_preference, use_model_folder
from napari_medssl.widgets.train_form import TrainForm
from napari_medssl.widgets.train_scans import Finding, check_folder, failed_finding
from napari_medssl.widgets.train_session import TrainSession
from napari_medssl.widgets.train_texts import device_name
from napari_medssl.widgets.trouble import tell_trouble

Checker = Callable[..., Finding]
Recipes = Callable[[], Mapping[str, Any]]


class NewRun(QObject):
    """Passes what is chosen in the panels on to the session, and shows what follows from it."""

    changed = Signal()
    ready = Signal()  # the recipes are known

    def __init__(
        self, form: TrainForm, session: TrainSession, desk: Desk, *, checker: Checker | None, recipes: Recipes | None
    ) -> None:
        super().__init__(form)
        self.form, self.session = form, session
        self._desk, self._checker = desk, checker or check_folder
        self._stop = Stop()
        self._check_number = 0
        self._counts = ""  # of the folder that is being checked, as far as they are known
        self._cards: list[tuple[str, str, str]] = []  # name, title, purpose
        form.recipe.chosen.connect(self._on_recipe)
        form.data.folder_chosen.connect(self.use_folder)
        form.data.cancel_asked.connect(self.cancel)
        form.data.check_asked.connect(self.check)
        form.data.changed.connect(self._on_leave_out)
        form.plan.preset_chosen.connect(self._on_preset)
        form.plan.changed.connect(self._on_plan)
        session.preferred_device = device_preference()
        form.data.show_folder(None, session.choices.folders)
        desk.send(recipes or _recipes, self._on_recipes, self._on_no_recipes)
        desk.send(_devices, self._on_devices)
        self.look_at_shelf()

    def look_at_shelf(self) -> None:
        """Find out which names are taken, and which models one can start from."""
        try:
            use_model_folder()
        except BadInput as error:
            tell_trouble(error)
        self._desk.send(_cards, self._on_cards)

    def _on_recipes(self, recipes: Mapping[str, Any]) -> None:
        self.session.recipes = recipes
        self.form.recipe.show_recipes(recipes, self.session.choices.recipe)
        self.ready.emit()
        last = next((Path(folder) for folder in self.session.choices.folders), None)
        if last is not None and self.session.folder is None and last.is_dir():
            self.use_folder(last)

    def _on_no_recipes(self, error: BaseException) -> None:
        self.session.broken = f"What can be trained could not be loaded ({type(error).__name__}: {error})."
        self._look()

    def _on_devices(self, devices: list[str]) -> None:
        self.session.devices = devices
        # By numbers only where there are several.
        self.form.plan.settings.offer("device", [(device_name(name), name) for name in devices])
        self._show_plan()

    def _on_cards(self, cards: list[tuple[str, str, str]]) -> None:
        session = self.session
        session.taken = {*session.taken, *(name for name, _, _ in cards)}
        self._cards = cards
        self._offer_starts()
        if session.folder is not None and not session.named_by_hand:
            session.suggest_name()
        self._show_plan()

    def _offer_starts(self) -> None:
        recipe = self.session.recipe
        if recipe is not None:
            starts = [(title, name) for name, title, purpose in self._cards if purpose == recipe.purpose]
            self.form.plan.settings.offer("start", [("A new network", ""), *starts])

    def _on_recipe(self, name: str) -> None:
        before = self.session.recipe
        self.session.choose_recipe(name)
        self._offer_starts()
        self._show_plan()
        if before is not None and _asks(before) != _asks(self.session.recipe):
            self.check()

    def _show_plan(self) -> None:
        session, plan = self.session, self.form.plan
        if session.recipe is not None:
            plan.show_presets(session.presets(), session.preset.title)
            plan.show_fields(session.fields(), session.base(), session.changes)
        self.show_name()

    def show_name(self) -> None:
        """Show the name that the session has for the model."""
        if self.form.plan.name.text() != self.session.name:
            self.form.plan.name.setText(self.session.name)
        self._look()

    def _on_preset(self, title: str) -> None:
        self.session.choose_preset(title)
        self._show_plan()

    def _on_plan(self) -> None:
        self.session.rename(self.form.plan.name.text().strip())
        self.session.changes = self.form.plan.settings.changes()
        self._look()

    def _on_leave_out(self) -> None:
        self.session.leave_out = self.form.data.leave_out.isChecked()
        self._look()

    def _look(self) -> None:
        self.form.plan.say_wrong(self.session.wrong())
        self.form.plan.warn(self.session.warning())
        self.changed.emit()

    def use_folder(self, folder: Path) -> None:
        """Take a folder of scans, and check it in the background."""
        self.session.choose_folder(folder)
        self.form.data.leave_out.setChecked(False)
        self.form.data.show_folder(folder, self.session.choices.folders)
        self.check()
        self._show_plan()

    def check(self) -> None:
        """Check the folder again; a check that is under way ends."""
        session = self.session
        if session.folder is None:
            return
        self._stop.ask()
        self._stop = stop = Stop()
        self.destroyed.connect(stop.ask)
        self._check_number += 1
        number, checker, folder = self._check_number, self._checker, session.folder
        needs_labels, annotations = (False, None) if session.recipe is None else _asks(session.recipe)
        further = {} if annotations is None else {"annotations": annotations}
        session.checking, session.finding, self._counts = True, None, ""
        self.form.data.show_checking("Looking into the folder…", 0, 0)
        tell = self._desk.line(lambda told: self._on_told(number, *told))

        def errand() -> Finding:
            return checker(
                folder, needs_labels=needs_labels, on_counts=lambda line: tell((line, 0, 0)),
                on_progress=lambda done, total: tell(("", done, total)), cancelled=stop, **further,
            )  # fmt: skip

        self._desk.send(
            errand, lambda finding: self._on_finding(number, finding), lambda error: self._on_failed(number, error)
        )
        self.changed.emit()

    def cancel(self) -> None:
        """End the check that is under way."""
        self._stop.ask()

    def _on_told(self, number: int, counts: str, done: int, total: int) -> None:
        if number == self._check_number and self.session.checking and not self._stop():
            self._counts = counts or self._counts
            checking = f"Checking scan {done} of {total}…" if total else "Checking…"
            self.form.data.show_checking(f"{self._counts}\n{checking}".strip(), done, total)

    def _on_failed(self, number: int, error: BaseException) -> None:
        if isinstance(error, Cancelled):
            line = "The check was stopped. Training checks the scans itself when it begins."
            self._on_finding(number, Finding(line, cut_short=True))
        elif isinstance(error, BadInput | OSError):
            self._on_finding(number, failed_finding(error))
        else:
            line = f"The check itself failed ({type(error).__name__}: {error})."
            self._on_finding(number, Finding(line, failed=True))

    def _on_finding(self, number: int, finding: Finding) -> None:
        if number == self._check_number:
            self.session.checking, self.session.finding = False, finding
            self.form.data.show_finding(finding)
            self._look()


def _asks(recipe: Any) -> tuple[bool, Any]:
    """What a check of a folder must know of a recipe."""
    return recipe.needs_labels, recipe.annotations


def _recipes() -> Mapping[str, Any]:
    from napari_medssl.training.recipes import list_recipes

    return list_recipes()


def _devices() -> list[str]:
    from napari_medssl.devices import available_devices

    return available_devices()


def _cards() -> list[tuple[str, str, str]]:
    from napari_medssl.models import list_cards

    return [(card.name, card.title, card.purpose) for card in list_cards()]
