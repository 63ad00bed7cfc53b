"""Where models lie: the person's own folder, further ones that are only read, and the one of the package."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path

from napari_medssl.errors import BadInput
from napari_medssl.files import own_data

SHIPPED = Path(__file__).parent / "weights"
FOLDER_VARIABLE = "NAPARI_MEDSSL_MODELS"
EXTRA_VARIABLE = "NAPARI_MEDSSL_EXTRA_MODELS"

_lock = threading.Lock()
_changes = 0
_told: tuple[Path, ...] = ()  # those that `use_extra_folders` was given last


def user_folder() -> Path:
    """Where the person's own models lie: $NAPARI_MEDSSL_MODELS, else the system's folder for an application's data."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen).expanduser()
    return own_data() / "models"


def extra_folders() -> list[Path]:
    """Folders that are searched besides the person's own, and never written to: $NAPARI_MEDSSL_EXTRA_MODELS."""
    return [Path(part).expanduser() for part in os.environ.get(EXTRA_VARIABLE, "").split(os.pathsep) if part]


def use_extra_folders(folders: Iterable[Path]) -> None:
    """Search these folders too, from now on, instead of those of the last call.

    It holds for this process and for those that it starts from now on (a run that starts from a model must find it), so
    it is kept in the environment. What the person put into $NAPARI_MEDSSL_EXTRA_MODELS stays.

    Raises
    ------
    BadInput
        The name of a folder holds the character that separates folders in the environment.
    """
    global _told
    folders = tuple(folders)
    for folder in folders:
        if os.pathsep in str(folder):
            raise BadInput(f"{folder} cannot be a model folder: its name holds {os.pathsep!r}; rename it.")
    with _lock:
        before = extra_folders()
        kept = [folder for folder in before if folder not in _told]
        after = [*kept, *(folder for folder in folders if folder not in kept)]
        _told = folders
        if after != before:
            os.environ[EXTRA_VARIABLE] = os.pathsep.join(map(str, after))
    if after != before:
        note_change()


def model_folders() -> list[Path]:
    """The folders that are searched, each once, the person's own first, so that they can stand in for shipped ones."""
    return list(dict.fromkeys([user_folder(), *extra_folders(), SHIPPED]))


def changes() -> int:
    """How often this process has changed what stands on the shelf.

    Whoever shows the shelf compares it with an earlier answer. Nobody is called back: a change may come from any
    thread, and a menu must be touched in its own.
    """
    return _changes


def note_change() -> None:
    """What stands on the shelf has changed."""
    global _changes
    with _lock:
        _changes += 1
