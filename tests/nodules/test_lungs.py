"""The lung mask: phantoms, real scans where they are, and what is no lung."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_medssl import read_labels, read_volume
from napari_medssl.errors import BadInput
from napari_medssl.metrics import dice
from napari_medssl.nodules import find_lungs
from napari_medssl.nodules.lungs import block_means
from napari_medssl.volumes import Geometry, Volume
from napari_medssl.volumes.phantoms import chest
from napari_medssl.volumes.phantoms.phantom import Phantom


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return chest((56, 90, 90), (5.0, 3.6, 3.6), seed=1)


def test_all_of_the_lungs_with_what_is_in_them(phantom: Phantom) -> None:
    lungs = find_lungs(phantom.volume)
    mask, truth = lungs.on_scan(phantom.volume), np.isin(phantom.labels, (1, 2, 3, 5))
    assert dice(mask, truth) > 0.95
    assert (truth & ~mask).sum() < 0.005 * truth.sum()
    away = lungs.distance([nodule.centre for nodule in phantom.nodules])
    assert sorted(away)[:5] == [0] * 5
    assert max(away) < 5  # one sits on the pleura
    assert [lungs.side(n.centre) for n in phantom.nodules] == [
        "left" if n.centre[0] > 0 else "right" for n in phantom.nodules
    ]
    assert lungs.millilitres == pytest.approx(mask.sum() * np.prod(phantom.volume.spacing) / 1000, rel=0.02)


def test_distances_are_in_mm(phantom: Phantom) -> None:
    lungs = find_lungs(phantom.volume)
    corner = phantom.volume.geometry.world((0, 0, 0))
    inside = lungs.geometry.world(np.argwhere(lungs.mask))
    want = np.linalg.norm(inside - corner, axis=1).min()
    assert lungs.distance([corner])[0] == pytest.approx(want, abs=5)
    away = corner - (300.0, 0, 0)  # beyond the scan
    assert lungs.distance([away])[0] > 300


@pytest.mark.parametrize("name", ["lung_1", "lung_2"])
def test_real_lungs(medssl_data: Path, name: str) -> None:
    volume = read_volume(medssl_data / "lung_ct" / "images" / f"{name}.nii.gz")
    truth = read_labels(medssl_data / "lung_ct" / "labels" / f"{name}.nii.gz").array > 0
    mask = find_lungs(volume).on_scan(volume)
    assert dice(mask, truth) > 0.92  # vessels and the pleura's neighbourhood are in the mask, and not in the labels
    assert (truth & ~mask).sum() < 0.01 * truth.sum()


@pytest.mark.parametrize(
    ("place", "least", "most"),
    [
        ("unlabelled_ct/images/chest_abdomen", 2700, 3200), ("unlabelled_ct/images/lung_sharp_kernel", 4400, 4900),
        ("unlabelled_ct/images/one_lung", 3200, 3500), ("vessels/images/aorta_cta", 2700, 3100),
        ("vessels/images/chest_4mm", 4600, 5000), ("organ_ct/images/abdomen_3mm", 90, 150),
    ],
)  # fmt: skip
def test_real_scans_looked_at_by_eye(medssl_data: Path, place: str, least: float, most: float) -> None:
    """Volumes of masks that were right when they were looked at: no table, no air, no bowel."""
    assert least < find_lungs(read_volume(medssl_data / f"{place}.nii.gz")).millilitres < most


def test_no_lungs() -> None:
    empty = np.full((20, 60, 60), -1000, dtype=np.int16)
    empty[:, 15:45, 10:50] = 40
    empty[:, 28:32, 28:32] = -1000  # gas in it
    with pytest.raises(BadInput, match="no lungs in view in belly"):
        find_lungs(Volume(empty, Geometry((5.0, 5.0, 5.0)), "belly"))


@pytest.mark.parametrize(("median", "wall"), [(-978, True), (-945, False)])
def test_dark_lungs_are_lungs(median: float, wall: bool) -> None:
    """Lungs with emphysema, beside a wall of the chest or filling the scan, are thin, but vessels run in them."""
    rng = np.random.default_rng(0)
    texture = gaussian_filter(rng.normal(size=(60, 80, 80)), 6)
    lung = median + 60 * (texture - np.median(texture)) / texture.std()
    lung[:, 50:54, 40:44] = 30  # a vessel
    if wall:
        lung[:, :20] = lung[:, :, :10] = 40
    found = find_lungs(Volume(np.clip(lung, -1024, 400).astype(np.int16), Geometry((1.0, 1.0, 1.0))))
    assert found.millilitres == pytest.approx(lung[:, 20:, 10:].size / 1000 if wall else lung.size / 1000, rel=0.1)


def test_means_over_blocks() -> None:
    array = np.random.default_rng(0).normal(size=(5, 7, 4))
    want = [[[array[z : z + 2, y : y + 3, x : x + 4].mean() for x in (0,)] for y in (0, 3, 6)] for z in (0, 2, 4)]
    assert block_means(array, (2, 3, 4)) == pytest.approx(np.array(want), abs=1e-6)


def test_a_large_scan_is_quick(phantom: Phantom) -> None:
    """300 slices of 512 x 512, in processor time."""
    wide = phantom.volume.array.repeat(5, 0).repeat(6, 1).repeat(6, 2)[:, :512, :512]
    started = time.process_time()
    lungs = find_lungs(Volume(wide, Geometry((0.6, 0.6, 1.0))))
    assert time.process_time() - started < 3
    assert lungs.millilitres > 1000
