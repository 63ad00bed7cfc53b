"""The loss against its formulas."""

from __future__ import annotations

import numpy as np
import torch

from napari_medssl.segmentation.losses import overlap_terms


def drawn(n=4, outputs=3, shape=(3, 4, 5)):
    make = torch.Generator().manual_seed(0)
    return torch.randn(n, outputs, *shape, generator=make), torch.randint(0, outputs, (n, *shape), generator=make)


def test_dice_and_cross_entropy_are_those_of_the_formulas():
    logits, truth = drawn()
    dice, entropy = overlap_terms(logits, truth)
    p = np.exp(logits.numpy().astype(float))
    p /= p.sum(1, keepdims=True)
    t = np.stack([(truth.numpy() == label) for label in range(3)], 1)
    both, each = (p * t).sum((2, 3, 4)), (p + t).sum((2, 3, 4))
    np.testing.assert_allclose(float(dice.value), 1 - (2 * both / each)[:, 1:].mean(), atol=1e-5)
    np.testing.assert_allclose(float(entropy.value), -np.log(p[t]).mean(), atol=1e-5)
    assert dice.samples == entropy.samples == 4


def test_a_batch_may_be_split_between_processes():
    logits, truth = drawn()
    whole = overlap_terms(logits, truth)
    parts = [overlap_terms(logits[:1], truth[:1]), overlap_terms(logits[1:], truth[1:])]
    for place, term in enumerate(whole):
        split = sum(part[place].value * part[place].samples for part in parts) / 4
        torch.testing.assert_close(split, term.value)


def test_16_bits_and_small_integers_will_do():
    logits, truth = drawn()
    small = overlap_terms(logits.bfloat16(), truth.to(torch.uint8))
    for term, want in zip(small, overlap_terms(logits, truth), strict=True):
        assert term.value.dtype == torch.float32
        torch.testing.assert_close(term.value, want.value, atol=0.01, rtol=0)
