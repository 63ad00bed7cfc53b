"""How well a detector finds nodules: LUNA16's free-response ROC and its mean sensitivity.

Setio et al., Validation, comparison, and combination of algorithms for automatic detection of pulmonary nodules in
computed tomography images: the LUNA16 challenge, Medical Image Analysis 42 (2017), section 3.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medssl.errors import BadInput

RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # false positives a scan at which the sensitivity is asked for
UNMEASURED_MM = 10.0  # LUNA16's diameter of a finding without one
Array = NDArray[np.float64]
_AT_ONCE = 5_000_000  # marks of bootstrap samples that are counted at once


@dataclass(frozen=True)
class Froc:
    """Sensitivity against false positives.

    Attributes
    ----------
    thresholds : falling; a mark counts if its score is at least that. The first is infinite: no mark counts
    false_positives : of each threshold, a scan
    sensitivity : of each threshold, the share of all nodules that are found
    sensitivities : at `RATES` false positives a scan, between thresholds by linear interpolation
    low, high : band of each of those, of the scans drawn anew with replacement; nan without bootstrap
    cpm : mean of the sensitivities
    cpm_low, cpm_high : its band
    scans, nodules, hits, marks : how many there were; `hits` at the lowest threshold, `marks` without those dropped
    doubles : marks beyond the most probable one of a nodule, which count nowhere
    irrelevant : marks on irrelevant findings, which count nowhere
    """

    thresholds: Array
    false_positives: Array
    sensitivity: Array
    sensitivities: Array
    low: Array
    high: Array
    cpm: float
    cpm_low: float
    cpm_high: float
    scans: int
    nodules: int
    hits: int
    marks: int
    doubles: int
    irrelevant: int


def froc(
    predictions: Mapping[str, ArrayLike],
    truth: Mapping[str, ArrayLike],
    scans: Sequence[str],
    *,
    irrelevant: Mapping[str, ArrayLike] | None = None,
    bootstraps: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Froc:
    """The free-response ROC as LUNA16 defines it.

    A mark hits a nodule when it lies nearer to its centre than half of its diameter. Of several marks on a nodule the
    most probable one counts, and the others count nowhere, as do marks on irrelevant findings that hit no nodule. A
    missed nodule stays in the denominator. All other marks are false positives, counted over all scans.

    Parameters
    ----------
    predictions : {scan: (n, 4) rows of x, y, z in mm and score}
    truth : {scan: (n, 4) rows of x, y, z in mm and diameter in mm}
    scans : every scan that was judged, those without nodules too; what others hold is left out
    irrelevant : as truth; a diameter that is nan or negative counts as 10 mm
    bootstraps : how often the scans are drawn anew for the bands; 0 for none
    confidence : of the bands
    seed : of the drawing

    Raises
    ------
    BadInput
        No scan, one that is named twice, no nodule in them, or rows that are not four numbers.
    """
    names = list(scans)
    if not names or len(set(names)) < len(names):
        raise BadInput("There must be at least one scan, and each must be named once.")
    judged = [
        _judge(
            _rows(predictions, name, "findings"),
            _rows(truth, name, "nodules", measured=True),
            _rows(irrelevant or {}, name, "irrelevant findings"),
        )
        for name in names
    ]
    nodules = np.array([one.nodules for one in judged])
    if not nodules.any():
        raise BadInput("None of the scans has a nodule, so no sensitivity can be stated.")
    scores = np.concatenate([part for one in judged for part in (one.hits, one.false)])
    owner = np.repeat(np.arange(len(names)), [len(one.hits) + len(one.false) for one in judged])
    hit = np.concatenate([[flag] * len(part) for one in judged for flag, part in ((1, one.hits), (0, one.false))])
    order = np.argsort(-scores, kind="stable")
    marks = _Marks(scores[order], owner[order], hit[order].astype(float))
    fps, sens = marks.curve(np.ones((1, len(names))), nodules)
    at_rates = _at_rates(fps[0], sens[0])
    bands = np.full((2, len(RATES) + 1), np.nan)
    if bootstraps:
        drawn = np.array(list(_bootstrap(marks, nodules, bootstraps, seed)))
        if len(drawn):
            tails = [50 * (1 - confidence), 50 * (1 + confidence)]
            bands = np.percentile(np.column_stack([drawn, drawn.mean(axis=1)]), tails, axis=0)
    return Froc(
        thresholds=np.concatenate([[np.inf], marks.scores[marks.last]]),
        false_positives=fps[0], sensitivity=sens[0], sensitivities=at_rates,
        low=bands[0, :-1], high=bands[1, :-1],
        cpm=float(at_rates.mean()), cpm_low=float(bands[0, -1]), cpm_high=float(bands[1, -1]),
        scans=len(names), nodules=int(nodules.sum()), hits=int(hit.sum()), marks=len(scores),
        doubles=sum(one.doubles for one in judged), irrelevant=sum(one.irrelevant for one in judged),
    )  # fmt: skip


def cpm(
    predictions: Mapping[str, ArrayLike],
    truth: Mapping[str, ArrayLike],
    scans: Sequence[str],
    *,
    irrelevant: Mapping[str, ArrayLike] | None = None,
) -> float:
    """LUNA16's score: the mean sensitivity at 1/8, 1/4, 1/2, 1, 2, 4 and 8 false positives a scan; see `froc`."""
    return froc(predictions, truth, scans, irrelevant=irrelevant, bootstraps=0).cpm


@dataclass(frozen=True)
class _Judged:
    """One scan: scores of its hits (one a found nodule) and of its false positives, and what was dropped."""

    nodules: int
    hits: Array
    false: Array
    doubles: int
    irrelevant: int


def _judge(marks: Array, nodules: Array, irrelevant: Array) -> _Judged:
    on_nodule, on_irrelevant = _within(marks, nodules), _within(marks, irrelevant)
    best = np.where(on_nodule, marks[:, 3, None], -np.inf).max(axis=0, initial=-np.inf)
    free = ~on_nodule.any(axis=1)
    dropped = free & on_irrelevant.any(axis=1)
    doubles = int(np.maximum(on_nodule.sum(axis=0) - 1, 0).sum())
    return _Judged(len(nodules), best[np.isfinite(best)], marks[free & ~dropped, 3], doubles, int(dropped.sum()))


def _within(marks: Array, balls: Array) -> NDArray[np.bool_]:
    """(marks, balls): whether the mark lies in the ball, its surface left out."""
    apart = ((marks[:, None, :3] - balls[None, :, :3]) ** 2).sum(axis=-1)
    near: NDArray[np.bool_] = apart < (balls[:, 3] / 2) ** 2
    return near


def _rows(table: Mapping[str, ArrayLike], name: str, what: str, *, measured: bool = False) -> Array:
    given = np.asarray(table.get(name, ()), dtype=float)
    rows = given.reshape(-1, 4) if given.size == 0 else given
    if rows.ndim != 2 or rows.shape[1] != 4:
        raise BadInput(f"The {what} of {name} must be rows of four numbers, not of the shape {given.shape}.")
    if what == "irrelevant findings":
        rows = rows.copy()
        rows[~(rows[:, 3] > 0), 3] = UNMEASURED_MM
    if not np.isfinite(rows).all():
        raise BadInput(f"The {what} of {name} hold values that are no finite numbers.")
    if measured and len(rows) and rows[:, 3].min() <= 0:
        raise BadInput(f"The {what} of {name} hold a diameter that is not above 0.")
    return rows


class _Marks:
    """Hits and false positives of all scans, the most probable first."""

    def __init__(self, scores: Array, owner: NDArray[np.integer], hit: Array) -> None:
        self.scores, self.owner, self.hit = scores, owner, hit
        # Marks of one score count together: a threshold cannot tell them apart.
        self.last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True)) if len(scores) else np.zeros(0, int)

    def curve(self, times: Array, nodules: NDArray[np.integer]) -> tuple[Array, Array]:
        """False positives a scan and sensitivity at each threshold, when scan s is there `times`[:, s] times.

        Both of shape (samples, thresholds + 1), beginning where no mark counts.
        """
        weights = times[:, self.owner]
        found = np.cumsum(weights * self.hit, axis=1)[:, self.last]
        wrong = np.cumsum(weights * (1 - self.hit), axis=1)[:, self.last]
        start = np.zeros((len(times), 1))
        fps = np.concatenate([start, wrong], axis=1) / times.sum(axis=1, keepdims=True)
        return fps, np.concatenate([start, found], axis=1) / (times @ nodules)[:, None]


def _at_rates(fps: Array, sensitivity: Array) -> Array:
    # Where several thresholds have the same false positives np.interp takes the last, which is the most sensitive one.
    return np.interp(RATES, fps, sensitivity)


def _bootstrap(marks: _Marks, nodules: NDArray[np.integer], count: int, seed: int) -> list[Array]:
    """Sensitivities at `RATES` of `count` samples of scans; samples without a nodule have none and are left out."""
    scans = len(nodules)
    drawn = np.random.default_rng(seed).integers(scans, size=(count, scans))
    batch = max(1, _AT_ONCE // max(len(marks.scores), scans))
    found: list[Array] = []
    for start in range(0, count, batch):
        times = np.stack([np.bincount(one, minlength=scans) for one in drawn[start : start + batch]]).astype(float)
        times = times[times @ nodules > 0]
        found += [_at_rates(*pair) for pair in zip(*marks.curve(times, nodules), strict=True)] if len(times) else []
    return found
