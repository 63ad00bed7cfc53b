"""FROC and CPM: cases worked by hand, and LUNA16's rules written anew, mark by mark."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medssl.errors import BadInput
from napari_medssl.metrics import cpm, froc
from napari_medssl.metrics.froc import RATES

Table = dict[str, list[tuple[float, float, float, float]]]


def test_eight_scans_by_hand() -> None:
    """Two nodules, one found at 0.9; false positives at 0.95 and 0.5: 1/8 and 2/8 a scan."""
    scans = [f"s{i}" for i in range(8)]
    truth = {"s0": [(0, 0, 0, 10)], "s1": [(50, 0, 0, 6)]}
    found = {"s0": [(0, 0, 4.9, 0.9)], "s1": [(50, 3, 0, 0.5)], "s7": [(1, 2, 3, 0.95)]}  # 3 mm is not below 6 / 2
    result = froc(found, truth, scans, bootstraps=0)
    assert result.thresholds.tolist() == [math.inf, 0.95, 0.9, 0.5]
    assert result.false_positives.tolist() == [0, 0.125, 0.125, 0.25]
    assert result.sensitivity.tolist() == [0, 0, 0.5, 0.5]
    assert result.sensitivities.tolist() == [0.5] * 7
    assert (result.scans, result.nodules, result.hits, result.marks) == (8, 2, 1, 3)
    assert math.isnan(result.cpm_low)


def test_between_thresholds_by_hand() -> None:
    """One scan: from 0 false positives with nothing found to 1 with all: 1/8 of the way at 1/8."""
    result = froc({"a": [(0, 0, 0, 0.5), (90, 0, 0, 0.5)]}, {"a": [(0, 0, 0, 10)]}, ["a"], bootstraps=0)
    assert result.sensitivities.tolist() == [0.125, 0.25, 0.5, 1, 1, 1, 1]
    assert result.cpm == pytest.approx((0.125 + 0.25 + 0.5 + 4) / 7)


def test_double_marks_irrelevant_findings_and_misses_by_hand() -> None:
    truth = {"a": [(0, 0, 0, 10), (40, 0, 0, 10)], "b": [(0, 0, 0, 4)]}
    found = {
        "a": [(1, 0, 0, 0.3), (0, 1, 0, 0.8), (80, 0, 0, 0.9), (84.9, 0, 0, 0.9), (20, 0, 0, 0.7)],
        "c": [(0, 0, 0, 1.0)],
    }
    result = froc(found, truth, ["a", "b"], irrelevant={"a": [(80, 0, 0, -1)]}, bootstraps=0)
    assert (result.doubles, result.irrelevant, result.hits, result.marks) == (1, 2, 1, 2)
    assert result.thresholds.tolist() == [math.inf, 0.8, 0.7]
    assert result.sensitivity.tolist() == [0, 1 / 3, 1 / 3]
    assert result.false_positives.tolist() == [0, 0, 0.5]


def test_an_irrelevant_finding_does_not_take_a_hit_away() -> None:
    result = froc({"a": [(0, 0, 0, 1)]}, {"a": [(1, 0, 0, 4)]}, ["a"], irrelevant={"a": [(0, 0, 0, 4)]})
    assert (result.hits, result.irrelevant, result.cpm, result.cpm_low) == (1, 0, 1.0, 1.0)


def test_no_marks_at_all() -> None:
    result = froc({}, {"a": [(0, 0, 0, 4)]}, ["a", "b"])
    assert (result.cpm, result.cpm_high, result.thresholds.tolist()) == (0, 0, [math.inf])


# ---- LUNA16's rules, mark by mark and threshold by threshold


def by_brute_force(found: Table, truth: Table, irrelevant: Table, scans: list[str]) -> list[float]:
    """Sensitivity at each rate; scans may occur several times."""

    def at(threshold: float) -> tuple[float, float]:
        hits = wrong = total = 0
        for scan in scans:
            used = [mark for mark in found.get(scan, []) if mark[3] >= threshold]
            for nodule in truth.get(scan, []):
                total += 1
                hits += any(math.dist(mark[:3], nodule[:3]) < nodule[3] / 2 for mark in used)
            for mark in used:
                balls = truth.get(scan, []) + irrelevant.get(scan, [])
                wrong += all(math.dist(mark[:3], ball[:3]) >= (ball[3] if ball[3] > 0 else 10) / 2 for ball in balls)
        return wrong / len(scans), hits / total

    thresholds = sorted({mark[3] for scan in scans for mark in found.get(scan, [])}, reverse=True)
    points = [(0.0, 0.0), *map(at, thresholds)]
    answers = []
    for rate in RATES:
        before = max(point for point in points if point[0] <= rate)
        after = [point for point in points if point[0] > rate]
        if not after:
            answers.append(before[1])
        else:
            end = min(after)
            share = (rate - before[0]) / (end[0] - before[0])
            answers.append(before[1] + share * (end[1] - before[1]))
    return answers


PLACE = st.integers(0, 6)
MARK = st.tuples(PLACE, PLACE, st.just(0), st.sampled_from([0.1, 0.2, 0.5, 0.8, 0.9]))
BALL = st.tuples(PLACE, PLACE, st.just(0), st.sampled_from([2.0, 3.0, 5.0]))
SCANS = ["a", "b", "c"]
MARKS, BALLS = (st.dictionaries(st.sampled_from(SCANS), st.lists(one, max_size=8)) for one in (MARK, BALL))


@settings(max_examples=60, deadline=None)
@given(found=MARKS, truth=BALLS, irrelevant=BALLS)
def test_agrees_with_brute_force(found: Table, truth: Table, irrelevant: Table) -> None:
    if not any(truth.values()):
        truth = {"a": [(0, 0, 0, 3.0)]}
    result = froc(found, truth, SCANS, irrelevant=irrelevant, bootstraps=0)
    assert result.sensitivities == pytest.approx(by_brute_force(found, truth, irrelevant, SCANS))
    assert cpm(found, truth, SCANS, irrelevant=irrelevant) == result.cpm


def test_the_bootstrap_draws_scans() -> None:
    """The band is that of the brute force on the very scans that the seed draws."""
    rng = np.random.default_rng(3)
    scans = [f"s{i}" for i in range(7)]
    truth = {scan: [(10.0 * i, 0, 0, 6.0) for i in range(rng.integers(1, 4))] for scan in scans[:5]}
    found = {
        scan: [(10.0 * rng.integers(0, 6), 0, 0, float(rng.random())) for _ in range(rng.integers(0, 6))]
        for scan in scans
    }
    result = froc(found, truth, scans, bootstraps=100, seed=5)
    again = froc(found, truth, scans, bootstraps=100, seed=5)
    assert (result.low.tolist(), result.cpm_high) == (again.low.tolist(), again.cpm_high)
    draws = np.random.default_rng(5)
    samples = []
    for drawn in draws.integers(7, size=(100, 7)):
        if any(truth.get(scans[i]) for i in drawn):
            samples.append(by_brute_force(found, truth, {}, [scans[i] for i in drawn]))
    table = np.array(samples)
    assert result.low == pytest.approx(np.percentile(table, 2.5, axis=0))
    assert result.high == pytest.approx(np.percentile(table, 97.5, axis=0))
    assert result.cpm_low == pytest.approx(np.percentile(table.mean(axis=1), 2.5))
    assert result.cpm_low < result.cpm < result.cpm_high


@pytest.mark.parametrize(
    ("found", "truth", "scans", "words"),
    [
        ({}, {"a": [(0, 0, 0, 4)]}, [], "at least one scan"),
        ({}, {"a": [(0, 0, 0, 4)]}, ["a", "a"], "named once"),
        ({}, {"b": [(0, 0, 0, 4)]}, ["a"], "None of the scans has a nodule"),
        ({"a": [(0, 0, 0)]}, {"a": [(0, 0, 0, 4)]}, ["a"], "findings of a must be rows of four numbers"),
        ({"a": [(0, 0, 0, math.nan)]}, {"a": [(0, 0, 0, 4)]}, ["a"], "no finite numbers"),
        ({}, {"a": [(0, 0, 0, -1)]}, ["a"], "not above 0"),
    ],
)
def test_what_cannot_be_judged(found: Table, truth: Table, scans: list[str], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        froc(found, truth, scans)
