"""The table of branches: length, radius, winding, volume, greatest narrowing; sorted by a click on a heading."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt

from napari_medssl.widgets.linked_table import LinkedTable, Row
from napari_medssl.widgets.structures_table import volume_text

if TYPE_CHECKING:
    from napari_medssl.tubes import Branch

_TITLES = ("No.", "Length\nmm", "Radius\nmm", "Least\nmm", "Wind.", "Volume\nml", "Narrow")
_HINTS = (
    "Number of the branch, the widest tree first",
    "Length along the centre line, in mm",
    "Mean radius in mm, without the forks at its ends",
    "Smallest radius in mm",
    "Winding: the length over the straight way; 1 is straight",
    "Volume in ml",
    "Greatest narrowing: how much smaller the diameter is than before and behind it; a place to look at, no finding",
)


class BranchTable(LinkedTable):
    """Shows the branches; `picked` is emitted with the number of one when the person chooses its row."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__("Branches", _TITLES, _HINTS, 8, parent)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)

    def show_branches(self, branches: Sequence[Branch], numbers: Collection[int]) -> None:
        """Show those of the branches that have one of these numbers."""
        wanted = (branch for branch in branches if branch.number in numbers)
        self.show_rows([Row(branch.number, texts_of(branch), _to_sort_by(branch)) for branch in wanted])


def worst(branch: Branch) -> Any:
    """The greatest narrowing of a branch, or None."""
    return max(branch.narrowings, key=lambda narrow: narrow.percent, default=None)


def _values(branch: Branch) -> tuple[float, ...]:
    narrow = worst(branch)
    percent = math.nan if narrow is None else float(narrow.percent)
    return (
        branch.number, branch.length, branch.mean_radius, branch.min_radius, branch.tortuosity, branch.volume, percent
    )  # fmt: skip


def _to_sort_by(branch: Branch) -> tuple[float, ...]:
    return tuple(-math.inf if math.isnan(value) else value for value in _values(branch))


def texts_of(branch: Branch) -> tuple[str, ...]:
    """A row of the table."""
    number, length, mean, least, winding, volume, percent = _values(branch)
    straight = "-" if math.isnan(winding) else f"{winding:.2f}"
    narrow = "" if math.isnan(percent) else f"{percent:.0f} %"
    return f"{number:.0f}", f"{length:.1f}", f"{mean:.2f}", f"{least:.2f}", straight, volume_text(volume / 1000), narrow
