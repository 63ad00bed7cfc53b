"""Arithmetic for curves: fewer points than a run has steps, smoother ones, and round numbers at the axes. No Qt."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.floating[Any]]


def thin(x: Numbers, y: Numbers, most: int) -> tuple[Numbers, Numbers]:
    """At most about `most` of the points, with the lowest and the highest of each stretch, so that no peak is lost.

    `x` rises; both (n,).
    """
    if len(x) <= most or most < 4:
        return x, y
    stretches = np.array_split(np.arange(len(x)), most // 2)
    kept = []
    for stretch in stretches:
        values = y[stretch]
        kept += [stretch[int(np.argmin(values))], stretch[int(np.argmax(values))]]
    kept += [0, len(x) - 1]
    order = np.unique(kept)
    return x[order], y[order]


def smooth(y: Numbers, span: float) -> Numbers:
    """A straight line fitted to about `span` points around each (fewer at the ends), read at that point.

    In the middle that is their mean; at the ends, unlike a mean, it does not lag behind a curve that falls.
    """
    here = np.arange(len(y))
    first, last = np.maximum(here - int(span) // 2, 0), np.minimum(here + int(span) // 2, len(y) - 1) + 1
    count = last - first

    def over(values: Numbers) -> Numbers:
        sums = np.concatenate([[0.0], np.cumsum(values)])
        return np.asarray(sums[last] - sums[first])

    middle = (first + last - 1) / 2
    mean = over(y) / count
    spread = count * (count**2 - 1) / 12  # sum of (x - middle)² over `count` neighbours
    slope = (over(here * y) - middle * count * mean) / np.where(count > 1, spread, 1)
    return np.asarray(mean + slope * (here - middle))


def usable(x: Numbers, y: Numbers, log: bool) -> tuple[Numbers, Numbers]:
    """The points that can be drawn: finite, and above 0 on a logarithmic scale."""
    fine = np.isfinite(x) & np.isfinite(y)
    if log:
        fine &= np.where(np.isfinite(y), y, 0) > 0
    return x[fine], y[fine]


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) within low..high, at most `most` or so."""
    if not (np.isfinite(low) and np.isfinite(high)) or high <= low:
        return [float(low)]
    rough = (high - low) / max(1, most)
    power = 10.0 ** np.floor(np.log10(rough))
    step = next((power * times for times in (1, 2, 5) if power * times >= rough), power * 10)
    first = np.ceil(low / step - 1e-9)
    count = int(np.floor(high / step + 1e-9) - first) + 1
    decimals = max(0, 2 - int(np.floor(np.log10(step))))  # since 3 * 0.1 is not 0.3
    return [float(round(number, decimals)) for number in (first + np.arange(max(0, count))) * step]


def log_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers within low..high (above 0) for a logarithmic scale: powers of ten, or 1, 2 and 5 times them."""
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for times in ((1, 2, 5), (1,)):
        found = [float(f"{p * t:.3g}") for p in powers for t in times if low * 0.999 <= p * t <= high * 1.001]
        if 2 <= len(found) <= most + 2:
            return found
    if len(found) > most:
        return found[:: -(-len(found) // most)]
    return [float(f"{value:.3g}") for value in np.geomspace(low, high, 3)]


def number_text(value: float) -> str:
    """A number for people: three or four figures."""
    if not np.isfinite(value):
        return "-"
    size = abs(value)
    if size >= 1e5 or 0 < size < 1e-3:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    return f"{value:.4g}" if size < 1e3 else f"{value:.0f}"
