import time

import numpy as np
import pytest
from scipy import ndimage

from napari_medssl.errors import BadInput
from napari_medssl.volumes.phantoms import abdomen, chest, scans

SMALL = {"shape": (32, 64, 64), "spacing": (9.0, 5.2, 5.2)}
TINY = {"shape": (16, 32, 32), "spacing": (18.0, 10.4, 10.4)}
FINE = {"shape": (72, 120, 120), "spacing": (4.0, 2.6, 2.6)}


@pytest.fixture(scope="module")
def belly():
    return abdomen(**FINE, seed=2)


@pytest.fixture(scope="module")
def thorax():
    return chest(**FINE, seed=2, nodules=8)


def organ(phantom, name):
    return phantom.labels == next(label for label, known in phantom.names.items() if known == name)


def middle(phantom, name):
    """The centre of an organ in LPS mm: x to the left, y to the back, z to the head."""
    return phantom.volume.geometry.world(np.argwhere(organ(phantom, name)).mean(axis=0))


@pytest.mark.parametrize("scan", [abdomen, chest])
def test_same_seed_same_bits_and_another_seed_another_patient(scan):
    first = scan(**TINY, seed=7)
    scans._anatomy.cache_clear()
    again, other = (scan(**TINY, seed=seed) for seed in (7, 8))
    np.testing.assert_array_equal(first.volume.array, again.volume.array)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert first.nodules == again.nodules
    assert (first.labels != other.labels).mean() > 0.02
    assert first.volume.array.dtype == np.int16
    assert first.labels.dtype == np.uint8


def test_painting_in_thin_slabs_changes_nothing(monkeypatch):
    whole = chest(**SMALL, seed=2, nodules=2)
    monkeypatch.setattr("napari_medssl.volumes.phantoms.canvas._SLAB_VOXELS", 5 * 64 * 64)
    parts = chest(**SMALL, seed=2, nodules=2)
    # The last bits of a matrix product may depend on its size.
    assert np.abs(whole.volume.array.astype(int) - parts.volume.array).max() <= 1
    assert (whole.labels != parts.labels).mean() < 1e-4


@pytest.mark.parametrize("scan", [abdomen, chest])
def test_spacing_does_not_change_the_patient(scan, belly, thorax):
    coarse = scan((24, 40, 40), (12.0, 7.8, 7.8), seed=2)
    fine = belly if scan is abdomen else thorax
    for label, name in coarse.names.items():
        share = (fine.labels == label).reshape(24, 3, 40, 3, 40, 3).mean(axis=(1, 3, 5))
        if name in ("lung vessels", "airway", "nodule"):
            continue  # finer than the coarse grid
        expected, found = share >= 0.5, coarse.labels == label
        assert 2 * (expected & found).sum() / (expected.sum() + found.sum()) > 0.88, name


def test_left_is_left_and_the_head_is_up(belly, thorax):
    assert middle(belly, "liver")[0] < -20
    assert middle(belly, "spleen")[0] > 50
    assert middle(belly, "right kidney")[0] < -35 < 35 < middle(belly, "left kidney")[0]
    assert middle(belly, "liver")[2] > middle(belly, "right kidney")[2] + 20
    assert middle(belly, "spine")[1] > middle(belly, "aorta")[1] + 10
    assert middle(thorax, "right lung")[0] < -30 < 30 < middle(thorax, "left lung")[0]
    assert middle(thorax, "heart")[0] > 5
    assert middle(thorax, "heart")[2] < middle(thorax, "airway")[2] - 40
    assert middle(thorax, "heart")[1] < middle(belly, "spine")[1]


def test_chest_and_abdomen_of_a_seed_are_one_patient(belly, thorax):
    """Where both scans overlap, their aortas lie at the same place in the world."""
    points = thorax.volume.geometry.world(np.argwhere(organ(thorax, "aorta")))
    index = np.round(belly.volume.geometry.indices(points)).astype(int)
    inside = ((index >= 0) & (index < belly.labels.shape)).all(axis=1)
    assert inside.sum() > 500
    found = organ(belly, "aorta")[tuple(index[inside].T)]
    assert found.mean() > 0.8


@pytest.mark.parametrize("seed", range(3))
def test_organs_have_believable_sizes_and_are_in_one_piece(seed):
    ml = {
        "liver": (800, 2000),
        "spleen": (60, 350),
        "right kidney": (70, 230),
        "left kidney": (70, 230),
        "aorta": (50, 140),
    }
    phantom = abdomen(**SMALL, seed=seed)
    for name, (low, high) in ml.items():
        mask = organ(phantom, name)
        assert low < mask.sum() * np.prod(SMALL["spacing"]) / 1000 < high, name
        pieces, _ = ndimage.label(mask, np.ones((3, 3, 3)))
        assert np.bincount(pieces.ravel())[1:].max() > 0.97 * mask.sum(), name
    phantom = chest(**SMALL, seed=seed, nodules=0)
    for name, (low, high) in {"right lung": (1000, 3500), "left lung": (800, 3000), "heart": (350, 900)}.items():
        assert low < organ(phantom, name).sum() * np.prod(SMALL["spacing"]) / 1000 < high, name


def test_hounsfield_units_of_organs(belly, thorax):
    expected = {
        "liver": (90, 125),
        "spleen": (105, 130),
        "right kidney": (135, 185),
        "left kidney": (135, 185),
        "aorta": (150, 195),
    }
    for phantom, ranges in ((belly, expected), (thorax, {"right lung": (-900, -760), "left lung": (-900, -760)})):
        for name, (low, high) in ranges.items():
            inner = ndimage.binary_erosion(organ(phantom, name))
            assert low < phantom.volume.array[inner].mean() < high, name
    air = thorax.volume.array[:, :4, :4]
    assert air.mean() == pytest.approx(-1000, abs=3)
    assert thorax.volume.array[ndimage.binary_erosion(organ(thorax, "airway"))].mean() < -900


def test_neighbours_touch_and_differ_little(belly):
    """Muscle lies against the liver and is only some 45 HU darker."""
    liver = organ(belly, "liver")
    around = ndimage.binary_dilation(liver, iterations=2) & ~ndimage.binary_dilation(liver)
    muscle = (belly.volume.array[around] > 30) & (belly.volume.array[around] < 90)
    assert muscle.mean() > 0.15


def test_organs_change_from_slice_to_slice(belly):
    liver = organ(belly, "liver")
    areas = liver.sum(axis=(1, 2))
    held = np.flatnonzero(areas > 50)
    overlap = [2 * (liver[z] & liver[z + 1]).sum() / (areas[z] + areas[z + 1]) for z in held[:-1]]
    assert 0.85 < np.mean(overlap) < 0.985
    assert areas[held].max() > 3 * areas[held].min()
    spine = [belly.volume.array[z][organ(belly, "spine")[z]].mean() for z in range(len(liver))]
    assert np.std(spine) > 40  # vertebrae and discs take turns


def test_edges_are_graded():
    """Without noise, voxels between lung and wall hold every value in between, not only the two."""
    phantom = chest(**SMALL, seed=0, noise=0, nodules=0)
    lungs = organ(phantom, "right lung")
    rim = ndimage.binary_dilation(lungs) & ~ndimage.binary_erosion(lungs)
    values = phantom.volume.array[rim]
    between = (values > -700) & (values < -200)
    assert between.mean() > 0.2


def test_noise_is_what_was_asked_for():
    clean, noisy = (abdomen(**SMALL, seed=0, noise=noise).volume.array.astype(float) for noise in (0, 20))
    middle = np.s_[:, 20:44, 20:44]
    assert np.std((noisy - clean)[middle]) == pytest.approx(20 * 1.15, rel=0.1)
    assert np.std((noisy - clean)[:, :6, :6]) == pytest.approx(20 * 0.85, rel=0.15)
    fine = [abdomen((4, 120, 120), (3, 0.7, 0.7), seed=0, noise=noise).volume.array.astype(float) for noise in (0, 20)]
    grain = fine[1] - fine[0]
    neighbours = np.corrcoef(grain[..., 1:].ravel(), grain[..., :-1].ravel())[0, 1]
    assert 0.3 < neighbours < 0.95  # fine pixels share their noise, as in reconstructed CT
    assert abs(np.corrcoef(grain[1:].ravel(), grain[:-1].ravel())[0, 1]) < 0.05


def test_nodules_have_the_size_and_place_they_say(thorax):
    assert {nodule.kind for nodule in thorax.nodules} == {"solid", "part-solid", "ground-glass", "juxtapleural"}
    geometry, spacing = thorax.volume.geometry, np.array(thorax.volume.spacing)
    pieces, _ = ndimage.label(organ(thorax, "nodule"))
    checked = 0
    for nodule in thorax.nodules:
        index = geometry.indices(nodule.centre)
        piece = pieces[tuple(np.round(index).astype(int))]
        assert piece, nodule
        voxels = np.argwhere(pieces == piece)
        if nodule.kind == "juxtapleural" or nodule.diameter < 9:
            continue  # cut by the wall, or only a few voxels
        checked += 1
        diameter = (len(voxels) * np.prod(spacing) * 6 / np.pi) ** (1 / 3)
        assert diameter == pytest.approx(nodule.diameter, rel=0.15), nodule
        assert np.linalg.norm((voxels.mean(axis=0) - index) * spacing) < 2, nodule
        value = np.median(thorax.volume.array[pieces == piece])
        assert value < -400 if nodule.kind == "ground-glass" else value > -650, nodule
    assert checked >= 2


def test_vessels_branch_through_both_lungs(thorax):
    lungs = organ(thorax, "right lung") | organ(thorax, "left lung")
    vessels = organ(thorax, "lung vessels")
    assert 0.005 < vessels.sum() / lungs.sum() < 0.12
    # Thick at the root of a lung, thin towards the chest wall.
    thickness = ndimage.distance_transform_edt(vessels, sampling=thorax.volume.spacing)
    points = thorax.volume.geometry.world(np.argwhere(vessels))
    away = np.linalg.norm(np.abs(points) - (35, 12, 230), axis=1)
    assert (away > 90).mean() > 0.05
    assert thickness[vessels][away < 40].max() > 1.8 * thickness[vessels][away > 90].max()


def test_mr_shows_the_same_patient_in_another_contrast():
    ct, mr = (abdomen(**SMALL, seed=4, modality=modality) for modality in ("ct", "mr"))
    np.testing.assert_array_equal(ct.labels, mr.labels)
    assert mr.volume.modality == "MR"
    assert mr.volume.array.min() >= 0
    other = abdomen(**SMALL, seed=5, modality="mr")
    ratios = [p.volume.array[organ(p, "liver")].mean() / p.volume.array[organ(p, "spleen")].mean() for p in (mr, other)]
    assert abs(ratios[0] - ratios[1]) > 0.05


@pytest.mark.parametrize("shape", [(1, 40, 40), (5, 1, 30), (6, 30, 1), (3, 4, 5)])
def test_thin_volumes(shape):
    phantom = abdomen(shape, (8.0, 8.0, 8.0))
    assert phantom.volume.shape == phantom.labels.shape == shape


def test_default_takes_seconds():
    started = time.process_time()
    abdomen()
    assert time.process_time() - started < 20  # about 4 s on an idle core


@pytest.mark.parametrize(
    "bad",
    [
        {"shape": (0, 4, 4)}, {"shape": (4, 4)}, {"spacing": (1, 0, 1)}, {"spacing": (1, 1, float("nan"))},
        {"seed": -1}, {"seed": 0.5}, {"noise": -1}, {"modality": "pet"}, {"nodules": -1},
    ],
)  # fmt: skip
def test_bad_input(bad):
    with pytest.raises(BadInput):
        chest(**{"shape": (4, 8, 8), "spacing": (20, 20, 20), **bad})


def test_names_match_labels(belly, thorax):
    for phantom, names in ((belly, scans.ABDOMEN), (thorax, scans.CHEST)):
        assert phantom.names == names
        assert set(np.unique(phantom.labels)) == {0, *names}
