"""`segment` with a model whose answer is known: grids, directions, labels, stopping, models that cannot be used."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from segmentation.toys import BRIGHT, GREY, SPACING, balls, save_toy, toy_model, toy_plan

from napari_medssl.errors import BadInput, Cancelled
from napari_medssl.metrics import dice
from napari_medssl.segmentation import load_model, segment
from napari_medssl.volumes import Geometry, Volume


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_MEDSSL_MODELS", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [
        ((16, 32, 32), SPACING),  # the model's own
        ((15, 31, 33), SPACING),
        ((32, 64, 64), (1.0, 0.5, 0.5)),
        ((11, 27, 43), (2.9, 1.2, 0.75)),
        ((14, 30, 31), (2.0, 1.0, 1.0)),  # smaller than the patch
    ],
)
def test_labels_come_back_on_the_scans_own_grid_with_their_values(shape, spacing):
    scan = balls(shape, spacing)
    found = segment(scan.array, model=toy_model(), spacing=spacing, device="cpu", probability=True)
    assert found.labels.shape == shape
    assert found.labels.dtype == np.uint8
    assert set(np.unique(found.labels)) == {0, GREY, BRIGHT}
    assert found.names == {BRIGHT: "ball"}
    for label in (GREY, BRIGHT):
        assert dice(found.labels, scan.labels, label) > 0.78  # the working grid's voxels are coarse
    # nothing is shifted; only the bright ball's blurred rim is grey, so it has no say in where the grey ball is
    middles = [np.argwhere(labels == BRIGHT).mean(0) * spacing for labels in (found.labels, scan.labels)]
    assert np.abs(middles[0] - middles[1]).max() < 0.15  # mm
    assert found.probability.shape == shape
    agree = (found.probability > 0.5) == (found.labels > 0)
    assert agree.mean() > 0.999  # two outputs can share what the background lacks
    assert 0 <= found.probability.min() <= found.probability.max() <= 1


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 1), (1, 200, 2)])
def test_tiny_and_odd_scans_are_no_trouble(shape):
    found = segment(np.random.default_rng(0).normal(size=shape), model=toy_model(), spacing=(3, 0.7, 0.7))
    assert found.labels.shape == shape


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
@pytest.mark.parametrize("flips", [(), (0,), (1, 2), (0, 1, 2)])
def test_a_scan_stored_another_way_round_is_seen_the_same_way_up(order, flips):
    # A network with an opinion on directions: it only sees what is bright towards the patient's left.
    model = toy_model()
    network = model.network
    network.down[0].conv2.conv.weight.zero_()
    network.down[0].conv2.conv.weight[0, 0, 0, 1, 2] = 1
    scan = balls()
    upright = Volume(scan.array, Geometry.from_spacing(SPACING))
    want = segment(upright, model=model).labels
    axes = np.eye(3)[::-1]  # directions of z, y, x in (x, y, z)
    array, directions = scan.array.transpose(order), axes[list(order)]
    array = np.flip(array, flips)
    directions = directions * np.where(np.isin(range(3), flips), -1, 1)[:, None]
    spacing = tuple(SPACING[axis] for axis in order)
    geometry = Geometry(spacing[::-1], (0, 0, 0), tuple(directions[::-1].T.ravel()))
    found = segment(Volume(array, geometry), model=model)
    assert found.labels.any()
    np.testing.assert_array_equal(found.labels, np.flip(want.transpose(order), flips))


def test_progress_is_told_and_it_stops_within_a_window():
    scan, told, asked = balls((16, 32, 80)), [], []

    def tell(done, total):
        told.append((done, total))

    segment(scan.array, model=toy_model(), spacing=SPACING, on_progress=tell)
    assert told == [(n, 4) for n in range(1, 5)]

    def cancelled():
        asked.append(len(told))
        return told[4:] == [(1, 4)] and asked[-3:] == [5, 5, 5]  # the third question after the first window

    with pytest.raises(Cancelled):
        segment(scan.array, model=toy_model(), spacing=SPACING, on_progress=tell, cancelled=cancelled)
    assert told[4:] == [(1, 4)]


def test_a_lazy_array_is_read_slice_by_slice():
    import dask.array

    scan = balls()
    lazy = dask.array.from_array(scan.array, chunks=(1, -1, -1))
    plain = segment(scan.array, model=toy_model(), spacing=SPACING).labels
    np.testing.assert_array_equal(segment(lazy, model=toy_model(), spacing=SPACING).labels, plain)


def test_what_cannot_be_used_is_refused():
    scan = balls()
    with pytest.raises(BadInput, match="spacing"):
        segment(scan.array, model=toy_model())
    with pytest.raises(BadInput, match="dimensions"):
        segment(scan.array[0], model=toy_model(), spacing=SPACING)
    with pytest.raises(BadInput, match="spacing"):
        segment(Volume(scan.array, Geometry.from_spacing(SPACING)), model=toy_model(), spacing=(1, 1, 1))
    with pytest.raises(BadInput, match="complex"):
        segment(scan.array * 1j, model=toy_model(), spacing=SPACING)


def test_a_model_on_the_shelf_is_loaded_once_and_anew_when_its_file_changes(shelf):
    save_toy(shelf)
    model = load_model("toy", "cpu")
    assert load_model("toy", "cpu") is model
    assert model.plan == toy_plan()
    assert not model.network.training
    scan = balls()
    by_name = segment(scan.array, model="toy", spacing=SPACING, device="cpu").labels
    np.testing.assert_array_equal(by_name, segment(scan.array, model=toy_model(), spacing=SPACING).labels)
    save_toy(shelf, title="Another")
    assert load_model("toy", "cpu") is not model


def test_models_that_do_not_fit_are_refused(shelf):
    save_toy(shelf, "other", purpose="propagation")
    with pytest.raises(BadInput, match="propagation"):
        load_model("other", "cpu")
    save_toy(shelf, "wide", settings=toy_plan().model_copy(update={"channels": (4,)}).model_dump(mode="json"))
    save_toy(shelf, "empty", settings={})
    for name in ("wide", "empty"):
        with pytest.raises(BadInput, match="does not fit"):
            load_model(name, "cpu")
    with pytest.raises(BadInput, match="no model"):
        load_model("nowhere", "cpu")


def test_a_card_in_json_brings_back_the_plan(shelf):
    card = save_toy(shelf)
    assert json.loads((shelf / "toy.json").read_text())["settings"]["names"] == {"7": "ball"}
    assert card.purpose == "segmentation"


def test_nothing_of_the_callers_random_state_or_gradients_changes(shelf):
    save_toy(shelf, "fresh")
    torch.manual_seed(5)
    before = torch.get_rng_state()
    segment(balls().array, model="fresh", spacing=SPACING)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.is_grad_enabled()
