"""Where in the lungs a finding lies: right or left, upper, middle or lower third."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_medssl.nodules.lungs import Lungs

_BOTH_MM = 180.0  # lungs less wide than this are one lung, or a piece of one
_WHOLE_MM = 120.0  # lungs less high than this are cut off, and have no thirds


@dataclass(frozen=True)
class Places:
    """Tells places in a pair of lungs; LPS mm.

    Attributes
    ----------
    middle : x between the lungs; None where only one is in view
    heights : (lowest, highest) z of the right and of the left lung; of all where there is one
    """

    middle: float | None
    heights: dict[str, tuple[float, float]]

    @classmethod
    def of(cls, lungs: Lungs) -> Places:
        """Measure a pair of lungs once; that takes some hundredths of a second."""
        points = lungs.geometry.world(np.argwhere(lungs.mask))
        across, up = points[:, 0], points[:, 2]
        if float(np.ptp(across)) < _BOTH_MM:
            return cls(None, {"": _ends(up)})
        middle = float(across.min() + across.max()) / 2
        parts = {"right": up[across < middle], "left": up[across >= middle]}
        return cls(middle, {side: _ends(part) for side, part in parts.items() if len(part)})

    def side(self, centre: Sequence[float]) -> str:
        """ "right" or "left" (the patient's), or "" where that is not known."""
        return "" if self.middle is None else "left" if centre[0] >= self.middle else "right"

    def third(self, centre: Sequence[float]) -> str:
        """ "upper", "middle" or "lower" third of the lung's height, or "" where the lung is cut off."""
        low, high = self.heights.get(self.side(centre), (0.0, 0.0))
        if high - low < _WHOLE_MM:
            return ""
        share = (centre[2] - low) / (high - low)
        return "upper" if share >= 2 / 3 else "lower" if share < 1 / 3 else "middle"


def _ends(heights: np.ndarray) -> tuple[float, float]:
    # a vessel or the windpipe that stands out of the lung does not count
    low, high = np.percentile(heights, (0.5, 99.5))
    return float(low), float(high)
