import numpy as np
import pytest
import torch

from napari_medssl.propagation.sampling import PairSampler, TrainingVolume, disturb, make_blobs, make_phantoms


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
    for volume in (*make_blobs(1, (12, 64, 64), seed=1, labels=2), *make_phantoms(1, seed=1)):
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
    changed = disturb(images, torch.Generator().manual_seed(1))
    assert 0 <= changed.min() <= changed.max() <= 1
    assert not torch.allclose(changed[0], changed[1], atol=0.01)
    assert torch.equal(changed, disturb(images, torch.Generator().manual_seed(1)))
