"""The losses of the deep distance transform against literal double loops over voxels and classes."""

from __future__ import annotations

from math import exp, log

import pytest
import torch

from napari_medssl.tubes.learning.losses import (
    balanced_cross_entropy,
    cldice_loss,
    distance_loss,
    overlap_loss,
    skeleton_recall_loss,
    soft_skeleton,
)

K = 4


def drawn(n=2, shape=(3, 4, 5), seed=0):
    """Logits of the mask, logits of classes 0..K, the mask, and classes that are 0 outside it."""
    make = torch.Generator().manual_seed(seed)
    truth = torch.rand(n, *shape, generator=make) < 0.4
    classes = torch.randint(0, K + 1, (n, *shape), generator=make) * truth
    assert (classes[truth] == 0).any()
    assert (classes == K).any()
    return (
        2 * torch.randn(n, *shape, generator=make),
        2 * torch.randn(n, K + 1, *shape, generator=make),
        truth,
        classes.to(torch.uint8),
    )


def literal_cross_entropy(logits, truth):
    """(3), voxel by voxel, of one sample."""
    y = [int(v) for v in truth.flatten()]
    p = [1 / (1 + exp(-float(v))) for v in logits.flatten()]
    beta_p, beta_n = 0.5 / sum(y), 0.5 / sum(1 - v for v in y)
    return -sum(beta_p * y_v * log(p_v) + beta_n * (1 - y_v) * log(1 - p_v) for y_v, p_v in zip(y, p, strict=True))


def literal_distance(logits, classes, truth, lam, first):
    """(4), voxel by voxel and class by class, of one sample; `first` is where k begins."""
    y = [int(v) for v in truth.flatten()]
    z = [int(v) for v in classes.flatten()]
    scores = logits.flatten(1).T.double().tolist()
    total = 0.0
    for z_v, y_v, a in zip(z, y, scores, strict=True):
        if not y_v:
            continue  # only needed where k begins at 0: the background has class 0 and is no tube
        parts = [exp(v) for v in a]
        g = [v / sum(parts) for v in parts]
        omega = abs(g.index(max(g)) - z_v) / K
        for k in range(first, K + 1):
            total += (z_v == k) * (log(g[k]) + lam * omega * log(1 - max(g)))
    return -0.5 / sum(y) * total


def test_formula_3_is_the_sum_over_voxels():
    logits, _, truth, _ = drawn()
    want = sum(literal_cross_entropy(*pair) for pair in zip(logits, truth, strict=True)) / len(logits)
    assert float(balanced_cross_entropy(logits, truth)) == pytest.approx(want, rel=1e-5)


@pytest.mark.parametrize("lam", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("skip_surface", [True, False])
def test_formula_4_is_the_sum_over_voxels_and_classes(lam, skip_surface):
    _, logits, truth, classes = drawn()
    first = 1 if skip_surface else 0
    samples = zip(logits, classes, truth, strict=True)
    want = sum(literal_distance(*sample, lam, first) for sample in samples) / len(logits)
    found = distance_loss(logits, classes, truth, far_off=lam, skip_surface=skip_surface)
    assert float(found) == pytest.approx(want, rel=1e-5)


def test_background_and_by_the_formula_surface_voxels_have_no_part_in_4():
    _, logits, truth, classes = drawn()
    logits.requires_grad_()
    distance_loss(logits, classes, truth).backward()
    moved = logits.grad.abs().sum(1) > 0
    assert torch.equal(moved, truth & (classes > 0))


def test_classes_beyond_the_largest_count_as_the_largest():
    _, logits, truth, classes = drawn()
    more = torch.where(classes == K, torch.tensor(K + 9, dtype=torch.uint8), classes)
    torch.testing.assert_close(distance_loss(logits, more, truth), distance_loss(logits, classes, truth))


def test_without_tubes_the_rest_is_learnt_and_nothing_is_nan():
    mask, distances, truth, classes = drawn()
    none = torch.zeros_like(truth)
    assert float(distance_loss(distances, classes, none)) == 0
    want = 0.5 * torch.nn.functional.softplus(mask).mean()
    torch.testing.assert_close(balanced_cross_entropy(mask, none), want)


@pytest.mark.parametrize("far", [80.0, 1e4])
def test_a_network_that_is_certain_gets_finite_gradients(far):
    mask, distances, truth, classes = drawn()
    mask, distances = (mask * far).requires_grad_(), (distances * far).requires_grad_()
    (balanced_cross_entropy(mask, truth) + distance_loss(distances, classes, truth)).backward()
    assert mask.grad.isfinite().all()
    assert distances.grad.isfinite().all()


@pytest.mark.parametrize("loss", [balanced_cross_entropy, overlap_loss, cldice_loss, skeleton_recall_loss])
def test_a_batch_may_be_split_between_processes(loss):
    logits, _, truth, _ = drawn(shape=(8, 8, 8))
    torch.testing.assert_close((loss(logits[:1], truth[:1]) + loss(logits[1:], truth[1:])) / 2, loss(logits, truth))


def bar(thick=3, length=15):
    mask = torch.zeros(1, 1, 11, 11, length)
    half = thick // 2
    mask[..., 5 - half : 6 + half, 5 - half : 6 + half, :] = 1
    return mask


def test_the_soft_skeleton_of_a_bar_is_its_middle():
    skeleton = soft_skeleton(bar(5), 4)[0, 0]
    middle = torch.zeros_like(skeleton)
    middle[5, 5, :] = 1
    assert torch.equal(skeleton[:, :, 4:-4] > 0.5, middle[:, :, 4:-4] > 0.5)


def test_cldice_sees_a_gap_that_dice_hardly_sees():
    truth = bar(3)[0]
    whole = (truth - 0.5) * 20
    gap = whole.clone()
    gap[..., 7] = -10.0
    thin = whole.clone()
    thin[:, 4] = -10.0  # as many voxels away as along the gap, three times over, but the middle stays
    assert float(cldice_loss(whole, truth)) == pytest.approx(0, abs=0.02)
    assert float(cldice_loss(gap, truth)) > float(cldice_loss(whole, truth)) + 0.02
    assert float(overlap_loss(thin, truth)) > float(overlap_loss(gap, truth))
    assert float(cldice_loss(thin, truth)) < float(cldice_loss(gap, truth))


def test_skeleton_recall_counts_only_what_is_missed_of_the_skeleton():
    skeleton = bar(1)[0].bool()
    everywhere, nowhere = torch.full(skeleton.shape, 20.0), torch.full(skeleton.shape, -20.0)
    half = torch.where(torch.arange(15) < 7, everywhere, nowhere)
    assert float(skeleton_recall_loss(everywhere, skeleton)) == pytest.approx(0, abs=1e-5)
    assert float(skeleton_recall_loss(half, skeleton)) == pytest.approx(1 - (7 + 1) / (15 + 1), abs=1e-4)
