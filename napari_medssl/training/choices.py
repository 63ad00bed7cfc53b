"""What a person chose the last time they trained, remembered in a small file beside the runs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_medssl.errors import BadInput
from napari_medssl.files import write_text

FILE = "choices.json"
MOST_FOLDERS = 8
MOST_DISMISSED = 200


@dataclass
class Choices:
    """What was chosen.

    Attributes
    ----------
    recipe : its name, "" before the first time
    folders : of scans, the last used one first
    presets : {recipe: title of the preset}
    changes : {recipe: {setting: value}} that differ from the preset
    dismissed : names of run folders that are not to be offered for resuming again
    """

    recipe: str = ""
    folders: list[str] = field(default_factory=list)
    presets: dict[str, str] = field(default_factory=dict)
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    dismissed: list[str] = field(default_factory=list)

    def use_folder(self, folder: Path) -> None:
        """Put a folder to the front."""
        self.folders = [str(folder), *(other for other in self.folders if other != str(folder))][:MOST_FOLDERS]

    def dismiss(self, run: str) -> None:
        self.dismissed = [*(other for other in self.dismissed if other != run), run][-MOST_DISMISSED:]

    @classmethod
    def read(cls, home: Path) -> Choices:
        """What was written into the folder `home`; nothing chosen where there is no such file or it is damaged."""
        try:
            content = json.loads((home / FILE).read_text(encoding="utf-8"))
            return cls(
                recipe=str(content.get("recipe", "")),
                folders=[str(folder) for folder in content.get("folders", [])],
                presets={str(recipe): str(title) for recipe, title in content.get("presets", {}).items()},
                changes={str(recipe): dict(changed) for recipe, changed in content.get("changes", {}).items()},
                dismissed=[str(run) for run in content.get("dismissed", [])],
            )
        except (OSError, ValueError, TypeError, AttributeError):
            return cls()

    def write(self, home: Path) -> None:
        """Write it down; where that cannot be done the next time begins afresh, which is no reason to stop anyone."""
        try:
            home.mkdir(parents=True, exist_ok=True)
            write_text(home / FILE, json.dumps(vars(self), indent=1) + "\n")
        except (OSError, BadInput):
            pass
