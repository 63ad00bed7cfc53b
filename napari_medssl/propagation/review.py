"""The review list of a folder: what became of each scan, and which masks a person has looked at.

It is the file ``review.csv`` beside the masks, which also says what each mask was made from. It holds no folder and
nothing of a patient beyond the files' own names.
"""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from threading import Lock

from napari_medssl.errors import BadInput
from napari_medssl.files import write_text

NAME = "review.csv"
TO_REVIEW, REVIEWED, FAILED = "to review", "reviewed", "failed"
_lock = Lock()


@dataclass(frozen=True)
class Entry:
    """One line of the list.

    Attributes
    ----------
    case, scan, mask : the case's name, and those of its two files; `mask` is empty where there is none
    status : "to review", "reviewed" or "failed"
    labels, millilitres : the labels found, and the volume of each, both with blanks between them
    lowest_confidence : of all slices and labels, nan where there is none
    message : why it failed
    inputs : a digest of what the mask was made from
    written : a mark of the mask's file as it was written, by which it can be told whether somebody changed it
    """

    case: str
    scan: str = ""
    mask: str = ""
    status: str = TO_REVIEW
    labels: str = ""
    millilitres: str = ""
    lowest_confidence: float = math.nan
    message: str = ""
    inputs: str = ""
    written: str = ""


def read_review(folder: Path) -> dict[str, Entry]:
    """The list of a folder, {} where there is none yet.

    Raises
    ------
    BadInput
        There is a file of this name that is no such list.
    """
    path = folder / NAME
    if not path.is_file():
        return {}
    known = {field.name for field in fields(Entry)}
    found = {}
    try:
        with open(path, newline="", encoding="utf-8-sig") as handle:
            table = csv.DictReader(handle)
            if table.fieldnames is None or not {"case", "status"} <= set(table.fieldnames):
                raise BadInput(f"{path} is not a review list (it has no columns case and status); move it away.")
            for line in table:
                values = {name: value for name, value in line.items() if name in known and value is not None}
                text = values.pop("lowest_confidence", "")
                entry = Entry(**values, lowest_confidence=float(text) if text else math.nan)
                found[entry.case] = entry
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path} cannot be read as a review list; correct it, or move it away.") from error
    return found


def put(folder: Path, *entries: Entry) -> None:
    """Write entries into the list, over those of the same cases; what others wrote meanwhile stays."""
    with _lock:
        found = read_review(folder)
        found.update({entry.case: entry for entry in entries})
        _write(folder, found.values())


def mark(folder: Path, case: str, status: str) -> None:
    """Note of a case that a person has looked at its mask, or has not after all. A mask changed meanwhile is theirs."""
    with _lock:
        found = read_review(folder)
        if case not in found:
            raise BadInput(f"There is no case {case} in {folder / NAME}; it may have been edited meanwhile.")
        found[case] = replace(found[case], status=status)
        _write(folder, found.values())


def worst_first(entries: Iterable[Entry]) -> list[Entry]:
    """What is still to be looked at first: failures, then by the lowest confidence; reviewed ones last."""
    order = {FAILED: 0, TO_REVIEW: 1, REVIEWED: 2}

    def key(entry: Entry) -> tuple[int, float, str]:
        sure = entry.lowest_confidence
        return order.get(entry.status, 1), 0.0 if math.isnan(sure) else sure, entry.case

    return sorted(entries, key=key)


def stamp(path: Path) -> str:
    """A mark by which a file, or all files in a folder, can be told from changed ones; empty where there is nothing."""
    try:
        if not path.is_dir():
            found = path.stat()
            return f"{found.st_size}-{found.st_mtime_ns}"
        files = [entry.stat() for parent, _, names in os.walk(path) for entry in (Path(parent, n) for n in names)]
    except OSError:
        return ""
    return f"{len(files)}-{sum(f.st_size for f in files)}-{max((f.st_mtime_ns for f in files), default=0)}"


def _write(folder: Path, entries: Iterable[Entry]) -> None:
    text = io.StringIO()
    table = csv.DictWriter(text, [field.name for field in fields(Entry)])
    table.writeheader()
    for entry in sorted(entries, key=lambda entry: entry.case):
        sure = entry.lowest_confidence
        table.writerow(asdict(entry) | {"lowest_confidence": "" if math.isnan(sure) else f"{sure:.3f}"})
    try:
        write_text(folder / NAME, text.getvalue())
    except OSError as error:
        raise BadInput(f"Cannot write {folder / NAME}: {(error.strerror or str(error)).lower()}.") from error
