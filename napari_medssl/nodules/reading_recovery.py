"""A reading that is in no file of the person's own yet, on disk at every moment: one small file for each scan.

The folder is the one in which unsaved masks are kept; it is the person's own, and readable by nobody else.
"""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from napari_medssl.errors import BadInput
from napari_medssl.files import recovery_folder, write_text
from napari_medssl.nodules.reading import Finding
from napari_medssl.training.processes import elsewhere, identity, is_alive
from napari_medssl.volumes import Geometry

ENDING = ".reading"
OLD_DAYS = 60  # for so long an unsaved reading is kept
_OTHER_COMPUTER_S = 2 * 86400  # for so long a reading of another computer may still be worked on there


class ScanKnown(BaseModel):
    """By what a scan is known again.

    Attributes
    ----------
    name : its seriesuid
    shape : (z, y, x)
    spacing, origin, direction : as of `Geometry`
    scan_path : its file or folder; empty where there is none
    sample : (plugin, name) of a sample
    """

    name: str
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]
    direction: tuple[float, ...]
    scan_path: str = ""
    sample: tuple[str, str] | None = None

    @classmethod
    def of(cls, name: str, shape: tuple[int, ...], geometry: Geometry, **where: Any) -> ScanKnown:
        z, y, x = shape
        return cls(
            name=name, shape=(z, y, x), spacing=geometry.spacing, origin=geometry.origin,
            direction=geometry.direction, **where,
        )  # fmt: skip

    def same_scan(self, other: ScanKnown) -> bool:
        """Whether both are one scan: the same voxels at the same place, by the same name."""
        mine, theirs = (Geometry(one.spacing, one.origin, one.direction) for one in (self, other))
        return self.name == other.name and self.shape == other.shape and mine.same_grid(theirs, 1e-2)


class _Kept(BaseModel):
    """What stands in the file."""

    model_config = ConfigDict(ser_json_inf_nan="constants")

    version: int = 1
    scan: ScanKnown
    saved: float
    owner: dict[str, JsonValue] = {}
    findings: tuple[Finding, ...]
    least: float | None = None


class ReadingOffer(BaseModel):
    """An unsaved reading that nobody is working on; `least` is the score from which on findings were shown."""

    path: Path
    scan: ScanKnown
    saved: float
    findings: tuple[Finding, ...]
    least: float | None = None

    @property
    def decided(self) -> int:
        """How many findings were decided about or marked by the person."""
        return sum(one.state != "unread" for one in self.findings)


class ReadingStore:
    """The file of one scan's reading, under a name of its own."""

    def __init__(self, path: Path | None = None) -> None:
        fresh = f"{time.strftime('%Y-%m-%d')}-{secrets.token_hex(6)}{ENDING}"
        self.path = recovery_folder() / fresh if path is None else path

    def write(
        self, scan: ScanKnown, findings: tuple[Finding, ...], *, released: bool = False, least: float | None = None
    ) -> None:
        """Replace the file, all at once; `released` when this process works on it no longer.

        Raises
        ------
        BadInput
            The disk is full or the folder cannot be written to.
        """
        owner = {} if released else identity()
        kept = _Kept(scan=scan, saved=time.time(), owner=owner, findings=findings, least=least)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_text(self.path, kept.model_dump_json())
        except (BadInput, OSError) as error:
            raise BadInput(f"The reading cannot be kept in {self.path.parent} ({error}); export it often.") from error

    def take(self) -> ReadingOffer:
        """Make it this process's own.

        Raises
        ------
        BadInput
            It is damaged, or another process was quicker.
        """
        taken = self.path.with_name(f"{secrets.token_hex(6)}{ENDING}")
        try:
            self.path.rename(taken)  # only one can
        except OSError as error:
            raise BadInput("Another napari has just brought this reading back; it is open there.") from error
        self.path = taken
        kept = _parse(taken)
        if kept is None:
            raise BadInput(f"{taken} is damaged; nothing can be brought back from it.")
        self.write(kept.scan, kept.findings, least=kept.least)
        return _offer(taken, kept)

    def remove(self) -> None:
        """The reading is in a file of the person's own, or not wanted."""
        self.path.unlink(missing_ok=True)


def reading_offers(folder: Path | None = None) -> list[ReadingOffer]:
    """Unsaved readings that nobody is working on, the newest first; those too old are removed."""
    folder = recovery_folder() if folder is None else folder
    found = []
    for path in sorted(folder.glob(f"*{ENDING}")) if folder.is_dir() else []:
        if path.name.startswith("."):  # what a process that was killed had not finished
            if time.time() - path.stat().st_mtime > 86400:
                path.unlink(missing_ok=True)
            continue
        kept = _parse(path)
        if kept is None or _in_use(kept):
            continue
        if time.time() - kept.saved > OLD_DAYS * 86400:
            path.unlink(missing_ok=True)
            continue
        found.append(_offer(path, kept))
    return sorted(found, key=lambda offer: -offer.saved)


def _offer(path: Path, kept: _Kept) -> ReadingOffer:
    return ReadingOffer(path=path, scan=kept.scan, saved=kept.saved, findings=kept.findings, least=kept.least)


def _in_use(kept: _Kept) -> bool:
    recent = time.time() - kept.saved < _OTHER_COMPUTER_S
    return is_alive(kept.owner) or (elsewhere(kept.owner) and recent)


def _parse(path: Path) -> _Kept | None:
    try:
        kept = _Kept.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    return kept if kept.version == 1 else None
