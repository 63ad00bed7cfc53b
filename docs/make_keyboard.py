"""Write the tables of docs/keyboard.md anew, from the table that the Propagate widget itself uses.

python docs/make_keyboard.py
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

PAGE = Path(__file__).parent / "keyboard.md"


def table(rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join(["| Key | What it does |", "|---|---|", *(f"| {key} | {does} |" for key, does in rows)]) + "\n"


def renewed(page: str) -> str:
    """The page with its two tables as they should be now."""
    from napari_medssl.widgets.shortcuts import OF_NAPARI, SHORTCUTS

    tables = [table((shortcut.key, shortcut.does) for shortcut in SHORTCUTS), table(OF_NAPARI)]
    return re.sub(r"(?:^\|.*\n)+", lambda _: tables.pop(0), page, flags=re.MULTILINE)


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
