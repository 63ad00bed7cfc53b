from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from napari_medssl.nodules.learning.mixup import Patches, mix_objects, mix_patches


def patches() -> Patches:
    torch.manual_seed(0)
    counted = torch.ones(3, 6, dtype=torch.bool)
    counted[0, 2] = False
    return Patches(torch.rand(3, 1, 8, 8, 8), torch.rand(3, 6), counted)


def test_patches_and_their_targets_are_mixed_alike() -> None:
    given, partners, weights = patches(), torch.tensor([1, 2, 0]), torch.tensor([0.9, 0.6, 1.0])
    found = mix_patches(given, partners, weights)
    for index, (partner, weight) in enumerate(zip(partners.tolist(), weights.tolist(), strict=True)):
        for name in ("images", "truth"):
            own, other = getattr(given, name)[index], getattr(given, name)[partner]
            torch.testing.assert_close(getattr(found, name)[index], weight * own + (1 - weight) * other)


def test_an_anchor_counts_where_it_counts_in_both_unless_the_partner_leaves_no_trace() -> None:
    found = mix_patches(patches(), torch.tensor([1, 0, 0]), torch.tensor([0.9, 0.9, 1.0]))
    assert found.counted[:, 2].tolist() == [False, False, True]
    assert found.counted[:, [0, 1, 3, 4, 5]].all()


def test_a_nodule_is_mixed_with_another_one_resized_to_its_size_and_targets_stay() -> None:
    rng = np.random.default_rng(0)
    images = torch.rand(2, 1, 24, 24, 24)
    balls = [np.array([[11.5, 11.5, 11.5, 8.0]]), np.array([[9.0, 12.0, 13.0, 4.0]])]
    found = mix_objects(images, images, balls, rng, 1.0, share=1.0)
    # 1.3 diameters: 10 voxels around the first one, 5 around the second one
    first, second = (slice(7, 17),) * 3, (slice(7, 12), slice(10, 15), slice(11, 16))
    for own, place, other, there in ((0, first, 1, second), (1, second, 0, first)):
        size = [part.stop - part.start for part in place]
        resized = F.interpolate(images[other][None, :, *there], size, mode="trilinear", align_corners=False)[0, 0]
        kept, mixed = images[own, 0][place], found[own, 0][place]
        if torch.equal(kept, mixed):
            continue  # it was its own partner
        weight = float(((mixed - resized) * (kept - resized)).sum() / ((kept - resized) ** 2).sum())
        assert 0.5 <= weight < 1
        torch.testing.assert_close(mixed, weight * kept + (1 - weight) * resized)
        outside = torch.ones(24, 24, 24, dtype=torch.bool)
        outside[place] = False
        assert torch.equal(found[own, 0][outside], images[own, 0][outside])
    assert not torch.equal(found, images)


def test_nodules_at_the_edge_and_lonely_ones_are_left_alone() -> None:
    images = torch.rand(2, 1, 16, 16, 16)
    for balls in ([np.array([[1.0, 8, 8, 6]]), np.array([[8.0, 8, 8, 4]])], [np.array([[8.0, 8, 8, 4]])], []):
        found = mix_objects(images, images, balls, np.random.default_rng(0), 1.0, share=1.0)
        assert torch.equal(found, images)
