"""Hints in a table: one line a voxel, ``label,z,y,x,inside``."""

from __future__ import annotations

import csv
from pathlib import Path

from napari_medssl.errors import BadInput
from napari_medssl.propagation.hints import Hint

COLUMNS = ("label", "z", "y", "x", "inside")
_INSIDE = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def read_hints(path: Path) -> list[Hint]:
    """The hints in a CSV file with the columns label, z, y, x (voxels counted from 0 in the file's order) and inside
    (1 or 0).

    Raises
    ------
    BadInput
        The file cannot be read, or a line is not a hint; says which.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as handle:
            rows = list(csv.DictReader(handle))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path} cannot be read as a table of hints: {error}.") from error
    hints = []
    for number, row in enumerate(rows, start=2):
        missing = [column for column in COLUMNS if not row.get(column)]
        if missing:
            raise BadInput(
                f"{path}, line {number}: there is no {missing[0]}; hints have the columns {','.join(COLUMNS)}."
            )
        try:
            label, z, y, x = (int(row[column]) for column in COLUMNS[:4])
            inside = _INSIDE[row["inside"].strip().lower()]
        except (ValueError, KeyError) as error:
            raise BadInput(
                f"{path}, line {number}: label, z, y and x must be whole numbers and inside 1 or 0."
            ) from error
        hints.append(Hint(label, (z, y, x), inside))
    return hints
