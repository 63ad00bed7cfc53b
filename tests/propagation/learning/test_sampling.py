import pickle

import numpy as np
import pytest
import torch

from napari_medssl.propagation.learning.made import made_blobs, made_phantoms
from napari_medssl.propagation.learning.sampling import PairSampler, TrainingVolume, disturb


def ramp(shape=(12, 40, 50)):
    """A volume whose value tells the slice it came from."""
    y, x = np.indices(shape[1:])
    pattern = np.sin(y / 3) + np.cos(x / 4)
    return np.stack([pattern + 10 * z for z in range(shape[0])]).astype(np.float32)


def test_pairs_are_as_far_apart_as_asked_and_the_same_for_the_same_key():
    volume = TrainingVolume(ramp(), (10.0, 1.0, 1.0))
    sampler = PairSampler([volume], 32, (2, 3), cut=(24, 40))
    rng = np.random.default_rng(0)
    gaps = {abs(np.subtract(*sampler._pair(12, rng))) for _ in range(50)}
    assert gaps == {2, 3}
    assert sampler._pair(2, rng) is None
    first, second = (sampler.draw(np.random.default_rng(7))[0] for _ in range(2))
    assert torch.equal(first, second)
    assert first.shape == (2, 32, 32)
    assert 0 <= first.min() < first.max() <= 1


def test_labels_are_cut_out_with_their_image():
    for volume in (*made_blobs(1, seed=1), *made_phantoms(1, seed=1)):
        flat = TrainingVolume(volume.labels.astype(np.float32), volume.spacing, volume.labels)
        images, labels = PairSampler([flat], 48, (1, 2), cut=(40, 60)).draw(np.random.default_rng(3))
        assert labels is not None
        assert labels.shape == images.shape == (2, 48, 48)
        # the image is the label map itself, so brighter pixels must be higher labels, but for interpolated edges
        values = [images[labels == label].median() for label in labels.unique()]
        assert values == sorted(values)


def test_a_volume_with_nothing_in_it_is_not_drawn_from_for_ever():
    empty = TrainingVolume(np.zeros((8, 40, 40), np.float32), (1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match="no pair"):
        PairSampler([empty], 32).draw(np.random.default_rng(0))


def test_disturbing_changes_each_image_its_own_way_within_the_range():
    images = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0)).repeat(3, 1, 1, 1)
    keys = torch.tensor([5, 6, 7])
    changed = disturb(images, keys)
    assert 0 <= changed.min() <= changed.max() <= 1
    assert not torch.allclose(changed[0], changed[1], atol=0.01)
    assert torch.equal(changed, disturb(images, keys))
    assert torch.equal(changed[1:2], disturb(images[1:2], keys[1:2]))  # whatever else is in the batch


def test_made_volumes_are_made_once_when_first_asked_for_and_travel_light():
    volumes = made_blobs(500, seed=2)
    assert len(volumes) == 500
    assert volumes[3] is volumes[3]
    assert volumes[3].labels.max() > 0
    sent = pickle.dumps(volumes)
    assert len(sent) < 2000
    assert np.array_equal(pickle.loads(sent)[3].array, volumes[3].array)
    assert not np.array_equal(volumes[4].array, volumes[3].array)
    with pytest.raises(IndexError):
        volumes[500]
