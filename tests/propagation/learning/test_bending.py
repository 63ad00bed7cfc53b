"""Chains made of one drawn slice."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medssl.propagation.learning.bending import bent_chain

SIDE = 64


def drawn() -> tuple[torch.Tensor, torch.Tensor]:
    mask = torch.zeros(1, SIDE, SIDE)
    mask[:, 20:44, 16:50] = 1
    return 0.2 + 0.6 * mask, mask


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_image_and_mask_bend_together_and_further_with_each_slice(seed: int) -> None:
    image, mask = drawn()
    images, masks = bent_chain(image, mask, 5, np.random.default_rng(seed))
    assert images.shape == masks.shape == (5, 1, SIDE, SIDE)
    torch.testing.assert_close(images[0], image, atol=1e-4, rtol=0)
    assert torch.equal(masks[0], mask)
    # The structure is what is brighter than halfway, on every slice.
    assert ((images > 0.5).float() - masks).abs().mean() < 0.01
    overlap = [float(2 * (found * mask).sum() / (found + mask).sum()) for found in masks]
    assert min(overlap) > 0.5
    assert overlap[4] <= overlap[1] + 0.05


def test_the_bend_is_that_of_the_random_numbers() -> None:
    image, mask = drawn()
    first, again, other = (bent_chain(image, mask, 3, np.random.default_rng(seed))[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
