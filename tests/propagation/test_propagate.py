"""Propagation as people script it, with the shipped model, on volumes whose truth is known."""

import numpy as np
import pytest

from napari_medssl.errors import BadInput
from napari_medssl.metrics import dice
from napari_medssl.propagation import iter_propagate, propagate
from napari_medssl.volumes import Geometry, Volume


def balls(shape=(20, 64, 64)):
    """Two bright balls of other brightness that drift from slice to slice, on a noisy background."""
    z, y, x = np.indices(shape).astype(float)
    first = ((z - 10) / 8) ** 2 + ((y - 22 - 0.4 * z) / 12) ** 2 + ((x - 20) / 11) ** 2 < 1
    second = ((z - 9) / 7) ** 2 + ((y - 38) / 11) ** 2 + ((x - 46 + 0.3 * z) / 10) ** 2 < 1
    truth = np.where(first, 1, np.where(second, 2, 0)).astype(np.uint8)
    image = np.choose(truth, [100.0, 400.0, 250.0]) + np.random.default_rng(0).normal(0, 12, shape)
    return image.astype(np.float32), truth


@pytest.fixture(scope="module")
def scene():
    return balls()


def only(truth, slices, labels=(1, 2)):
    seeds = np.zeros_like(truth)
    for label in labels:
        for index in slices:
            seeds[index][truth[index] == label] = label
    return seeds


def test_one_drawn_slice_becomes_the_volume(scene):
    image, truth = scene
    result = propagate(image, only(truth, [10]), verification="none", device="cpu")
    assert result.complete
    assert dice(result.labels == 1, truth == 1) > 0.85
    assert dice(result.labels == 2, truth == 2) > 0.85
    np.testing.assert_array_equal(result.labels[10], truth[10])
    assert result.labels.dtype == truth.dtype


def test_confidence_is_one_at_seeds_nan_where_not_reached_and_between_elsewhere(scene):
    image, truth = scene
    result = propagate(image, only(truth, [10]), slice_range=(6, 15), device="cpu")
    for label in (1, 2):
        values = result.confidence[label]
        assert values[10] == 1
        assert np.isnan(values[:6]).all()
        assert np.isnan(values[15:]).all()
        assert ((values[6:15] >= 0) & (values[6:15] <= 1)).all()
    assert not result.labels[:6].any()
    assert not result.labels[15:].any()


def test_seeds_come_back_exactly_even_against_neighbours_and_outside_the_range(scene):
    image, truth = scene
    seeds = only(truth, [4, 10, 16])
    rng = np.random.default_rng(1)
    seeds[10][rng.random(seeds[10].shape) < 0.02] = 2  # a drawing only its author understands
    result = propagate(image, seeds, slice_range=(3, 13), device="cpu")
    for index in (4, 10, 16):
        np.testing.assert_array_equal(result.labels[index], seeds[index])


def test_several_seeds_are_fused_between_them_and_no_worse_than_one(scene):
    image, truth = scene
    one = propagate(image, only(truth, [10]), device="cpu")
    three = propagate(image, only(truth, [5, 10, 15]), device="cpu")
    assert dice(three.labels == 1, truth == 1) >= dice(one.labels == 1, truth == 1) - 0.005


def test_an_empty_seed_slice_is_a_stop(scene):
    image, truth = scene
    result = propagate(image, only(truth, [10], labels=[1]), seed_slices={1: [10, 13]}, device="cpu")
    assert result.labels[12].any()
    assert not result.labels[13:].any()
    assert result.confidence[1][13] == 1


def test_other_axes_give_what_a_turned_volume_gives(scene):
    image, truth = scene
    drawn = np.zeros_like(truth)
    drawn[:, :, 20] = np.where(truth[:, :, 20] == 1, 1, 0)
    sideways = propagate(image, drawn, axis=2, spacing=(2.0, 1.0, 1.0), device="cpu")
    turned = propagate(
        np.moveaxis(image, 2, 0), np.moveaxis(drawn, 2, 0), axis=0, spacing=(1.0, 2.0, 1.0), device="cpu"
    )
    np.testing.assert_array_equal(np.moveaxis(sideways.labels, 2, 0), turned.labels)
    assert sideways.confidence[1].shape == (64,)


def test_slices_stream_and_the_last_ones_are_the_result(scene):
    image, truth = scene
    seeds = only(truth, [5, 14])
    collected = np.zeros_like(seeds)
    progress = []
    for result in iter_propagate(image, seeds, device="cpu"):
        collected[result.index] = result.labels
        progress.append(result.done)
        assert 0 < result.done <= result.total
    np.testing.assert_array_equal(collected, propagate(image, seeds, device="cpu").labels)
    assert progress == sorted(progress)


def test_on_slice_sees_every_slice(scene):
    image, truth = scene
    seen = []
    result = propagate(image, only(truth, [10]), on_slice=seen.append, device="cpu")
    reached = np.flatnonzero(np.isfinite(result.confidence[1]) | np.isfinite(result.confidence[2]))
    assert sorted({slice_.index for slice_ in seen}) == reached.tolist()


def test_cancelling_keeps_what_was_done(scene):
    image, truth = scene
    done = []
    result = propagate(image, only(truth, [10]), on_slice=done.append, cancelled=lambda: len(done) >= 4, device="cpu")
    assert not result.complete
    assert len(done) == 4
    np.testing.assert_array_equal(result.labels[10], truth[10])
    assert result.labels[11].any()


def test_the_same_call_gives_the_same_result_and_leaves_the_input_alone(scene):
    image, truth = scene
    seeds = only(truth, [10])
    before = image.copy(), seeds.copy()
    first, second = (propagate(image, seeds, device="cpu").labels for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(seeds, before[1])


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float64, bool])
def test_any_numeric_volume_will_do(scene, dtype):
    image, truth = scene
    scaled = (image > 200) if dtype is bool else (image / 4).clip(0, 255).astype(dtype)
    result = propagate(scaled, only(truth, [10], labels=[1]), slice_range=(8, 13), device="cpu")
    assert dice(result.labels[8:13] == 1, truth[8:13] == 1) > 0.7


def test_nan_and_infinity_and_flat_slices_do_not_break_it(scene):
    image, truth = scene
    spoilt = image.copy()
    spoilt[12, 5:9] = np.nan
    spoilt[8, 0, 0] = np.inf
    spoilt[3] = 7.0
    result = propagate(spoilt, only(truth, [10]), device="cpu")
    assert dice(result.labels[5:15] == 1, truth[5:15] == 1) > 0.8


def test_a_lazy_volume_is_read_slice_by_slice(scene):
    image, truth = scene

    class Lazy:
        """Stands for a dask array: whole-array access would load everything."""

        def __init__(self, array):
            self.array, self.read = array, []
            self.shape, self.ndim, self.dtype = array.shape, array.ndim, array.dtype

        def __getitem__(self, index):
            self.read.append(index[-1])
            return self.array[index]

        def __array__(self, *args, **kwargs):
            raise AssertionError("the whole volume was loaded")

    lazy = Lazy(image)
    result = propagate(lazy, only(truth, [10]), slice_range=(8, 13), device="cpu")
    assert dice(result.labels[8:13] == 1, truth[8:13] == 1) > 0.8
    assert set(lazy.read) <= set(range(8, 13))


def test_a_volume_brings_its_spacing(scene):
    image, truth = scene
    volume = Volume(image, Geometry(spacing=(1.5, 1.5, 4.0)))
    with pytest.raises(BadInput, match="is not that of"):
        propagate(volume, only(truth, [10]), spacing=(1, 1, 1), device="cpu")
    by_volume = propagate(volume, only(truth, [10]), device="cpu")
    by_array = propagate(image, only(truth, [10]), spacing=(4.0, 1.5, 1.5), device="cpu")
    np.testing.assert_array_equal(by_volume.labels, by_array.labels)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"seeds": np.zeros((20, 64, 63), np.uint8)}, "they must be the same"),
        ({"seeds": np.zeros((20, 64, 64), np.float32)}, "whole-number labels"),
        ({"seeds": np.zeros((20, 64, 64), np.uint8)}, "Nothing is drawn"),
        ({"volume": np.zeros((20, 64))}, "three dimensions"),
        ({"spacing": (1, 0, 1)}, "three positive numbers"),
        ({"verification": "always"}, "Verification must be one of"),
        ({"model": "nothing-of-that-name"}, "There is no model"),
        ({"device": "abacus"}, "has no device 'abacus'"),
        ({"adapt_seconds": -1.0}, "adapt_seconds"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(scene, change, sentence):
    image, truth = scene
    arguments = {"volume": image, "seeds": only(truth, [10]), "device": "cpu"} | change
    with pytest.raises(BadInput, match=sentence):
        propagate(arguments.pop("volume"), arguments.pop("seeds"), **arguments)
