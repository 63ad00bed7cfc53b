"""Checks that commands make before the work starts, so that nobody waits for an hour to hear about a typing error."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from napari_medssl.errors import BadInput


def check_label_output(path: Path, inputs: Iterable[Path]) -> None:
    """Refuse an output file that could not be written, or that would replace one of the `inputs`."""
    from napari_medssl.volumes.writing import writable

    writable(path)
    check_file_output(path)
    for given in inputs:
        if path.exists() and given.exists() and path.samefile(given):
            raise BadInput(f"The output {path} is also an input; choose another name, so that nothing is overwritten.")


def check_file_output(path: Path) -> None:
    """Refuse a file name whose folder is missing or cannot be written to."""
    if path.is_dir():
        raise BadInput(f"Cannot write {path}: it is a folder, give a file name.")
    if not path.parent.is_dir():
        raise BadInput(f"Cannot write {path}: the folder {path.parent} does not exist.")
    if not os.access(path.parent, os.W_OK | os.X_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise BadInput(f"Cannot write {path}: permission denied.")


def check_folder_output(
    folder: Path, names: Iterable[str] = (), inputs: Iterable[Path] = (), *, called: str = "an input"
) -> None:
    """Refuse a folder that is a file, cannot be made where it should lie, or cannot be written to; or in which a file
    of one of the `names` is one of the `inputs`, which the sentence calls `called`."""
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder} is a file; a folder is needed here.")
    there = folder if folder.exists() else folder.parent
    if not there.is_dir():
        raise BadInput(f"Cannot write into {folder}: the folder {there} does not exist.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise BadInput(f"Cannot write into {folder}: permission denied.")
    given = [path for path in inputs if path.exists()]
    for path in (folder / name for name in names):
        if path.exists() and any(path.samefile(one) for one in given):
            raise BadInput(f"The output {path} is also {called}; choose another folder.")
