"""What a person has chosen for the next run, and whether it can start. No Qt."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_medssl.training.choices import Choices
from napari_medssl.training.settings import Preset
from napari_medssl.widgets import train_texts as texts
from napari_medssl.widgets.settings_fields import FieldView, fields_of, wrong_values
from napari_medssl.widgets.train_scans import Finding

# These stand elsewhere in the widget than in the form of settings.
ELSEWHERE = ("name", "leave_out_unusable")
USUAL = Preset("Usual", "The recipe's own settings.")
_ORDER = ("Quick check", "Laptop CPU", "One GPU")


class TrainSession:
    """The choices for the next run; `home` is where runs and choices are kept.

    Attributes
    ----------
    finding : what the check of the folder found, None before it is through
    changes : settings that differ from the preset
    devices : those of this machine, None before they are known
    taken : names of models that there are already
    preferred_device : as set in napari's preferences
    broken : why there are no recipes, if they could not be loaded
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.choices = Choices.read(home)
        self.recipes: Mapping[str, Any] = {}
        self.recipe: Any = None
        self.folder: Path | None = None
        self.finding: Finding | None = None
        self.checking = False
        self.leave_out = False
        self.changes: dict[str, Any] = {}
        self.devices: Sequence[str] | None = None
        self.taken: Collection[str] = ()
        self.broken = ""
        self.preferred_device = "auto"
        self.name = ""
        self.named_by_hand = False
        self._preset = ""

    def choose_recipe(self, name: str) -> None:
        """Take a recipe, with what was chosen for it the last time."""
        self.recipe = self.recipes[name]
        self.choices.recipe = name
        known = set(self.recipe.settings_model.model_fields) - set(ELSEWHERE)
        remembered = self.choices.changes.get(name, {})
        self.changes = {setting: value for setting, value in remembered.items() if setting in known}
        self._preset = self.choices.presets.get(name, "")

    def presets(self) -> list[Preset]:
        """The recipe's, the quickest first."""
        presets = list(self.recipe.presets) if self.recipe is not None else []
        return sorted(presets, key=lambda one: _ORDER.index(one.title) if one.title in _ORDER else 9) or [USUAL]

    @property
    def preset(self) -> Preset:
        """What was chosen; else the one for a GPU where there is one, else the recipe's first."""
        presets = self.presets()
        by_title = {preset.title: preset for preset in presets}
        if self._preset in by_title:
            return by_title[self._preset]
        if self.has_gpu and "One GPU" in by_title:
            return by_title["One GPU"]
        usual: Sequence[Preset] = self.recipe.presets if self.recipe is not None else ()
        return usual[0] if usual else presets[0]

    def choose_preset(self, title: str) -> None:
        """Take a preset; changes made to another one go."""
        self._preset = title
        self.changes = {}

    @property
    def has_gpu(self) -> bool:
        return any(device.startswith(("cuda", "mps")) for device in self.devices or ())

    def warning(self) -> str:
        """What speaks against the preset on this machine."""
        if self.devices is not None and "GPU" in self.preset.title and not self.has_gpu:
            return "No graphics card that can be used was found on this computer; without one this takes very long."
        return ""

    def fields(self) -> list[FieldView]:
        """The settings that the form shows."""
        return fields_of(self.recipe.settings_model, ELSEWHERE) if self.recipe is not None else []

    def base(self) -> dict[str, Any]:
        """The settings as the preset has them."""
        return {**{field.name: field.default for field in self.fields()}, **self._preset_settings()}

    def _preset_settings(self) -> dict[str, Any]:
        preferred = {} if self.preferred_device == "auto" else {"device": self.preferred_device}
        return {**preferred, **self.preset.settings}

    def settings(self) -> dict[str, Any]:
        """The settings to train with, but for those at their defaults."""
        chosen = {**self._preset_settings(), **self.changes, "name": self.name}
        return {**chosen, "leave_out_unusable": True} if self.leave_out else chosen

    def choose_folder(self, folder: Path) -> None:
        """Take a folder of scans; nothing is known of it yet."""
        self.folder, self.finding, self.leave_out = folder, None, False
        if not self.named_by_hand:
            self.suggest_name()

    def rename(self, name: str) -> None:
        """The person's own name for the model; an empty one asks for a suggestion at the next folder."""
        self.name, self.named_by_hand = name, bool(name)

    def suggest_name(self) -> None:
        """A name after the folder that no model has yet."""
        stem = re.sub(r"[^a-z0-9]+", "-", self.folder.name.lower() if self.folder else "").strip("-")[:40]
        stem = stem or "my-model"
        self.name, number = stem, 1
        while self.name in self.taken:
            number += 1
            self.name = f"{stem}-{number}"
        self.named_by_hand = False

    def wrong(self) -> dict[str, str]:
        """{setting: what is wrong with it}."""
        if self.recipe is None:
            return {}
        settings = {**self.base(), **self.settings()}
        found = wrong_values(self.recipe.settings_model, settings)
        if self.folder is None:
            found.pop("name", None)  # it gets one with the folder
        elif not self.name:
            found["name"] = "Give the model a name."
        elif self.name in self.taken:
            found.setdefault("name", "There is a model of this name already; choose another.")
        if not found and not settings.get("seconds") and not settings.get("steps"):
            found["seconds"] = "Give the run an end: a time limit or, under More settings, a step limit."
        device = str(settings.get("device", "auto"))
        if self.devices is not None and device not in (*self.devices, "cuda:0" if "cuda" in self.devices else ""):
            found.setdefault("device", f"This computer has no {texts.device_name(device)} that can be used.")
        return found

    def obstacle(self) -> tuple[str, str]:
        """(kind of line, why training cannot start); ("", "") where it can."""
        if self.recipe is None:
            return ("trouble", self.broken) if self.broken else ("busy", texts.LOOKING)
        if self.folder is None:
            return "next", texts.CHOOSE_FOLDER
        if self.checking:
            return "busy", texts.CHECKING
        finding = self.finding
        if finding is not None and finding.failed:
            return "trouble", finding.line
        if finding is not None and not finding.cut_short:
            if not finding.usable:
                return "trouble", "None of the scans in this folder can be used; see the problems below."
            if self.recipe.needs_labels and not finding.labelled:
                return "trouble", "This learns from labels, and no scan here has any: put them into a folder labels."
            if finding.lacking:
                return "trouble", finding.lacking
            if finding.unusable and not self.leave_out:
                return "next", (
                    f"{texts.counted(finding.unusable, 'scan')} cannot be used. Train without"
                    f" {'it' if finding.unusable == 1 else 'them'} (tick the box), or mend and check again."
                )
        for name, sentence in self.wrong().items():
            title = next((field.title for field in self.fields() if field.name == name), "")
            about = "Model name" if name == "name" else title or "Settings"
            return "trouble", f"{about}: {sentence[:1].lower()}{sentence[1:]}"
        return "", ""

    def started(self) -> None:
        """A run was started: remember what was chosen, and find a name for the next one."""
        if self.folder is not None:
            self.choices.use_folder(self.folder)
        name = self.choices.recipe
        self.choices.presets[name] = self.preset.title
        self.choices.changes[name] = dict(self.changes)
        self.taken = {*self.taken, self.name}
        self.suggest_name()
