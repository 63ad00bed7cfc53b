"""Regions of scans, blocks of them, and chains of slices through what they hold."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_medssl.propagation.learning.appearance import new_greys, stretched, varied, worn
from napari_medssl.propagation.learning.blocks import region_blocks
from napari_medssl.propagation.learning.chains import ChainSampler, Source
from napari_medssl.propagation.learning.regions import regions
from napari_medssl.propagation.learning.sampling import TrainingVolume
from napari_medssl.volumes.phantoms import blobs


@pytest.fixture(scope="module")
def scene() -> tuple[np.ndarray, np.ndarray]:
    """Two bright boxes and a ball in noise, and their true labels."""
    rng = np.random.default_rng(0)
    truth = np.zeros((32, 48, 48), dtype=np.uint8)
    truth[6:26, 6:20, 6:40] = 1
    z, y, x = np.indices(truth.shape)
    truth[(z - 16) ** 2 + (y - 34) ** 2 + (x - 24) ** 2 < 10**2] = 2
    image = np.choose(truth, [0.2, 0.6, 0.9]) + rng.normal(0, 0.02, truth.shape)
    return image.astype(np.float32), truth


def test_regions_are_bounded_by_the_edges_of_the_image(scene: tuple[np.ndarray, np.ndarray]) -> None:
    image, truth = scene
    found = regions(image, (1, 1, 1), size=3, count=60, rng=np.random.default_rng(1))
    assert found.shape == truth.shape
    assert set(np.unique(found)) == set(range(1, int(found.max()) + 1))
    assert 3 <= found.max() <= 400
    # Regions that lie mostly in a structure make it up, but for a voxel at the edge.
    for label in (1, 2):
        inside = np.bincount(found.ravel(), truth.ravel() == label) / np.maximum(np.bincount(found.ravel()), 1)
        covered = (inside > 0.5)[found]
        assert 2 * (covered & (truth == label)).sum() / (covered.sum() + (truth == label).sum()) > 0.85


def test_regions_are_connected_and_depend_on_the_random_numbers_alone(scene: tuple[np.ndarray, np.ndarray]) -> None:
    image, _ = scene
    found = regions(image, (1, 1, 1), size=4, count=20, rng=np.random.default_rng(1))
    again = regions(image, (1, 1, 1), size=4, count=20, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(found, again)
    for number in range(1, int(found.max()) + 1):
        assert ndimage.label(found == number, np.ones((3, 3, 3)))[1] == 1


def test_a_scan_that_shows_nothing_is_one_region() -> None:
    assert regions(np.zeros((6, 8, 8)), (1, 1, 1), size=3, count=5, rng=np.random.default_rng(0)).max() == 1


def test_blocks_travel_to_other_processes_and_are_made_anew_there_alike(scene: tuple[np.ndarray, np.ndarray]) -> None:
    blocks = region_blocks([TrainingVolume(scene[0], (2.0, 1.0, 1.0))], 2, seed=3)
    first = blocks[0]
    assert first.ragged
    assert first.labels is not None
    assert first.array.shape == first.labels.shape == scene[0].shape
    there = pickle.loads(pickle.dumps(blocks))[0]
    np.testing.assert_array_equal(there.labels, first.labels)
    assert len(region_blocks([], 5, seed=0)) == 0


def sampler(*sources: Source, length: int = 5) -> ChainSampler:
    return ChainSampler(list(sources), length=length, side=48, across=(1 / 3, 34 / 48))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_chains_hold_images_and_masks_that_start_with_something(seed: int) -> None:
    volumes = [TrainingVolume(image, (1.0, 1.0, 1.0), labels) for image, labels in MADE]
    images, masks, start = sampler(Source(volumes, 1, 0.5)).draw(np.random.default_rng(seed))
    assert images.shape == masks.shape == (5, 48, 48)
    assert 0 <= images.min() <= images.max() <= 1
    assert set(masks.unique().tolist()) <= {0.0, 1.0}
    assert masks[0].sum() >= 60
    assert start.shape == (48, 48)
    assert start.any()
    again = sampler(Source(volumes, 1, 0.5)).draw(np.random.default_rng(seed))
    assert torch.equal(again[0], images)
    assert torch.equal(again[1], masks)
    assert torch.equal(again[2], start)


MADE = [blobs((16, 48, 48), seed=seed) for seed in range(2)]


def test_masks_lie_on_what_the_images_show(scene: tuple[np.ndarray, np.ndarray]) -> None:
    volume = TrainingVolume(100 * scene[0], (1.0, 1.0, 1.0), scene[1])
    chains = sampler(Source([volume], 1))
    for seed in range(12):
        images, masks, _ = chains.draw(np.random.default_rng(seed))
        inside = images[0][masks[0] > 0]
        ring = torch.nn.functional.max_pool2d(masks[:1, None], 9, 1, 4)[0, 0] - masks[0]
        around = images[0][ring > 0]
        assert abs(float(inside.median() - around.median())) > 0.1


def test_sources_without_volumes_and_structures_too_small_are_passed_over() -> None:
    nothing = TrainingVolume(np.zeros((8, 20, 20)), (1.0, 1.0, 1.0), np.zeros((8, 20, 20), dtype=np.uint8))
    with pytest.raises(ValueError, match="no structure"):
        sampler(Source([nothing], 1), Source([], 5)).draw(np.random.default_rng(0))


def test_new_greys_are_even_within_a_region_but_for_texture() -> None:
    labels = torch.zeros(3, 20, 20, dtype=torch.int32)
    labels[:, 5:15, 5:15] = 7
    images = torch.rand(3, 1, 20, 20)
    for seed in range(5):
        painted = new_greys(images, labels, np.random.default_rng(seed))
        core, rest = painted[:, 0, 8:12, 8:12], painted[:, 0, :3, :3]
        assert core.std() < 0.25
        assert rest.std() < 0.25
    assert not torch.equal(painted, images)


def test_worn_masks_stay_near_what_they_were() -> None:
    masks = torch.zeros(40, 1, 64, 64)
    masks[:, :, 20:44, 16:50] = 1
    found = worn(masks, np.random.default_rng(0))
    overlap = 2 * (found * masks).sum((1, 2, 3)) / (found + masks).sum((1, 2, 3))
    assert overlap.min() > 0.6
    assert 10 <= int((overlap == 1).sum()) <= 30


def test_stretching_takes_its_range_from_the_drawn_slice() -> None:
    images = torch.stack([torch.linspace(0, 10, 100).reshape(1, 10, 10), torch.full((1, 10, 10), 50.0)])
    found = stretched(images, np.random.default_rng(0))
    assert found is not None
    assert found[0].min() == 0
    assert (found[1] == 1).all()
    assert stretched(torch.zeros(2, 1, 10, 10), np.random.default_rng(0)) is None
    assert varied(found, np.random.default_rng(1)).min() >= 0
