"""What a person has made and not saved yet, on disk at every moment: one small database for each label volume.

A database file changes from one consistent state to the next whatever happens to the process or the computer, which is
what SQLite is good at. Each state holds all labels, their session, and where they belong. The folder is the person's
own, and readable by nobody else, since the paths of scans stand in it.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, JsonValue, ValidationError

from napari_medssl.errors import BadInput
from napari_medssl.files import RECOVERY_VARIABLE, recovery_folder
from napari_medssl.propagation.session import Session
from napari_medssl.propagation.session_file import fitted, parse_state
from napari_medssl.propagation.session_state import state_of
from napari_medssl.propagation.tiles import Tiles, pack, unpack
from napari_medssl.training.processes import elsewhere, identity, is_alive

FOLDER_VARIABLE = RECOVERY_VARIABLE
ENDING = ".recovery"
OLD_DAYS = 60  # for so long unsaved work is kept
MOST_BYTES = 4 * 2**30  # together; beyond it the oldest goes, but never the newest
_OTHER_COMPUTER_S = 2 * 86400  # for so long something of another computer may still be worked on there
_PATIENCE_S = 10.0
_TABLES = """
    CREATE TABLE IF NOT EXISTS tiles (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, content BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

Labels = NDArray[np.integer]


class About(BaseModel):
    """Where labels belong.

    Attributes
    ----------
    name : of the layer
    shape, dtype : of its array
    scan_path, scan_name : of the scan that it lies on; empty where it came from no file
    sample : (plugin, name) of a sample that it lies on
    place : the layer's transform and metadata, plain values
    saved : seconds since 1970
    """

    version: int = 1
    name: str
    shape: tuple[int, int, int]
    dtype: str
    scan_path: str = ""
    scan_name: str = ""
    sample: tuple[str, str] | None = None
    place: dict[str, JsonValue] = {}
    saved: float = 0.0


@dataclass(frozen=True)
class Offer:
    """Unsaved work that nobody is working on."""

    path: Path
    about: About


class Recovery:
    """The database of one label volume; a process writes it from one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def new(cls, folder: Path | None = None) -> Recovery:
        """One that is not there yet, under a name of its own."""
        folder = recovery_folder() if folder is None else folder
        return cls(folder / f"{time.strftime('%Y-%m-%d')}-{secrets.token_hex(6)}{ENDING}")

    def write(self, tiles: Mapping[int, Labels | None], session: Session, about: About) -> None:
        """Go on to the next state, all at once.

        Parameters
        ----------
        tiles : those that changed since the last state; None for one that holds nothing
        session : as of the same moment; see `session_state.frozen`
        about : where the labels belong

        Raises
        ------
        BadInput
            The disk is full or the folder cannot be written to.
        """
        state = state_of(session, about.shape).model_dump_json()
        about = about.model_copy(update={"saved": time.time()})
        packed = [(number, *pack(tile)) for number, tile in tiles.items()]
        with self._in_words(), self._open() as database:
            database.executescript(_TABLES)
            with database:  # one transaction
                database.execute("BEGIN IMMEDIATE")
                database.executemany("DELETE FROM tiles WHERE number = ?", [(n,) for n, kind, _ in packed if not kind])
                database.executemany("INSERT OR REPLACE INTO tiles VALUES (?, ?, ?)", [row for row in packed if row[1]])
                notes = {"session": state, "about": about.model_dump_json(), "owner": json.dumps(identity())}
                database.executemany("INSERT OR REPLACE INTO notes VALUES (?, ?)", notes.items())

    def read(self) -> tuple[Labels, Session, About]:
        """The labels (z, y, x), their session and where they belong.

        Raises
        ------
        BadInput
            It is damaged.
        """
        with self._in_words(), self._open(create=False) as database:
            about = self._about(database)
            labels = np.zeros(about.shape, dtype=np.dtype(about.dtype))
            grid = Tiles(about.shape)
            for number, kind, content in database.execute("SELECT number, kind, content FROM tiles"):
                where = grid.box(int(number))
                labels[where] = unpack(kind, content, labels[where].shape)
            state = parse_state(_note(database, "session").encode(), self.path.name)
        return labels, fitted(state, labels, self.path.name), about

    def offer(self) -> Offer | None:
        """What there is to bring back; None where a process is still working on it, or nothing has been written."""
        try:
            with self._in_words(), self._open(create=False) as database:
                about, owner = self._about(database), json.loads(_note(database, "owner"))
        except BadInput:
            return None
        recent = time.time() - about.saved < _OTHER_COMPUTER_S
        if is_alive(owner) or (elsewhere(owner) and recent):
            return None
        return Offer(self.path, about)

    def claim(self) -> bool:
        """Make it this process's own; False where another one was quicker."""
        with self._in_words(), self._open(create=False) as database, database:
            database.execute("BEGIN IMMEDIATE")
            owner = json.loads(_note(database, "owner"))
            if is_alive(owner):
                return False
            self._set_owner(database, identity())
            return True

    def release(self) -> None:
        """Let go of it, so that it is offered again."""
        if self.path.exists():
            with self._in_words(), self._open(create=False) as database, database:
                self._set_owner(database, {})

    def remove(self) -> None:
        """The work is saved, or not wanted."""
        for path in (self.path, self.path.with_name(self.path.name + "-journal")):
            path.unlink(missing_ok=True)

    def _set_owner(self, database: sqlite3.Connection, owner: Mapping[str, Any]) -> None:
        database.execute("INSERT OR REPLACE INTO notes VALUES ('owner', ?)", [json.dumps(owner)])

    def _about(self, database: sqlite3.Connection) -> About:
        try:
            about = About.model_validate_json(_note(database, "about"))
        except ValidationError as error:
            raise BadInput(f"{self.path} is damaged; nothing can be brought back from it.") from error
        if about.version > 1:
            raise BadInput(f"{self.path} was written by a later version of napari-medssl; update this one to read it.")
        return about

    @contextmanager
    def _open(self, create: bool = True) -> Iterator[sqlite3.Connection]:
        if create:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        elif not self.path.is_file():
            raise BadInput(f"{self.path} is not there any more.")
        with closing(sqlite3.connect(self.path, timeout=_PATIENCE_S, isolation_level=None)) as database:
            yield database

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise BadInput(f"Unsaved work cannot be kept in {self.path.parent}, or read from it: {error}.") from error


def offers(folder: Path | None = None) -> list[Offer]:
    """Unsaved work that nobody is working on, newest first."""
    folder = recovery_folder() if folder is None else folder
    found = [Recovery(path).offer() for path in sorted(folder.glob(f"*{ENDING}"))] if folder.is_dir() else []
    return sorted((offer for offer in found if offer is not None), key=lambda offer: -offer.about.saved)


def prune(folder: Path | None = None) -> list[Path]:
    """Remove what is too old or too much, but never the newest, nor what a process works on; returns what is gone."""
    gone, size = [], 0
    for number, offer in enumerate(offers(folder)):
        size += offer.path.stat().st_size
        if number and (time.time() - offer.about.saved > OLD_DAYS * 86400 or size > MOST_BYTES):
            Recovery(offer.path).remove()
            gone.append(offer.path)
    return gone


def _note(database: sqlite3.Connection, name: str) -> str:
    row = database.execute("SELECT value FROM notes WHERE name = ?", [name]).fetchone()
    if row is None:
        raise sqlite3.DatabaseError("it was never finished")
    return str(row[0])
