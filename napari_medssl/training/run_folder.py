"""A run's folder: settings, events, checkpoint, the model, a lock and the ``cancel`` file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from napari_medssl.errors import BadInput
from napari_medssl.files import write_text


class RunFolder:
    """Paths in a run's folder, and what may be done with it.

    Raises
    ------
    BadInput
        A new run in a folder that holds one, a resumed one in a folder that holds none, or a folder in use.
    """

    def __init__(self, path: Path, *, resume: bool) -> None:
        self.path = path
        self.settings, self.events = path / "settings.json", path / "events.jsonl"
        self.checkpoint, self.cancel, self.lock = path / "checkpoint.safetensors", path / "cancel", path / "lock"
        if resume and not self.settings.is_file():
            raise BadInput(f"There is no run to resume in {path}.")
        if not resume and self.settings.exists():
            raise BadInput(f"{path} already holds a run: resume it (--resume) or choose a new folder.")
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"The run folder {path} cannot be made: {error.strerror}.") from error

    def write_settings(self, recipe: str, settings: dict[str, Any]) -> None:
        write_text(self.settings, json.dumps({"recipe": recipe, "settings": settings}, indent=2) + "\n")

    def read_settings(self) -> tuple[str, dict[str, Any]]:
        """The recipe's name and the settings of the run that is in the folder."""
        try:
            content = json.loads(self.settings.read_text(encoding="utf-8"))
            return str(content["recipe"]), dict(content["settings"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadInput(f"{self.settings} cannot be read; start a new run folder.") from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process; a lock left by a process that is gone does not count."""
        if self.lock.exists() and _alive(self.lock):
            raise BadInput(f"The run in {self.path} is still going (see {self.lock}); cancel it first.")
        write_text(self.lock, json.dumps({"pid": os.getpid()}) + "\n")
        try:
            yield
        finally:
            self.lock.unlink(missing_ok=True)


def _alive(lock: Path) -> bool:
    try:
        pid = int(json.loads(lock.read_text(encoding="utf-8"))["pid"])
        if pid == os.getpid():
            return False
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return True
