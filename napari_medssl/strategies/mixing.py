"""MixUp (Zhang et al., mixup: Beyond Empirical Risk Minimization, ICLR 2018) as MixMatch and FocalMix use it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


def draw_weights(rng: np.random.Generator, eta: float, count: int) -> NDArray[np.float32]:
    """Weights of the first of two: ``max(l, 1 - l)`` with ``l`` from Beta(eta, eta); (count,), 0.5 to 1.

    So the first sample always outweighs the second. With an `eta` of 0 nothing is mixed.
    """
    if eta <= 0:
        return np.ones(count, dtype=np.float32)
    drawn = rng.beta(eta, eta, count)
    return np.maximum(drawn, 1 - drawn).astype(np.float32)


def mix(first: Tensor, second: Tensor, weights: Tensor) -> Tensor:
    """``l a + (1 - l) b`` (formulas 12 and 13 of FocalMix) for tensors (n, ...) and weights (n,)."""
    shaped = weights.to(first.dtype).reshape(-1, *[1] * (first.ndim - 1))
    return shaped * first + (1 - shaped) * second
