"""Runs as jobs: putting them into the queue, asking something of them, and finding them again. No Qt.

What is known of a run lies in its folder, so that any process can ask: a viewer that was opened since, or the command
line. `Supervisor` starts what waits.
"""

from __future__ import annotations

import errno
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from napari_medssl.errors import BadInput
from napari_medssl.files import own_data, write_text
from napari_medssl.training.clearing import clear_run
from napari_medssl.training.guards import guarded
from napari_medssl.training.launch import launch, note_exit
from napari_medssl.training.processes import elsewhere, is_alive, kill_tree
from napari_medssl.training.run_folder import RunFolder, read_record
from napari_medssl.training.run_info import RunInfo, is_active, look
from napari_medssl.training.supervisor import Supervisor

__all__ = [
    "RunInfo", "Supervisor", "cancel", "find_run", "kill", "list_runs", "look", "remove", "resume", "runs_folder",
    "start", "submit",
]  # fmt: skip

FOLDER_VARIABLE = "NAPARI_MEDSSL_RUNS"
_LEAVING = 20.0  # seconds that a process may take to leave
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def runs_folder() -> Path:
    """Where runs lie: $NAPARI_MEDSSL_RUNS, else the system's folder for an application's data."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen).expanduser()
    return own_data() / "runs"


def submit(
    recipe: str, data: str | Path, settings: Mapping[str, Any], *, name: str | None = None, home: Path | None = None
) -> Path:
    """Put a new run into the queue; a supervisor of the same `home` starts it when its turn has come.

    Parameters
    ----------
    recipe, data, settings : as for `training.train`
    name : of the model; that of the settings when None
    home : the folder of runs; `runs_folder` when None

    Returns
    -------
    the new run's folder

    Raises
    ------
    BadInput
        Unknown recipe or setting, no scans, or a folder of runs that cannot be written.
    """
    from napari_medssl.training.data import find_cases
    from napari_medssl.training.recipes import check_settings, find_recipe

    found = find_recipe(recipe)
    chosen = check_settings(found, {**settings, **({"name": name} if name else {})})
    data = Path(data).expanduser().absolute()
    find_cases(data)
    home = (runs_folder() if home is None else Path(home)).absolute()
    with _disk_in_words(home):
        folder = _new_folder(home, chosen.name)
        run = RunFolder(folder, resume=False)
        # The queue first: a run is one once its settings are there.
        _line_up(run)
        run.write_settings(recipe, data, chosen.model_dump(mode="json"))
    return folder


def resume(folder: Path, *, data: str | Path | None = None, **changed: Any) -> None:
    """Put a run into the queue again, to go on from its last checkpoint, with other settings where some are given.

    Raises
    ------
    BadInput
        It is under way, its scans are not where they were, or a setting is wrong.
    """
    from napari_medssl.training.data import find_cases
    from napari_medssl.training.recipes import check_settings, find_recipe

    run = RunFolder(Path(folder), resume=True)
    saved = run.read_settings()
    where = Path(data).expanduser().absolute() if data else saved.data
    if where is None:
        raise BadInput(f"The run in {folder} does not say where its scans are; give the data folder.")
    chosen = check_settings(find_recipe(saved.recipe), {**saved.settings, **changed})
    find_cases(where)
    with _disk_in_words(run.path), guarded(run.path):
        if look(run.path).active:
            raise BadInput(f"The run in {folder} is still going; stop it before you resume it.")
        run.write_settings(saved.recipe, where, chosen.model_dump(mode="json"))
        # Its process may just be leaving: who that is stays noted, and it is waited for.
        for stale in (run.cancel, run.exit, run.lock):
            stale.unlink(missing_ok=True)
        _line_up(run)


def start(folder: Path) -> None:
    """Start a run that waits, now and in the background, whatever else is under way.

    Raises
    ------
    BadInput
        There is no run, it does not wait, or its process cannot be started.
    """
    run = RunFolder(Path(folder), resume=True)
    _let_leave(run)
    with guarded(run.path):
        if is_active(run) or not run.queued.exists():
            raise BadInput(f"The run in {folder} does not wait for its turn; see how it stands.")
        launch(run)


def cancel(folder: Path) -> None:
    """Ask a run to write down where it stands and leave; one that waits is taken out of the queue.

    A run that is only starting has nothing to write down and is ended. `BadInput` where there is no run.
    """
    run = RunFolder(Path(folder), resume=True)
    with guarded(run.path):
        run.queued.unlink(missing_ok=True)
        if run.busy():
            run.cancel.touch()
            return
        child = read_record(run.child)
    if is_alive(child):
        _end(run, child)


def kill(folder: Path) -> None:
    """End a run at once, with every process it started; it can be resumed from its last checkpoint.

    Raises
    ------
    BadInput
        There is no run, it is this very process, or it cannot be ended.
    """
    run = RunFolder(Path(folder), resume=True)
    run.queued.unlink(missing_ok=True)
    for record in (read_record(run.lock), read_record(run.child)):
        if elsewhere(record) and run.busy():
            raise BadInput(f"The run in {folder} is trained on another computer; ask it to stop, or end it there.")
        if is_alive(record):
            _end(run, record)


def remove(folder: Path) -> None:
    """Delete what a run wrote, and its folder when nothing else lies in it.

    Raises
    ------
    BadInput
        It is under way, the folder is a link or none of a run, or something cannot be deleted.
    """
    folder = Path(folder)
    if folder.is_symlink():
        raise BadInput(f"{folder} is a link; remove the run in the folder that it leads to.")
    run = RunFolder(folder, resume=True)
    with guarded(run.path):
        if look(run.path).active:
            raise BadInput(f"The run in {folder} is still going; stop it before you remove it.")
        run.queued.unlink(missing_ok=True)
    _let_leave(run)
    try:
        clear_run(run)
    except OSError as error:
        raise BadInput(f"{error.filename or folder} cannot be deleted: {(error.strerror or '').lower()}.") from error


def list_runs(home: Path | None = None) -> list[RunInfo]:
    """All runs in a folder of runs (`runs_folder` when None), newest first."""
    home = runs_folder() if home is None else Path(home)
    infos = []
    for folder in sorted(home.iterdir()) if home.is_dir() else []:
        try:
            infos.append(look(folder))
        except (BadInput, OSError):
            continue  # no run, or one that is just being removed
    return sorted(infos, key=lambda info: info.created, reverse=True)


def find_run(word: str | Path, home: Path | None = None) -> Path:
    """The folder of a run: a path, or the name of a folder in the folder of runs; `BadInput` where there is none."""
    home = runs_folder() if home is None else Path(home)
    for folder in (Path(word).expanduser(), home / word):
        if (folder / "settings.json").is_file():
            return folder.absolute()
    raise BadInput(f"There is no run {str(word)!r}, neither as a folder nor in {home}; see napari-medssl runs list.")


def _let_leave(run: RunFolder) -> None:
    """Wait, but not for ever, for a process that has told its end and is about to leave."""
    ends = time.monotonic() + _LEAVING
    while is_active(run) and not run.busy() and time.monotonic() < ends:
        time.sleep(0.02)


def _end(run: RunFolder, who: Mapping[str, Any]) -> None:
    if who.get("pid") == os.getpid():
        raise BadInput(f"The run in {run.path} is trained by this very process, which cannot end itself so.")
    # Noted before, so that nobody who sees it gone takes it for a crash.
    note_exit(run, dict(who), killed=True)
    try:
        gone = kill_tree(who)
    except Exception as error:  # psutil.AccessDenied: somebody else's process
        run.exit.unlink(missing_ok=True)
        raise BadInput(f"The run in {run.path} belongs to somebody else and cannot be ended from here.") from error
    if not gone:
        run.exit.unlink(missing_ok=True)
        raise BadInput(f"The run in {run.path} does not end; it may be waiting for a disk or a driver.")
    note_exit(run, dict(who), killed=True)


def _line_up(run: RunFolder) -> None:
    write_text(run.queued, json.dumps({"since": time.time()}) + "\n")


def _new_folder(home: Path, name: str) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    base = f"{time.strftime('%Y-%m-%d')}-{re.sub(r'[^a-z0-9._-]+', '-', name.lower())[:60]}"
    for number in range(1, 10000):
        folder = home / (base if number == 1 else f"{base}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise BadInput(f"{home} holds too many runs of this name; remove some, or choose another name.")


@contextmanager
def _disk_in_words(where: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = "the disk is full" if error.errno in _FULL else (error.strerror or str(error)).lower()
        raise BadInput(f"The run cannot be written down in {where}: {why}.") from error
