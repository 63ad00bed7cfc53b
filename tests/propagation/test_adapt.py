import numpy as np
import pytest
import torch

from napari_medssl.errors import Cancelled
from napari_medssl.propagation import propagate
from napari_medssl.propagation.adapt import adapt
from napari_medssl.propagation.load import load_model
from napari_medssl.propagation.seeds import collect_seeds
from napari_medssl.propagation.slices import Slices
from napari_medssl.volumes.phantoms import blobs


@pytest.fixture(scope="module")
def scene():
    image, truth = blobs((10, 64, 64), seed=4, n_labels=1)
    seeds = np.zeros_like(truth)
    index = int(truth.sum((1, 2)).argmax())
    seeds[index] = truth[index]
    return image, seeds


def test_a_copy_is_fitted_and_the_shelfs_model_stays_as_it_is(scene):
    image, seeds = scene
    model = load_model("default", "cpu")
    before = {key: value.clone() for key, value in model.network.state_dict().items()}
    slices = Slices(image, 0, (1.0, 1.0, 1.0))
    fitted = adapt(model, slices, collect_seeds(seeds).drawn, seconds=1.0)
    after = model.network.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert any(not torch.equal(before[key], value) for key, value in fitted.network.state_dict().items())
    assert not any(parameter.requires_grad for parameter in fitted.network.parameters())


def test_it_can_be_cancelled_and_has_nothing_to_learn_from_one_slice_or_an_empty_scan(scene):
    image, seeds = scene
    model, drawn = load_model("default", "cpu"), collect_seeds(seeds).drawn
    with pytest.raises(Cancelled):
        adapt(model, Slices(image, 0, (1.0, 1.0, 1.0)), drawn, seconds=60, cancelled=lambda: True)
    assert adapt(model, Slices(np.zeros_like(image), 0, (1.0, 1.0, 1.0)), drawn, seconds=60) is model
    index = next(iter(drawn[1]))
    one = Slices(image[index : index + 1], 0, (1.0, 1.0, 1.0))
    assert adapt(model, one, {1: {0: drawn[1][index]}}, seconds=60) is model


def test_propagation_takes_the_time_it_is_given_and_cancelling_it_keeps_the_drawing(scene):
    image, seeds = scene
    result = propagate(image, seeds, adapt_seconds=1.0, device="cpu")
    assert result.complete
    assert result.seconds >= 1
    result = propagate(image, seeds, adapt_seconds=60.0, cancelled=lambda: True, device="cpu")
    assert not result.complete
    np.testing.assert_array_equal(result.labels, seeds)
