"""Balls, hard and soft, against the sums and maxima as they are written."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medssl.tubes import refine, soft_balls
from napari_medssl.tubes.balls import depth_in_balls


def away(shape: tuple[int, ...], centre: np.ndarray, steps: tuple[float, ...]) -> np.ndarray:
    """Squared distances of all voxels from one."""
    grid = np.moveaxis(np.indices(shape), 0, -1)
    return (((grid - centre) * steps) ** 2).sum(-1)


def literal_sum(
    p: np.ndarray, z: np.ndarray, threshold: float, steps: tuple[float, ...] = (1.0, 1.0, 1.0)
) -> np.ndarray:
    """The refined map of the seed, c_u and Phi spelt out."""
    total = np.zeros(p.shape)
    for u in np.argwhere(p > threshold):
        p_u, z_u = float(p[tuple(u)]), float(z[tuple(u)])
        if z_u == 0:
            total[tuple(u)] += p_u
            continue
        covariance = (z_u / 3) ** 2 * np.eye(3)
        c = np.sqrt((2 * np.pi) ** 3 * np.linalg.det(covariance))
        phi = np.exp(-away(p.shape, u, steps) / (2 * (z_u / 3) ** 2)) / np.sqrt(
            (2 * np.pi) ** 3 * np.linalg.det(covariance)
        )
        total += p_u * c * phi
    return total


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(((1.0, 1.0, 1.0), (2.5, 0.7, 0.5))))
def test_the_papers_map_is_the_literal_sum(seed: int, steps: tuple[float, float, float]) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(3, 12, 3))
    p = rng.random(shape).astype(np.float32)
    z = rng.choice([0, 0, 1, 2, 3.3, 6, 40], shape).astype(np.float32)
    result = refine(p, z, spacing=steps, mode="paper", skeleton_threshold=0.9)
    np.testing.assert_allclose(result.refined, literal_sum(p, z, 0.9, steps), rtol=1e-5, atol=1e-30)
    np.testing.assert_array_equal(result.skeleton, p > 0.9)
    np.testing.assert_array_equal(result.labels, result.refined > 0.5)


@pytest.mark.parametrize("dense", [False, True])
def test_large_problems_lose_less_than_they_may(monkeypatch: pytest.MonkeyPatch, dense: bool) -> None:
    rng = np.random.default_rng(3)
    z = rng.choice([0, 1, 2, 5], (40, 45, 50)).astype(np.float32)
    p = (rng.random(z.shape) if dense else 0.99 * (rng.random(z.shape) > 0.999)).astype(np.float32)
    whole = refine(p, z, mode="paper", skeleton_threshold=0.98).refined
    monkeypatch.setattr(soft_balls, "_WHOLE", 0.0)
    monkeypatch.setattr(soft_balls, "_BLOCK", 16)
    blocks = refine(p, z, mode="paper", skeleton_threshold=0.98).refined
    np.testing.assert_allclose(blocks, whole, rtol=1e-5, atol=4e-5)
    there = whole > 0.3
    np.testing.assert_allclose(blocks[there], whole[there], rtol=1e-4)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(((1.0, 1.0, 1.0), (5.0, 0.5, 0.7))), st.floats(0, 3))
def test_the_depth_in_balls_is_exact(seed: int, steps: tuple[float, float, float], reach: float) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 14, 3))
    count = int(rng.integers(1, 12))
    centres = np.stack([rng.integers(0, n, count) for n in shape], axis=1)
    radii = rng.choice([0.25, 1.0, 2.5, 4.0, 60.0], count)
    expected = np.max([r - np.sqrt(away(shape, u, steps)) for u, r in zip(centres, radii, strict=True)], axis=0)
    found = depth_in_balls(shape, centres, radii, steps, reach)
    near = expected >= -reach + 1e-4
    np.testing.assert_allclose(found[near], expected[near], atol=1e-4)
    assert np.isneginf(found[expected < -reach - 1e-4]).all()


def test_no_balls_no_depth() -> None:
    assert np.isneginf(depth_in_balls((2, 3, 4), np.zeros((0, 3), int), np.zeros(0), (1, 1, 1), 1.0)).all()
