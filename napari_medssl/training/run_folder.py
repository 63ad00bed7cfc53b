"""A run's folder: settings, events, checkpoint, the model, and the small files by which processes find each other."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_medssl.errors import BadInput
from napari_medssl.files import write_text
from napari_medssl.training.guards import guarded
from napari_medssl.training.processes import elsewhere, identity, is_alive

FORMAT = 1
_SILENT = 120.0  # seconds


@dataclass(frozen=True)
class Saved:
    """What ``settings.json`` says.

    Attributes
    ----------
    data : the data folder; None in folders of version 0.1, which did not note it
    created : seconds since 1970
    """

    recipe: str
    data: Path | None
    settings: dict[str, Any]
    created: float


class RunFolder:
    """Paths in a run's folder, and what may be done with it.

    Attributes
    ----------
    settings, events, checkpoint, best, log : what the run is, told, needs to go on, found best, and printed
    pictures, tensorboard, cache : folders
    lock : who trains here; cancel : asks it to stop
    queued, child, exit : waiting for its turn; the process that was started for it; how that one ended

    Raises
    ------
    BadInput
        A new run in a folder that holds one, or a resumed one in a folder that holds none.
    """

    def __init__(self, path: Path, *, resume: bool) -> None:
        self._name(path)
        if resume and not self.settings.is_file():
            raise BadInput(f"There is no run to resume in {path}.")
        if not resume and self.settings.exists():
            raise BadInput(f"{path} already holds a run: resume it (--resume) or choose a new folder.")
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"The run folder {path} cannot be made: {error.strerror}.") from error

    @classmethod
    def of_another(cls, path: Path) -> RunFolder:
        """The folder of a run that another process trains or trained; nothing is checked."""
        folder = cls.__new__(cls)
        folder._name(path)
        return folder

    def _name(self, path: Path) -> None:
        self.path = path
        self.settings, self.events, self.log = path / "settings.json", path / "events.jsonl", path / "log.txt"
        self.checkpoint, self.best = path / "checkpoint.safetensors", path / "best.safetensors"
        self.pictures, self.tensorboard, self.cache = path / "pictures", path / "tensorboard", path / "cache"
        self.lock, self.cancel, self.queued = path / "lock", path / "cancel", path / "queued"
        self.child, self.exit = path / "child", path / "exit"

    def write_settings(self, recipe: str, data: Path, settings: Mapping[str, Any]) -> None:
        """Write down what the run is; when it was created stays as it is."""
        created = round(time.time(), 3)
        if self.settings.is_file():
            created = self.read_settings().created
        content = {
            "format": FORMAT, "recipe": recipe, "data": str(data.absolute()), "settings": dict(settings),
            "created": created,
        }  # fmt: skip
        write_text(self.settings, json.dumps(content, indent=2) + "\n")

    def read_settings(self) -> Saved:
        """What the run in the folder is.

        Raises
        ------
        BadInput
            There is none, its settings are damaged, or a newer version wrote them.
        """
        try:
            content = json.loads(self.settings.read_text(encoding="utf-8"))
            version = int(content.get("format", FORMAT))
            data = content.get("data")
            created = float(content.get("created") or self.settings.stat().st_mtime)
            saved = Saved(
                str(content["recipe"]), Path(data) if data else None, dict(content["settings"]), created
            )  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(f"{self.settings} cannot be read; start a new run folder.") from error
        if version > FORMAT:
            raise BadInput(f"{self.settings} was written by a newer version of napari-medssl; update this one.")
        return saved

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process; a lock left by a process that is gone does not count.

        Raises
        ------
        BadInput
            Another process, or another thread of this one, trains here.
        """
        me = identity()
        with guarded(self.path):
            if self.busy():
                raise BadInput(f"The run in {self.path} is still going (see {self.lock}); cancel it first.")
            self.queued.unlink(missing_ok=True)  # its turn has come
            self.cancel.unlink(missing_ok=True)  # what an earlier part was asked
            write_text(self.lock, json.dumps(me) + "\n")
        try:
            yield
        finally:
            self.lock.unlink(missing_ok=True)

    def busy(self) -> bool:
        """Whether a living process holds the folder; one of another computer, if something was heard of it lately."""
        holder = read_record(self.lock)
        return is_alive(holder) or (elsewhere(holder) and time.time() - self._last_heard() < _SILENT)

    def _last_heard(self) -> float:
        times = [0.0]
        for path in (self.lock, self.events):
            with suppress(OSError):
                times.append(path.stat().st_mtime)
        return max(times)


def read_record(path: Path) -> dict[str, Any]:
    """The JSON object in a small file; {} where there is none, or none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
