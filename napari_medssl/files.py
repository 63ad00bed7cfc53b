"""Writing files so that a crash leaves either the old file or the new one, never half of one."""

import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_medssl.errors import BadInput

RECOVERY_VARIABLE = "NAPARI_MEDSSL_RECOVERY"


def own_data() -> Path:
    """The system's folder for what this program keeps for the person: models and runs."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share"))
    return base / "napari-medssl"


def recovery_folder() -> Path:
    """Where unsaved work is kept: $NAPARI_MEDSSL_RECOVERY, else the system's folder for an application's data."""
    if chosen := os.environ.get(RECOVERY_VARIABLE):
        return Path(chosen).expanduser()
    return own_data() / "recovery"


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` when the block ends well.

    The temporary name keeps the suffixes of `path`, since writers choose their format by them. If the block raises,
    the temporary file is removed and `path` is left as it was.

    Raises
    ------
    BadInput
        The folder of `path` does not exist or cannot be written to.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise BadInput(f"Cannot write {target}: the folder {target.parent} does not exist.")
    if target.is_dir():
        raise BadInput(f"Cannot write {target}: it is a folder, give a file name.")
    # Only the end of the name, so that a long one does not become too long.
    temporary = target.parent / f".{secrets.token_hex(4)}.partial{target.name[-32:]}"
    try:
        yield temporary
        _flush(temporary)
        _replace(temporary, target)
    except PermissionError as error:
        raise BadInput(f"Cannot write {target}: permission denied.") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` (UTF-8) to `path` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write `content` to `path` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def _replace(temporary: Path, target: Path) -> None:
    """Rename; on Windows, where a file that somebody just reads cannot be replaced, try for a second."""
    ends = time.monotonic() + (1.0 if sys.platform == "win32" else 0.0)
    while True:
        try:
            return os.replace(temporary, target)
        except PermissionError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.02)


def _flush(path: Path) -> None:
    # Without it a power cut after the rename can leave an empty file under the final name.
    with open(path, "rb+") as handle:
        os.fsync(handle.fileno())


def remove_partials(folder: Path) -> None:
    """Remove what writers that were killed in the middle left in a folder that only this process writes to."""
    # safetensors writes under a temporary name of its own (.tmp and six characters) first.
    for pattern in (".*.partial*", ".tmp??????"):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)
