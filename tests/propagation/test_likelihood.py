"""How intensities speak for a structure, against histograms counted by hand."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_medssl.propagation.likelihood import BINS, REACH, log_likelihood_ratio


def scene(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    mask = np.zeros((48, 60), dtype=bool)
    mask[16:30, 20:38] = True
    image = np.where(mask, rng.normal(0.7, 0.05, mask.shape), rng.normal(0.3, 0.1, mask.shape)).clip(0, 1)
    return torch.from_numpy(image.astype(np.float32))[None, None], torch.from_numpy(mask.astype(np.float32))[None, None]


def test_the_ratio_is_that_of_smoothed_histograms_inside_and_around() -> None:
    image, mask = scene(0)
    found = log_likelihood_ratio(image, mask, image)[0, 0].numpy()
    pixels, inside = image[0, 0].numpy(), mask[0, 0].numpy() > 0
    # The box's sides are even, so that dilating at half resolution is dilating by twice as much.
    around = ndimage.binary_dilation(inside, np.ones((2 * REACH + 1, 2 * REACH + 1))) & ~inside
    bins = np.rint(pixels * (BINS - 1)).astype(int)
    offsets = np.arange(-4, 5)
    kernel = np.exp(-(offsets**2) / (2 * 1.5**2))
    shares = []
    for part in (inside, around):
        counts = np.bincount(bins[part], minlength=BINS) / part.sum()
        shares.append(np.convolve(np.pad(counts, 4, mode="edge"), kernel / kernel.sum(), mode="valid") + 2e-3)
    expected = np.clip(np.log(shares[0]) - np.log(shares[1]), -4, 4) / 4
    np.testing.assert_allclose(found, expected[bins], atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_exchanging_structure_and_surroundings_turns_the_sign_of_what_both_hold(seed: int) -> None:
    image, mask = scene(seed)
    ratio = log_likelihood_ratio(image, mask, image)
    assert ratio.min() >= -1
    assert ratio.max() <= 1
    assert ratio[mask > 0].mean() > 0.3
    assert ratio[mask == 0].mean() < -0.3


def test_each_of_a_batch_has_its_own_histograms_and_an_empty_mask_says_nothing() -> None:
    image, mask = scene(1)
    other, _ = scene(2)
    both = log_likelihood_ratio(torch.cat([image, other]), torch.cat([mask, 0 * mask]), torch.cat([image, other]))
    torch.testing.assert_close(both[:1], log_likelihood_ratio(image, mask, image))
    assert not both[1].any()
