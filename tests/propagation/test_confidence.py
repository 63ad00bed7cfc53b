import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from napari_medssl.metrics import dice
from napari_medssl.propagation import propagate
from napari_medssl.propagation.confidence import agreement, confidence
from napari_medssl.volumes.phantoms import abdomen


def test_agreement_is_the_dice_of_two_masks_and_soft_in_between():
    mask = torch.zeros(8, 8)
    mask[2:6, 2:6] = 1
    moved = torch.roll(mask, 2, 1)
    assert agreement(mask, mask) == 1
    assert agreement(mask, moved) == pytest.approx(0.5)
    assert agreement(mask, 1 - mask) == 0
    assert agreement(mask, mask / 2) == pytest.approx(2 * 8 / 24)
    assert agreement(torch.zeros(8, 8), torch.zeros(8, 8)) == 0


def test_confidence_falls_with_every_disagreement():
    assert confidence(1.0) == 1
    assert confidence(0.0) == 0
    assert confidence(0.9 * 0.8) < confidence(0.9)


def test_confidence_ranks_the_slices_of_an_organ_by_how_right_they_are():
    phantom = abdomen((32, 72, 72), (9.0, 4.2, 4.2), seed=3)
    liver = phantom.labels == 1
    seeds = np.zeros_like(phantom.labels)
    drawn = int(liver.sum((1, 2)).argmax())
    seeds[drawn] = liver[drawn]
    result = propagate(phantom.volume, seeds, verification="none", device="cpu")
    values = result.confidence[1]
    reached = [i for i in np.flatnonzero(np.isfinite(values)) if i != drawn]
    truth = [float(dice(result.labels[i] == 1, liver[i])) for i in reached]
    assert spearmanr(values[reached], truth).statistic > 0.5
