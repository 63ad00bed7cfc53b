"""Finding tubes in a whole scan: block by block as in one go, on the scan's own grid, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_medssl import tubes
from napari_medssl.errors import BadInput, Cancelled
from napari_medssl.tubes import inference
from napari_medssl.tubes.model import TubePlan
from napari_medssl.tubes.networks import build_network
from napari_medssl.volumes import Geometry, Volume
from tests.tubes.toys import CLASS, PLAN, rods, save_toy, toy_model


def test_bright_and_dark_rods_are_found_each_by_its_polarity():
    scan = rods()
    bright = tubes.segment(scan, model=toy_model()).probability > 0.5
    dark = tubes.segment(scan, model=toy_model(), polarity="dark").probability > 0.5
    np.testing.assert_array_equal(bright, scan > 200)
    np.testing.assert_array_equal(dark, scan < -200)


def test_a_model_of_ones_own_scans_is_not_inverted():
    scan = rods()
    found = [tubes.segment(scan, model=toy_model(tubes="own"), polarity=p).probability for p in ("bright", "dark")]
    np.testing.assert_array_equal(*found)


def test_blocks_agree_with_one_look(monkeypatch):
    scan = rods((40, 70, 90))
    whole = tubes.segment(scan, model=toy_model(), spacing=(1, 0.9, 0.9))
    monkeypatch.setattr(inference, "_USUAL_SIDE", 48)
    model, told = toy_model(), []
    parts = tubes.segment(scan, model=model, spacing=(1, 0.9, 0.9), on_progress=lambda *now: told.append(now))
    count = len(model.network.shapes)
    assert count > 8
    assert max(max(shape) for shape in model.network.shapes) <= 48
    assert told == [(done, count) for done in range(1, count + 1)]
    np.testing.assert_allclose(parts.probability, whole.probability, atol=1e-4)
    np.testing.assert_allclose(parts.radius, whole.radius, atol=1e-4)


@pytest.mark.parametrize("close_up", [0, 8])
def test_a_real_network_sees_the_same_in_blocks_as_in_one(monkeypatch, close_up):
    plan = TubePlan(widths=(4, 4), classes=3, tubes="bright", window=24, close_up=close_up)
    torch.manual_seed(0)
    network = build_network(plan).eval().requires_grad_(False)
    model = tubes.TubeModel(network, plan, torch.device("cpu"))
    scan = rods((20, 40, 96))
    whole = tubes.segment(scan, model=model)
    monkeypatch.setattr(inference, "_USUAL_SIDE", 64)
    parts = tubes.segment(scan, model=model)
    np.testing.assert_allclose(parts.probability, whole.probability, atol=2e-3)  # bfloat16 where the machine has it


def test_looking_mirrored_too_a_mirrored_scan_has_the_mirrored_answer():
    torch.manual_seed(0)
    plan = TubePlan(widths=(4, 4), classes=3, tubes="bright", window=16)
    network = build_network(plan).eval().requires_grad_(False)
    scan = np.random.default_rng(0).normal(size=(16, 16, 16)).astype(np.float32)

    def unlike(mirrored):
        model = tubes.TubeModel(network, plan.model_copy(update={"mirrored": mirrored}), torch.device("cpu"))
        one, two = (tubes.segment(array, model=model) for array in (scan, np.flip(scan).copy()))
        pairs = (one.probability, two.probability), (one.radius, two.radius)
        return max(np.abs(np.flip(a) - b).max() for a, b in pairs)

    assert unlike(True) < 1e-5 < 1e-2 < unlike(False)


@pytest.mark.parametrize("scales", [1, 2])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 0.7, 0.7), (5.0, 0.5, 0.5)])
def test_the_radius_is_in_mm_of_the_finest_side(spacing, scales):
    scan = rods()
    found = tubes.segment(scan, spacing=spacing, model=toy_model(scales=scales))
    assert found.probability.shape == found.radius.shape == scan.shape
    assert found.probability.dtype == found.radius.dtype == np.float32
    inside = found.probability > 0.5
    dice = 2 * (inside & (scan > 200)).sum() / (inside.sum() + (scan > 200).sum())
    assert dice > 0.85
    assert CLASS * min(spacing) <= np.median(found.radius[scan > 200]) + 1e-3
    if scales == 1:
        np.testing.assert_allclose(found.radius[inside], CLASS * min(spacing), rtol=1e-3)


def test_small_scans_are_looked_at_in_twice_the_resolution():
    model = toy_model(finer_below=0.05, scales=2)
    found = tubes.segment(rods(), model=model, spacing=(2, 2, 2))  # 38,400 voxels
    assert model.network.shapes == [(12, 20, 20), (24, 40, 40), (48, 80, 80)]
    np.testing.assert_array_equal(found.probability[:, :, 2:-2] > 0.9, rods()[:, :, 2:-2] > 200)
    larger = toy_model(finer_below=0.03)
    tubes.segment(rods(), model=larger)
    assert larger.network.shapes == [(24, 40, 40)]


def test_no_look_is_coarser_than_any_vessel():
    model = toy_model(scales=3)
    tubes.segment(rods(), model=model, spacing=(1.5, 1.5, 1.5))
    assert model.network.shapes == [(12, 20, 20), (24, 40, 40)]  # 3 mm and 1.5 mm, and not 6 mm


def test_a_coarse_look_is_trusted_to_the_wall_of_thick_tubes_alone():
    y, x = np.mgrid[:40, :60].astype(np.float32)
    inside = np.maximum(6 - np.hypot(y - 20, x - 20), 1.3 - np.hypot(y - 20, x - 50))
    size = np.repeat(np.maximum(inside, 0)[None], 20, 0)
    chance = (size > 0).astype(np.float32)
    trust = inference._trust(chance, size, 2.8)
    assert (trust[:, :, :40][chance[:, :, :40] > 0] == 1).all()
    assert (trust[:, :, 40:] == 0).all()


def test_thick_slices_are_looked_at_more_finely():
    model = toy_model()
    tubes.segment(rods((10, 32, 32)), spacing=(4.0, 1.0, 1.0), model=model)
    assert model.network.shapes == [(25, 32, 32)]  # 40 mm at 1.6 mm


def test_a_volume_brings_its_spacing():
    volume = Volume(rods(), Geometry.from_spacing((2.0, 1.5, 1.5)))
    assert tubes.segment(volume, model=toy_model()).radius.max() == pytest.approx(3.0, rel=1e-3)
    with pytest.raises(BadInput, match="is not that of the scan"):
        tubes.segment(volume, spacing=(1, 1, 1), model=toy_model())


def test_constant_scans_nan_and_flat_ones_are_no_trouble():
    odd = rods().astype(np.float32)
    odd[0, 0, :5] = np.nan, np.inf, -np.inf, 1e30, np.nan
    for scan in (np.zeros((9, 9, 9)), odd, rods((1, 20, 20)), np.ones((3, 3, 3), bool)):
        found = tubes.segment(scan, model=toy_model())
        assert np.isfinite(found.probability).all()
        assert np.isfinite(found.radius).all()


def test_it_stops_when_told_and_between_blocks():
    with pytest.raises(Cancelled):
        tubes.segment(rods(), model=toy_model(), cancelled=lambda: True)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"spacing": (1, 1)}, "three numbers"),
        ({"spacing": (1, 0, 1)}, "three numbers"),
        ({"polarity": "grey"}, "bright or dark"),
        ({"volume": np.zeros((3, 3))}, "three dimensions"),
        ({"volume": np.zeros((3, 3, 3), complex)}, "complex"),
        ({"model": "nobody"}, "no model 'nobody'"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(change, sentence):
    given = {"volume": rods(), "model": toy_model(), **change}
    with pytest.raises(BadInput, match=sentence):
        tubes.segment(given.pop("volume"), **given)


def test_a_model_comes_from_the_shelf(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_MEDSSL_MODELS", str(tmp_path))
    save_toy(tmp_path)
    loaded = tubes.load_model("toy", "cpu")
    assert loaded.plan == PLAN
    found = tubes.segment(rods(), model="toy", device="cpu").probability > 0.5
    np.testing.assert_array_equal(found, rods() > 200)
    save_toy(tmp_path, "other", purpose="segmentation")
    with pytest.raises(BadInput, match="is for segmentation, not for tubes"):
        tubes.load_model("other")
