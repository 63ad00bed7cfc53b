"""Tables of findings in LUNA16's form: world mm (LPS), one row a finding.

Columns ``seriesuid, coordX, coordY, coordZ, diameter_mm`` and, for what a detector found, ``probability``; see
https://luna16.grand-challenge.org. Commas, semicolons (with decimal commas) and tabs are understood.
"""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from napari_medssl.errors import BadInput
from napari_medssl.files import write_text
from napari_medssl.nodules.finding import Nodule
from napari_medssl.volumes.formats import plain_name

Kind = Literal["annotations", "irrelevant", "predictions", "any"]
SCAN, POSITION, DIAMETER, PROBABILITY = "seriesuid", ("coordX", "coordY", "coordZ"), "diameter_mm", "probability"
COLUMNS = (SCAN, *POSITION, DIAMETER)
_LARGEST = 400e6  # bytes; LUNA16's own list of candidates, with 750,000 rows, has 85 million


def read_findings(path: str | os.PathLike[str], kind: Kind = "any") -> dict[str, list[Nodule]]:
    """The findings of a table, scan by scan, in the table's order.

    Parameters
    ----------
    kind : "annotations" must have diameters; "irrelevant" findings may lack them (empty, or -1 as in LUNA16);
        "predictions" must have probabilities, and may lack diameters; "any" may lack both, and what has no probability
        gets the score 1

    Raises
    ------
    BadInput
        The file is missing, is no table, lacks a column, or has a row that cannot be used; the sentence names it.
    """
    file = Path(path)
    rows = _rows(file)
    header = next(rows, None)
    if header is None:
        raise BadInput(f"{file} is empty; a table of findings begins with the line {','.join(COLUMNS)}.")
    number, names = header
    where = {name.strip().lower(): column for column, name in reversed(list(enumerate(names)))}
    needed = [SCAN, *POSITION]
    needed += [DIAMETER] if kind == "annotations" else [PROBABILITY] if kind == "predictions" else []
    missing = [name for name in needed if name.lower() not in where]
    if missing:
        raise BadInput(_without(file, missing, names))
    columns = {name: where[name.lower()] for name in (*COLUMNS, PROBABILITY) if name.lower() in where}
    scans: dict[str, str] = {}  # the same text on thousands of rows
    found: dict[str, list[Nodule]] = {}
    for number, row in rows:
        try:
            text = row[columns[SCAN]].strip()
            if not text:
                raise ValueError(f"it has no {SCAN}")
            scan = scans.get(text) or scans.setdefault(text, plain_name(text))
            nodule = _finding(row, columns, must_be_measured=kind == "annotations")
        except (ValueError, IndexError) as error:  # BadInput is a ValueError
            why = "it has too few columns" if isinstance(error, IndexError) else str(error).rstrip(".")
            raise BadInput(f"Line {number} of {file} cannot be used: {why}.") from None
        found.setdefault(scan, []).append(nodule)
    return found


def write_findings(
    path: str | os.PathLike[str], findings: Mapping[str, Sequence[Nodule]], *, probability: bool = True
) -> None:
    """Write findings, scan by scan, as `read_findings` reads them; one that nobody measured gets the diameter -1.

    Parameters
    ----------
    probability : write the scores, too; LUNA16's annotations have none
    """
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow((*COLUMNS, PROBABILITY) if probability else COLUMNS)
    for scan, nodules in findings.items():
        for one in nodules:
            diameter = -1.0 if math.isnan(one.diameter) else one.diameter
            values = [*one.centre, diameter, *([one.score] if probability else [])]
            table.writerow([scan, *(f"{value:.9g}" for value in values)])
    write_text(path, text.getvalue())


def read_scan_names(path: str | os.PathLike[str]) -> list[str]:
    """The scans that a ``seriesuids.csv`` names, one a line; a heading ``seriesuid`` is understood.

    Raises
    ------
    BadInput
        The file is missing or no text, names no scan, or names one twice.
    """
    file = Path(path)
    rows = [(number, plain_name(row[0].strip())) for number, row in _rows(file)]
    names = [(number, name) for number, name in rows if name and name.lower() != SCAN]
    if not names:
        raise BadInput(f"{file} names no scan; write one name a line (a file's name without its extension).")
    first: dict[str, int] = {}
    for number, name in names:
        if name in first:
            raise BadInput(f"{file} names the scan {name} twice, on lines {first[name]} and {number}; remove one.")
        first[name] = number
    return list(first)


def read_scans_of(path: str | os.PathLike[str]) -> set[str]:
    """The scans that a table with a column ``seriesuid`` speaks of; it may have hundreds of thousands of rows."""
    rows = _rows(Path(path))
    names = [text.strip().lower() for text in next(rows, (0, []))[1]]
    if SCAN not in names:
        raise BadInput(f"{path} has no column {SCAN}.")
    column = names.index(SCAN)
    texts = {row[column].strip() for _, row in rows if column < len(row)}
    return {plain_name(text) for text in texts if text}


def read_column(path: str | os.PathLike[str], name: str) -> dict[str, list[str]]:
    """The texts of one more column of a table that `read_findings` can read, scan by scan; {} where it has none."""
    rows = _rows(Path(path))
    names = [text.strip().lower() for text in next(rows, (0, []))[1]]
    if name.lower() not in names or SCAN not in names:
        return {}
    wanted, scan = names.index(name.lower()), names.index(SCAN)
    found: dict[str, list[str]] = {}
    for _, row in rows:
        found.setdefault(plain_name(row[scan].strip()), []).append(row[wanted].strip() if wanted < len(row) else "")
    return found


def _finding(row: Sequence[str], columns: Mapping[str, int], must_be_measured: bool) -> Nodule:
    x, y, z = (_number(row, columns, name) for name in POSITION)
    diameter = _number(row, columns, DIAMETER, math.nan if not must_be_measured else None)
    if diameter <= 0:
        if must_be_measured:
            raise ValueError(f"{DIAMETER} is {diameter:g}, and must be above 0")
        diameter = math.nan
    return Nodule((x, y, z), diameter, _number(row, columns, PROBABILITY, None if PROBABILITY in columns else 1.0))


def _number(row: Sequence[str], columns: Mapping[str, int], name: str, default: float | None = None) -> float:
    column = columns.get(name, len(row))
    text = row[column].strip() if column < len(row) else ""
    if not text:
        if default is None:
            raise ValueError(f"it has no {name}")
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{name} is {text[:40]!r}, which is no number")
    return value


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The lines of a table that hold anything, with their numbers from 1."""
    if not path.is_file():
        raise BadInput(f"There is no file {path}.")
    if path.stat().st_size > _LARGEST:
        raise BadInput(
            f"{path} is larger than {_LARGEST / 1e6:.0f} MB; a table of findings with the best ones will do."
        )
    raw = path.read_bytes()
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):  # what Excel calls Unicode text
        text = raw.decode("utf-16", errors="replace")
    else:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode("cp1252", errors="replace")
    if "\0" in text:
        raise BadInput(f"{path} is no text table; save it as CSV.")
    start = text[: text.find("\n")] if "\n" in text else text
    delimiter = max(",;\t", key=start.count) if any(mark in start for mark in ",;\t") else ","
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in rows:
            if any(cell.strip() for cell in row):
                decimal_comma = delimiter != "," and rows.line_num > 1
                yield rows.line_num, [_with_point(cell) for cell in row] if decimal_comma else row
    except csv.Error as error:
        raise BadInput(f"{path} is no table ({error} on line {rows.line_num}); save it as CSV.") from None


def _with_point(cell: str) -> str:
    """A number with a decimal comma as one with a point; anything else as it is."""
    if "," not in cell:
        return cell
    changed = cell.replace(",", ".", 1)
    try:
        float(changed)
    except ValueError:
        return cell
    return changed


def _without(path: Path, missing: Sequence[str], names: Sequence[str]) -> str:
    there = ", ".join(name.strip() for name in names)[:200]
    lower = {name.strip().lower() for name in names}
    sentence = f"{path} has no column {' and no '.join(missing)}; its first line is {there!r}"
    if missing == [PROBABILITY]:
        return f"{sentence}, and findings to judge need the detector's {PROBABILITY}."
    if set(missing) & set(POSITION) and any({"xyz"[i], "voxel" + "xyz"[i]} & lower for i in range(3)):
        return (
            f"{sentence}; positions must be world coordinates in mm (LPS: left, back, up), "
            f"in columns {', '.join(POSITION)}."
        )
    return f"{sentence}, and {','.join(COLUMNS)} is needed (LUNA16's form, world mm)."
