"""A reading as a table: LUNA16's columns and, behind them, what the person decided, measured and wrote."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from napari_medssl.errors import BadInput
from napari_medssl.files import write_text
from napari_medssl.nodules.boxes import outside_sentence
from napari_medssl.nodules.finding import Nodule
from napari_medssl.nodules.findings_file import COLUMNS, PROBABILITY, read_column, read_findings
from napari_medssl.nodules.reading import Finding, Origin, Sizes, State
from napari_medssl.volumes import Geometry

STATE, ORIGIN, NOTE, NUMBER = "state", "origin", "note", "number"
_SIZES = ("long_mm", "short_mm", "volume_ml")
_FURTHER = (STATE, ORIGIN, *_SIZES, NOTE, NUMBER)


@dataclass(frozen=True)
class Imported:
    """Findings of one scan out of a table.

    Attributes
    ----------
    findings : in the table's order; "unread" where the table has no states, "imported" where it names no origin, and
        with the number 0 where it has none
    said : a sentence that the person should see, or ""
    """

    findings: tuple[Finding, ...]
    said: str = ""


def write_reading(path: str | os.PathLike[str], scan: str, findings: Sequence[Finding]) -> None:
    """Write the findings of a scan.

    The columns are LUNA16's (``seriesuid, coordX, coordY, coordZ, diameter_mm``, world mm, LPS), ``probability``,
    ``state`` (accepted, rejected, unread), ``origin`` (model, hand, imported), ``long_mm, short_mm, volume_ml`` (empty
    where nothing was measured), ``note``, and ``number``, which is the finding's label in a mask of outlines.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow((*COLUMNS, PROBABILITY, *_FURTHER))
    for one in findings:
        diameter = -1.0 if math.isnan(one.diameter) else one.diameter
        sizes = one.sizes
        measured = ("", "", "") if sizes is None else (sizes.long_mm, sizes.short_mm, sizes.volume_ml)
        numbers = [f"{value:.9g}" for value in (*one.centre, diameter, one.score)]
        own = [value if isinstance(value, str) else f"{value:.4g}" for value in measured]
        table.writerow([scan, *numbers, one.state, one.origin, *own, _harmless(one.note), one.number])
    write_text(path, text.getvalue())


def import_reading(
    path: str | os.PathLike[str], scan: str, geometry: Geometry, shape: Sequence[int]
) -> Imported:  # fmt: skip
    """The findings of a scan out of a table of this or another program.

    Parameters
    ----------
    scan : the scan's seriesuid; a table that speaks of one scan only is taken to mean this one
    geometry, shape : of the scan (z, y, x), which all findings must lie in

    Raises
    ------
    BadInput
        The table cannot be read, speaks of several other scans, or has findings outside the scan.
    """
    found = read_findings(path)
    name = Path(path).name
    if not found:
        raise BadInput(f"{name} has a heading but no findings.")
    said, taken = "", scan
    if scan not in found:
        if len(found) > 1:
            few = ", ".join(list(found)[:3]) + (", …" if len(found) > 3 else "")
            raise BadInput(
                f"{name} speaks of {len(found)} scans ({few}), none of which is this one; this scan's seriesuid would "
                f"be {scan}."
            )
        (taken,) = found
        said = f"{name} calls its scan {taken}; it was taken to be this one."
    nodules = found[taken]
    wrong = outside_sentence(nodules, geometry, shape, scan, name)
    if wrong is not None:
        raise BadInput(wrong)
    further = {name: read_column(path, name).get(taken, [""] * len(nodules)) for name in _FURTHER}
    made = [
        _finding(nodule, dict(zip(further, texts, strict=True)))
        for nodule, *texts in zip(nodules, *further.values(), strict=True)
    ]
    numbers = [one.number for one in made]
    if len(set(numbers)) < len(numbers) or min(numbers) < 1:
        made = [one.model_copy(update={"number": 0}) for one in made]
    return Imported(tuple(made), said)


def _finding(nodule: Nodule, further: dict[str, str]) -> Finding:
    """A row with what it says of a reading; what cannot be understood is taken as not said."""
    states: dict[str, State] = {state: state for state in get_args(State)}
    origins: dict[str, Origin] = {origin: origin for origin in get_args(Origin)}
    number = further[NUMBER]
    return Finding(
        number=int(number) if number.isascii() and number.isdigit() and len(number) < 6 else 0,
        centre=nodule.centre, diameter=nodule.diameter, score=nodule.score,
        state=states.get(further[STATE].lower(), "unread"), origin=origins.get(further[ORIGIN].lower(), "imported"),
        note=_as_written(further[NOTE]), sizes=_sizes([further[name] for name in _SIZES]),
    )  # fmt: skip


def _sizes(texts: Sequence[str]) -> Sizes | None:
    try:
        long, short, volume = map(float, texts)
    except ValueError:
        return None
    if not all(map(math.isfinite, (long, short, volume))) or min(long, short, volume) <= 0:
        return None
    return Sizes(long_mm=long, short_mm=short, volume_ml=volume)


def _harmless(note: str) -> str:
    """A note that no spreadsheet takes for a formula."""
    return f"'{note}" if note[:1] in ("=", "+", "-", "@") else note


def _as_written(note: str) -> str:
    return note[1:] if note[:1] == "'" and note[1:2] in ("=", "+", "-", "@") else note
