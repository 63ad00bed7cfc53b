from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_medssl.strategies.mixing import draw_weights, mix
from napari_medssl.strategies.targets import averaged, ramp, sharpen


@given(st.floats(0, 1), st.floats(0.1, 1))
def test_sharpening_is_the_formula(p: float, temperature: float) -> None:
    above, below = p ** (1 / temperature), (1 - p) ** (1 / temperature)
    found = float(sharpen(torch.tensor(p, dtype=torch.float64), temperature))
    assert found == pytest.approx(above / (above + below), abs=1e-9)


def test_sharpening_keeps_a_half_and_moves_others_outwards() -> None:
    found = sharpen(torch.tensor([0.0, 0.3, 0.5, 0.7, 1.0]), 0.7)
    assert found[2] == 0.5
    assert 0 < found[1] < 0.3
    assert 0.7 < found[3] < 1
    assert found.isfinite().all()


@given(st.floats(0.01, 0.99), st.floats(0.05, 0.95), st.floats(0.1, 0.95))
def test_sharpening_moves_away_from_its_pivot(p: float, pivot: float, temperature: float) -> None:
    found = float(sharpen(torch.tensor(p, dtype=torch.float64), temperature, pivot))
    assert np.sign(round(found - p, 9)) in (0, np.sign(p - pivot))
    at_pivot = sharpen(torch.tensor(pivot, dtype=torch.float64), temperature, pivot)
    assert float(at_pivot) == pytest.approx(pivot, abs=1e-9)


def test_a_mean_over_looks() -> None:
    torch.testing.assert_close(
        averaged([torch.tensor([0.0, 1.0]), torch.tensor([0.5, 0.5])]), torch.tensor([0.25, 0.75])
    )


@pytest.mark.parametrize(("done", "length", "weight"), [(0, 0.5, 0), (0.25, 0.5, 0.5), (0.9, 0.5, 1), (0, 0, 1)])
def test_the_ramp(done: float, length: float, weight: float) -> None:
    assert ramp(done, length) == weight


def test_mixing_weights_favour_the_first_and_follow_the_beta_distribution() -> None:
    weights = draw_weights(np.random.default_rng(0), 0.2, 20_000)
    assert weights.min() >= 0.5
    assert weights.max() <= 1
    drawn = np.random.default_rng(1).beta(0.2, 0.2, 200_000)
    assert weights.mean() == pytest.approx(np.maximum(drawn, 1 - drawn).mean(), abs=0.005)
    assert (draw_weights(np.random.default_rng(0), 0, 5) == 1).all()


def test_mixing_is_a_weighted_mean_of_each_sample() -> None:
    first, second, weights = torch.rand(3, 1, 4, 4, 4), torch.rand(3, 1, 4, 4, 4), torch.tensor([1.0, 0.75, 0.5])
    found = mix(first, second, weights)
    for index, weight in enumerate(weights.tolist()):
        torch.testing.assert_close(found[index], weight * first[index] + (1 - weight) * second[index])
