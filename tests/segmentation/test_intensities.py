"""Grey values: one window for CT, each scan's own for the rest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medssl.segmentation.intensities import Intensities, Scale, decide, looks_like_ct, sample_of, scale_of


def ct(seed=0):
    rng = np.random.default_rng(seed)
    array = rng.normal(40, 20, (20, 30, 30))
    array[:, :8] = -1000
    array[:, 10:12, 10:12] = 900
    return array.astype(np.int16)


def mr(seed=0):
    array = np.random.default_rng(seed).gamma(4, 100, (20, 30, 30))
    array[:, :10] = 0
    return array.astype(np.int16)


def test_ct_is_told_from_mr_by_its_values():
    assert looks_like_ct(ct())
    assert not looks_like_ct(mr())
    assert not looks_like_ct((ct() + 1024).astype(np.uint16))


def test_most_scans_decide_and_ct_gets_the_window_of_its_structures():
    inside = np.array([30.0, 50, 60, np.nan])
    assert decide([True, False, False], inside) == Intensities(kind="scan")
    fixed = decide([True, True, False], inside).fixed
    assert fixed == scale_of(inside[:3])


def test_a_scale_clips_to_percentiles_and_takes_mean_and_spread_of_the_rest():
    values = np.arange(1001.0)
    scale = scale_of(values)
    clipped = np.clip(values, 5, 995)
    assert (scale.low, scale.high) == (5, 995)
    np.testing.assert_allclose([scale.mean, scale.spread], [clipped.mean(), clipped.std()])
    np.testing.assert_allclose(
        scale.apply(np.array([-9e9, 5, np.nan, 500, np.inf])),
        (np.array([5, 5, 5, 500, 995]) - scale.mean) / scale.spread,
        rtol=1e-6,
    )


@given(st.floats(0.01, 100))
def test_mr_looks_the_same_whatever_its_scanner_multiplies_by(factor):
    how = Intensities(kind="scan")
    array = mr().astype(np.float64)
    plain, stronger = (how.scale_for(a).apply(a) for a in (array, array * factor))
    np.testing.assert_allclose(plain, stronger, atol=1e-4)
    masked = plain[array != 0]
    assert abs(masked.mean()) < 0.01
    assert abs(masked.std() - 1) < 0.01


@pytest.mark.parametrize("array", [np.zeros((2, 3, 3)), np.full((2, 3, 3), 7.0), np.full((2, 3, 3), np.nan)])
def test_flat_scans_come_out_as_zeros(array):
    assert not Intensities(kind="scan").scale_for(array).apply(array).any()


def test_ct_keeps_its_scale_in_every_scan():
    fixed = Scale(low=-100, high=300, mean=50, spread=80)
    how = Intensities(kind="fixed", fixed=fixed)
    assert how.scale_for(ct(1)) == how.scale_for(ct(2) + 100) == fixed


def test_of_a_large_scan_a_sample_is_looked_at():
    class Counted:
        shape, dtype, asked = (1000, 2000, 2000), np.dtype(np.int16), 0

        def __getitem__(self, z):
            Counted.asked += 1
            return np.full((2000, 2000), z, np.int16)

    values = sample_of(Counted())
    assert Counted.asked == 48
    assert values.size <= 48 * 300**2
    assert (values.min(), values.max()) == (0, 999)
