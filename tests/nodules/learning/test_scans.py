from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import example, given, settings
from hypothesis import strategies as st

from napari_medssl.nodules.learning import patches
from napari_medssl.nodules.learning.patches import Patch, cut, draw_patch, turned_patch
from napari_medssl.nodules.learning.scans import Known, header_of, look_for_lungs
from napari_medssl.nodules.model import NodulePlan
from napari_medssl.strategies.turns import TURNS
from napari_medssl.training.collection import Scan
from napari_medssl.volumes import Geometry, Volume, read_volume, write_volume

PLAN = NodulePlan()
SPACING = (2.0, 0.8, 1.25)


def scan_with_a_ball(
    middle: tuple[float, float, float] = (15.0, 40.0, 25.0), diameter: float = 12.0
) -> tuple[Scan, Known]:
    """A ball of soft tissue in lung; `middle` in voxels."""
    shape = (30, 80, 50)
    z, y, x = ((np.arange(n) - m) * s for n, m, s in zip(shape, middle, SPACING, strict=True))
    away = np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2)
    scan = Scan(np.where(away < diameter / 2, 40, -860).astype(np.int16), SPACING)
    none = np.zeros((0, 4))
    everywhere = np.ones((1, 1, 1), dtype=bool)
    places = np.array([[15, 40, 25]], dtype=np.int32)
    known = Known(shape, SPACING, np.array([[*middle, diameter]]), none, places, everywhere, (60, 64, 62.5), 0.0, True)
    return scan, known


def brightest(image: np.ndarray) -> tuple[np.ndarray, float]:
    """Middle and diameter of what is bright."""
    bright = image > 0.5
    return np.argwhere(bright).mean(0), float((6 * bright.sum() / np.pi) ** (1 / 3))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
@example(636)
def test_what_is_told_of_a_patch_is_where_it_is_seen(seed: int) -> None:
    scan, known = scan_with_a_ball()
    rng = np.random.default_rng(seed)
    with pytest.MonkeyPatch.context() as context:
        context.setattr(patches, "_COARSE_CHANCE", 0.0)  # coarse voxels blur a nodule, which then looks larger
        patch = draw_patch(rng, scan, known, PLAN, 48, 1.0)
    if not ((patch.balls[:, :3] > 8) & (patch.balls[:, :3] < 40)).all():
        return
    middle, diameter = brightest(patch.image)
    np.testing.assert_allclose(patch.balls[0, :3], middle, atol=0.7)
    assert patch.balls[0, 3] == pytest.approx(diameter, rel=0.1)


def test_a_patch_at_the_scan_s_end_shows_air_beyond() -> None:
    scan, known = scan_with_a_ball()
    patch = cut(scan, known, PLAN, np.array([-8.0, 0, 0]), 1.0, 48)
    assert (patch.image[:15] == PLAN.scale(np.array(-1024.0))).all()
    assert (patch.image[16:] > 0.2).all()


def test_only_findings_in_a_patch_or_close_by_are_told() -> None:
    scan, known = scan_with_a_ball()
    near = cut(scan, known, PLAN, np.array([0.0, 0, 0]), 1.0, 32)
    far = cut(scan, known, PLAN, np.array([25.0, 0, 0]), 1.0, 32)
    assert len(near.balls) == 1
    assert len(far.balls) == 0


@pytest.mark.parametrize("number", range(0, 48, 5))
def test_findings_turn_with_their_patch(number: int) -> None:
    image = np.zeros((16, 16, 16), dtype=np.float32)
    image[2, 5, 11] = 1
    patch = Patch(image, np.array([[2, 5, 11, 3]], dtype=np.float32), np.zeros((0, 4), dtype=np.float32))
    found = turned_patch(patch, TURNS[number], PLAN)
    assert found.image[tuple(found.balls[0, :3].astype(int))] == 1


@pytest.mark.parametrize("suffix", [".nii.gz", ".mha", ".nrrd"])
def test_the_header_alone_tells_where_a_scan_lies(tmp_path: Path, suffix: str) -> None:
    turn = sitk.Euler3DTransform((0, 0, 0), 0.2, -0.1, 0.3).GetMatrix()
    path = tmp_path / f"scan{suffix}"
    write_volume(path, Volume(np.zeros((3, 4, 5), np.int16), Geometry((0.7, 0.8, 2.5), (-11, 22.5, 300), turn)))
    volume, (geometry, shape) = read_volume(path), header_of(path)
    assert geometry.same_grid(volume.geometry)
    assert shape == volume.shape


def test_values_that_begin_at_0_become_hounsfield_units() -> None:
    rng = np.random.default_rng(0)
    hu = np.full((24, 48, 48), 40.0)
    hu[4:20, 10:38, 10:38] = -850
    hu = (hu + rng.normal(0, 60, hu.shape)).clip(-1024, 3000)
    hu[:, 0, :6] = 600
    places, mask, offset = look_for_lungs(Scan((hu + 1024).astype(np.int16), (5.0, 5.0, 5.0)), "scan")
    assert offset == -1024
    assert mask.any()
    assert (hu[tuple(places.T)] < -500).mean() > 0.9
