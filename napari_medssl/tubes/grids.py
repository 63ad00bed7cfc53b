"""The grid that a tube network works on, and reading a scan on it."""

from __future__ import annotations

from collections.abc import Sequence

from napari_medssl.volumes.sampling import Array, nearest, sample

__all__ = ["Array", "nearest", "sample", "working_spacing"]


def working_spacing(spacing: Sequence[float], *, finest: float | None, anisotropy: float) -> tuple[float, float, float]:
    """The spacing (z, y, x) to work at: of `finest` mm or the scan's own finest side, and nowhere much coarser.

    A side is left as it is if it is between the finest and `anisotropy` times that.
    """
    fine = finest or min(spacing)
    z, y, x = (min(max(side, fine), fine * anisotropy) for side in spacing)
    return z, y, x
