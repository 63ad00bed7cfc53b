"""Two readings of one scan beside each other: what both have, and what only one of them has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from napari_medssl.nodules.finding import Nodule


@dataclass(frozen=True)
class Comparison:
    """Places in the two lists that were compared.

    Attributes
    ----------
    agreed : (place in mine, place in theirs) of each nodule that both have
    only_mine, only_theirs : places of the others
    """

    agreed: tuple[tuple[int, int], ...]
    only_mine: tuple[int, ...]
    only_theirs: tuple[int, ...]


def compare(mine: Sequence[Nodule], theirs: Sequence[Nodule]) -> Comparison:
    """Pair the findings of two readers.

    Two findings can be one nodule where the distance of their centres is less than half of the larger diameter
    (LUNA16's rule for a hit, which knows of only one reader's diameters). Each finding has at most one partner: as many
    pairs as possible are made and, of all ways to do that, the one with the smallest sum of distances.
    """
    if not mine or not theirs:
        return Comparison((), tuple(range(len(mine))), tuple(range(len(theirs))))
    apart = cdist([one.centre for one in mine], [one.centre for one in theirs])
    reach = np.maximum.outer([one.radius for one in mine], [one.radius for one in theirs])
    can = apart < reach
    # So much that one pair more is always worth it.
    never = float(apart[can].sum()) + 1 if can.any() else 1.0
    rows, columns = linear_sum_assignment(np.where(can, apart, never))
    agreed = tuple((int(i), int(j)) for i, j in zip(rows, columns, strict=True) if can[i, j])
    mine_paired, theirs_paired = {i for i, _ in agreed}, {j for _, j in agreed}
    return Comparison(
        agreed,
        tuple(i for i in range(len(mine)) if i not in mine_paired),
        tuple(j for j in range(len(theirs)) if j not in theirs_paired),
    )
