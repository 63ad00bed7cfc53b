"""What a person sees of a propagation at one glance: slice by slice, how sure it is and what was drawn by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_medssl.propagation.history import Run

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Strip:
    """One row over all slices along an axis.

    Attributes
    ----------
    count : slices
    confidence : {label: {slice index: 0..1}} where a propagation carried the label, but for slices drawn by hand
    first : {label: slices drawn by hand before a propagation had come there}
    corrected : {label: slices drawn by hand, or said to be right, after one had}
    stops : {label: slices that say it is not there}
    names : {label: what the person calls it} of those that are known
    """

    count: int
    confidence: Mapping[int, Mapping[int, float]] = field(default_factory=dict)
    first: Mapping[int, Sequence[int]] = field(default_factory=dict)
    corrected: Mapping[int, Sequence[int]] = field(default_factory=dict)
    stops: Mapping[int, Sequence[int]] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)

    def lowest(self) -> Values:
        """(count,) the lowest confidence of the labels at each slice, 1 where all are drawn, nan where none is."""
        lowest = np.full(self.count, np.nan)
        for drawn in (self.first, self.corrected, self.stops):
            lowest[self._where(drawn)] = 1.0
        for found in self.confidence.values():
            for index, value in found.items():
                if 0 <= index < self.count and np.isfinite(value):
                    lowest[index] = np.fmin(lowest[index], value)
        return lowest

    def marks(self) -> tuple[Flags, Flags, Flags]:
        """(count,) each: drawn first, corrected, and stops, of any label."""
        return self._where(self.first), self._where(self.corrected), self._where(self.stops)

    def _where(self, slices: Mapping[int, Iterable[int]]) -> Flags:
        flags = np.zeros(self.count, dtype=bool)
        flags[[i for indices in slices.values() for i in indices if 0 <= i < self.count]] = True
        return flags


def strip_of(
    runs: Iterable[Run],
    axis: int,
    count: int,
    drawn: Mapping[int, Sequence[int]],
    stops: Mapping[int, Sequence[int]],
) -> Strip:
    """The strip of what is there now.

    Parameters
    ----------
    runs : the propagations, oldest first; of those that are not undone the latest counts for each label
    axis, count : axis that counts the slices, and how many there are
    drawn : {label: slices drawn by hand} of the labels to show, stops included
    stops : {label: those of them that say it is not there}
    """
    latest: dict[int, Run] = {}
    reached: dict[int, set[int]] = {}
    for run in runs:
        if not run.undone and run.axis == axis:
            for label in drawn.keys() & run.seeds.keys():
                latest[label] = run
                reached.setdefault(label, set()).update(set(run.confidence.get(label, ())) - set(run.seeds[label]))
    there = {label: set(slices) - set(stops.get(label, ())) for label, slices in drawn.items()}
    confidence = {}
    for label, run in latest.items():
        by_hand = set(drawn[label])
        confidence[label] = {i: v for i, v in run.confidence.get(label, {}).items() if i not in by_hand}
    return Strip(
        count,
        confidence,
        {label: sorted(slices - reached.get(label, set())) for label, slices in there.items()},
        {label: sorted(slices & reached.get(label, set())) for label, slices in there.items()},
        {label: list(slices) for label, slices in stops.items() if label in drawn},
    )


def pixel_of(index: int, count: int, pixels: int) -> tuple[int, int]:
    """The pixels, half-open, that show slice `index` of `count` on a row of `pixels`; at least one."""
    first = index * pixels // count
    return first, max(first + 1, (index + 1) * pixels // count)


def slices_at(pixel: int, count: int, pixels: int) -> range:
    """The slices that a pixel of a row shows; pixels beside the row count as its ends."""
    pixel = min(max(pixel, 0), pixels - 1)
    first, last = -(-pixel * count // pixels), ((pixel + 1) * count - 1) // pixels
    return range(min(first, last), last + 1)


def lowest_by_pixel(values: Values, pixels: int) -> Values:
    """(pixels,) the lowest of the values that share each pixel, nan where all are nan; each value has its pixels."""
    row = np.full(pixels, np.nan)
    for index, value in enumerate(values):
        first, end = pixel_of(index, len(values), pixels)
        row[first:end] = np.fmin(row[first:end], value)
    return row


def worst_at(values: Values, pixel: int, pixels: int) -> int:
    """The slice to show for a pixel: of those that share it the one with the lowest value, or the first."""
    slices = slices_at(pixel, len(values), pixels)
    known = [index for index in slices if np.isfinite(values[index])]
    return min(known, key=lambda index: (values[index], index), default=slices[0])
