"""`detect` with a detector whose answer is known: places, sizes, tiles, borders, what is dropped or refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medssl.errors import BadInput, Cancelled
from napari_medssl.nodules import Nodule, detect, detection
from napari_medssl.nodules import inference as tiling
from napari_medssl.nodules.inference import MARGIN, tiles_over
from napari_medssl.volumes import Geometry, Volume
from tests.nodules.toys import ball, chest, toy_model

SHAPE, SPACING = (56, 90, 120), (2.5, 2.5, 4.0)
STRAIGHT = Geometry(SPACING, (-148.0, -110.0, -210.0))
MIDDLE = tuple(STRAIGHT.world((np.array(SHAPE) - 1) / 2))


def beside(x: float, y: float, z: float) -> tuple[float, float, float]:
    return (MIDDLE[0] + x, MIDDLE[1] + y, MIDDLE[2] + z)


NODULES = [(beside(64.0, 10.0, 20.0), 14.0), (beside(-60.0, -30.0, -35.0), 12.0), (beside(-70.0, 30.0, 40.0), 10.0)]


def agree(found: list[Nodule], nodules: list, slack: float = 2.5) -> None:
    assert len(found) == len(nodules), found
    for centre, diameter in nodules:
        nearest = min(found, key=lambda one: math.dist(one.centre, centre))
        assert math.dist(nearest.centre, centre) < slack
        assert abs(nearest.diameter - diameter) < 3


@pytest.fixture(scope="module")
def scan() -> Volume:
    return chest(STRAIGHT, SHAPE, NODULES, MIDDLE)


def test_every_nodule_is_marked_once_where_it_is(scan: Volume) -> None:
    result = detection(scan, model=toy_model())
    agree(list(result.nodules), NODULES)
    assert [one.score for one in result.nodules] == sorted((one.score for one in result.nodules), reverse=True)
    assert all(result.lungs.distance([one.centre])[0] <= 5 for one in result.nodules)
    for one in result.nodules:
        z0, y0, x0, z1, y1, x1 = one.box
        middle = scan.geometry.indices(one.centre)
        assert ((middle > (z0 - 1, y0 - 1, x0 - 1)) & (middle < (z1, y1, x1))).all()
    assert "4 mm apart" in result.notes[0]


@pytest.mark.parametrize("turn", ["oblique", "sagittal", "upside down"])
def test_the_scan_may_lie_in_any_way(turn: str) -> None:
    angles = (0.1, -0.15, 0.2)
    if turn == "oblique":
        geometry, shape = (
            Geometry(SPACING, STRAIGHT.origin, sitk.Euler3DTransform((0, 0, 0), *angles).GetMatrix()),
            SHAPE,
        )
    elif turn == "sagittal":  # the array's axes run left, up and back
        geometry, shape = Geometry((2.5, 4.0, 2.5), STRAIGHT.origin, (0, 0, 1, 1, 0, 0, 0, 1, 0)), (120, 56, 90)
    else:
        geometry, shape = Geometry(SPACING, (0, 0, 0), (-1, 0, 0, 0, 1, 0, 0, 0, -1)), SHAPE
    middle = geometry.world((np.array(shape) - 1) / 2)
    nodules = [(tuple(middle + np.array(centre) - MIDDLE), diameter) for centre, diameter in NODULES]
    volume = chest(geometry, shape, nodules, middle)
    found = detect(volume, model=toy_model())
    agree(found, nodules)
    for one in found:
        assert (geometry.indices(one.centre) >= np.array(one.box[:3]) - 0.5).all()
        assert (geometry.indices(one.centre) <= np.array(one.box[3:]) - 0.5).all()


def test_where_tiles_are_cut_does_not_matter(scan: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 32 voxels put many cuts; this detector sees 7 voxels around, less than the margin."""
    monkeypatch.setattr(tiling, "_USUAL_PART", 200)
    whole = detect(scan, model=toy_model())
    monkeypatch.setattr(tiling, "_USUAL_PART", 32)
    model = toy_model()
    cut = detect(scan, model=model)
    assert len(model.network.shapes) > 10
    agree(cut, NODULES)
    agree(whole, NODULES)


def test_numbers_from_0_on_are_shifted_and_say_so(scan: Volume) -> None:
    stored = Volume((scan.array.astype(np.int32) + 1024).clip(0).astype(np.uint16), scan.geometry, "stored")
    result = detection(stored, model=toy_model())
    agree(list(result.nodules), NODULES)
    assert "1024 was subtracted" in result.notes[0]


def test_an_array_with_its_geometry_will_do(scan: Volume) -> None:
    assert detect(scan.array, geometry=scan.geometry, model=toy_model()) == detect(scan, model=toy_model())
    with pytest.raises(BadInput, match="needs its geometry"):
        detect(scan.array, model=toy_model())
    with pytest.raises(BadInput, match="is not that of toy chest"):
        detect(scan, geometry=Geometry(), model=toy_model())


def test_a_piece_of_lung_alone_is_looked_at() -> None:
    geometry, shape = Geometry((1.0, 1.0, 1.0), (10.0, 20.0, 30.0)), (48, 50, 52)
    hu = -850 + np.random.default_rng(0).normal(0, 60, shape)
    rods = np.random.default_rng(1).random((1, 7, 7)) > 0.8  # vessels
    hu[np.kron(rods, np.ones((48, 8, 8)))[:, :50, :52] > 0] -= 30
    nodules = [((22.0, 33.0, 41.0), 10.0), ((50.0, 60.0, 70.0), 12.0)]
    for centre, diameter in nodules:
        hu[ball(centre, diameter, geometry, shape)] = 40
    found = detect(hu.astype(np.int16), geometry=geometry, model=toy_model())
    agree(found, nodules, slack=1.5)


def test_a_higher_threshold_shows_less(scan: Volume) -> None:
    every = detect(scan, model=toy_model(), threshold=0.01)
    cut = sorted(one.score for one in every)[-2]
    assert [one.score for one in detect(scan, model=toy_model(), threshold=cut)] == [one.score for one in every[:2]]


def test_a_threshold_is_a_probability(scan: Volume) -> None:
    with pytest.raises(BadInput, match="from 0 to 1"):
        detect(scan, model=toy_model(), threshold=2)


def test_progress_and_stopping(scan: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiling, "_USUAL_PART", 64)
    told: list[tuple[int, int]] = []
    detect(scan, model=toy_model(), on_progress=lambda done, total: told.append((done, total)))
    assert [done for done, _ in told] == list(range(1, told[0][1] + 1))
    model = toy_model()
    with pytest.raises(Cancelled):
        detect(scan, model=model, cancelled=lambda: len(model.network.shapes) >= 2)
    assert len(model.network.shapes) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda scan: Volume(scan.array, scan.geometry, "head", modality="MR"), "head is no CT (its file says MR)"),
        (lambda scan: Volume(np.abs(scan.array), scan.geometry, "x"), "does not hold Hounsfield units"),
        (lambda scan: Volume(scan.array.clip(-100, 300), scan.geometry, "x"), "There is no air in x"),
        (lambda scan: Volume(np.where(scan.array == 40, 40, -1000), scan.geometry, "x"), "no lungs in view in x"),
        (lambda scan: Volume(scan.array * 0, scan.geometry, "x"), "x is empty"),
        (lambda scan: Volume(scan.array > 0, scan.geometry, "x"), "does not hold grey values"),
    ],
)
def test_what_is_no_chest_ct_is_refused(scan: Volume, change, words: str) -> None:
    with pytest.raises(BadInput) as raised:
        detect(change(scan), model=toy_model())
    assert words in str(raised.value)


def test_two_slices_will_do(scan: Volume) -> None:
    z = round(float(scan.geometry.indices(NODULES[0][0])[0]))
    two = Volume(scan.array[z : z + 2], Geometry(SPACING, tuple(scan.geometry.world((z, 0, 0)))), "two")
    assert any(math.dist(one.centre, NODULES[0][0]) < 5 for one in detect(two, model=toy_model()))


@settings(max_examples=50, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 12)] * 3), cell=st.tuples(*[st.floats(1, 20)] * 3), seed=st.integers(0, 99),
    multiple=st.sampled_from([8, 16]),
)  # fmt: skip
def test_tiles_cover_the_lungs_once(
    shape: tuple[int, int, int], cell: tuple[float, float, float], seed: int, multiple: int
) -> None:
    rng = np.random.default_rng(seed)
    where = rng.random(shape) > rng.choice([0.5, 0.95])
    ends = [math.ceil(n * side) for n, side in zip(shape, cell, strict=True)]
    tiles = tiles_over(where, cell, ends, multiple)
    owners = np.zeros(ends, dtype=np.uint8)
    for tile in tiles:
        owners[tile.part] += 1
        assert all(
            first % multiple == 0 and side % multiple == 0 for first, side in zip(tile.start, tile.shape, strict=True)
        )
    assert owners.max(initial=0) <= 1
    for index in np.argwhere(where):
        place = np.minimum(((index + 0.5) * cell).astype(int), np.array(ends) - 1)
        assert owners[tuple(place)] == 1
        (tile,) = [t for t in tiles if all(p.start <= at < p.stop for p, at in zip(t.part, place, strict=True))]
        for at, start, size, end in zip(place, tile.start, tile.shape, ends, strict=True):
            assert start <= max(0, at - MARGIN)
            assert min(end - 1, at + MARGIN) < start + size
