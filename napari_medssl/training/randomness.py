"""Randomness as a function of (seed, step, index), so that resuming and worker counts change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def generator(*keys: int) -> np.random.Generator:
    """A numpy generator that depends on the keys alone, such as (seed, step, index)."""
    return np.random.default_rng([abs(int(key)) for key in keys])


def torch_generator(*keys: int) -> torch.Generator:
    """A torch CPU generator that depends on the keys alone."""
    import torch

    return torch.Generator().manual_seed(int(generator(*keys).integers(2**62)))
