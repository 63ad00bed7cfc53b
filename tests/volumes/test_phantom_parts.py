"""The tools that phantoms are made with, each against a closed form or brute force."""

import numpy as np
import pytest

from napari_medssl.volumes.phantoms.canvas import Canvas, Tissue, coverage, paint_slabs, tube_coverage
from napari_medssl.volumes.phantoms.fields import SmoothField, generator
from napari_medssl.volumes.phantoms.patient import Patient
from napari_medssl.volumes.phantoms.shapes import both, capsule, curve, cut, ellipsoid, rotation, union
from napari_medssl.volumes.phantoms.space import Body, Grid
from napari_medssl.volumes.phantoms.tubes import Tubes, distance_to_tubes, grow_tree

SPACING = (2.0, 1.0, 0.8)
GRID = Grid((24, 40, 48), SPACING, (0.0, 0.0, 0.0))


def dense(grid):
    return np.meshgrid(*(grid.axis(i) for i in range(3)), indexing="ij")


def supersampled(grid, inside, factor=6):
    """The share of each voxel in which `inside(z, y, x)` holds, from factor ** 3 points each."""
    fine = Grid(tuple(n * factor for n in grid.shape), tuple(s / factor for s in grid.spacing), grid.centre)
    shape = tuple(part for n in grid.shape for part in (n, factor))
    return inside(*dense(fine)).reshape(shape).mean(axis=(1, 3, 5))


def test_coverage_of_a_flat_surface_is_exact():
    x = dense(GRID)[2]
    share = coverage((x - 0.3).astype(np.float32), SPACING)
    np.testing.assert_allclose(share, np.clip((0.3 - x) / 0.8 + 0.5, 0, 1), atol=1e-5)


@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_coverage_and_labels_of_a_ball_against_supersampling(scale):
    """Also when the distance is not in mm: the slope is measured."""
    z, y, x = (axis.astype(np.float32) for axis in dense(GRID))
    share = coverage((np.sqrt(z**2 + y**2 + x**2) - 14) * np.float32(1 / scale), SPACING)
    truth = supersampled(GRID, lambda z, y, x: z**2 + y**2 + x**2 < 14**2)
    rim = (truth > 0) & (truth < 1)
    assert np.abs(share - truth)[rim].mean() < 0.03
    assert np.abs(share - truth).max() < 0.13
    assert share.sum() == pytest.approx(truth.sum(), rel=0.01)
    clear = np.abs(truth - 0.5) > 0.12
    np.testing.assert_array_equal((share >= 0.5)[clear], (truth >= 0.5)[clear])


def test_coverage_does_not_blur_where_a_distance_jumps():
    distance = np.full((4, 8, 20), 3.0, dtype=np.float32)
    distance[..., 10:] = 60.0
    assert coverage(distance, (1.0, 1.0, 1.0)).max() == 0


@pytest.mark.parametrize("radius", [0.15, 0.4, 0.9, 3.0])
def test_a_tube_keeps_its_volume_however_thin(radius):
    grid = Grid((30, 30, 30), (1.0, 1.0, 1.0), (0.3, 0.2, 0.1))
    tube = Tubes.along([(-40, -3, -2, radius), (40, 4, 3, radius)], 1)
    distance, width = distance_to_tubes(tube, tuple(grid.axis(i) for i in range(3)), 4.0)
    cover = tube_coverage(distance, width, grid.spacing)
    length = 30 * np.linalg.norm([80, 7, 5]) / 80
    assert cover.sum() == pytest.approx(np.pi * radius**2 * length, rel=0.2)
    assert cover.max() <= 1


def test_painting_order_and_shares():
    """A voxel goes to the label that covers at least half of it; what is in front takes from what is behind."""
    grid = Grid((3, 3, 8), (1.0, 1.0, 1.0), (0.0, 0.0, 3.5))  # voxels at x = 0..7
    body = Body(0, (1, 1, 1), {})
    tissues = {"air": Tissue(0), "a": Tissue(100), "b": Tissue(200)}

    def draw(canvas: Canvas):
        w = canvas.everything
        x = w.x
        canvas.paint(w, x - 4.3, "a", label=1)  # covers 0..3 whole and 0.8 of voxel 4
        canvas.paint(w, 3.7 - x, "b", label=2)  # covers 0.8 of voxel 4 and 5..7 whole
        canvas.paint(w, x - 0.2, "b", label=None)  # a detail inside label 1
        canvas.paint(w, 6.9 - x, "a")  # takes voxel 7, and 0.6 of it

    image, labels = paint_slabs(grid, body, tissues, draw)
    assert labels[1, 1].tolist() == [1, 1, 1, 1, 2, 2, 2, 0]
    assert image[1, 1, 1:7] == pytest.approx([100, 100, 100, 0.2 * 80 + 0.8 * 200, 200, 200], abs=1e-3)
    assert image[1, 1, 0] == pytest.approx(0.3 * 100 + 0.7 * 200, abs=1e-3)

    def half(canvas: Canvas):
        w = canvas.everything
        canvas.paint(w, w.x - 3.9, "a", label=1)  # 0.4 of voxel 4 stays below half
        canvas.paint(w, 4.15 - w.x, "b", label=2)  # 0.35 of voxel 4

    assert paint_slabs(grid, body, tissues, half)[1][1, 1].tolist() == [1, 1, 1, 1, 0, 2, 2, 2]


def test_two_labels_that_share_a_voxel_below_half_each_leave_it_free():
    grid = Grid((3, 3, 3), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))

    def draw(canvas: Canvas):
        w = canvas.everything
        canvas.lay(w, np.full_like(w.x, 0.6), "air", label=1)
        canvas.lay(w, np.full_like(w.x, 0.45), "air", label=2)  # leaves 0.33 of label 1

    assert not paint_slabs(grid, Body(0, (1, 1, 1), {}), {"air": Tissue(0)}, draw)[1].any()


def test_fields_agree_on_grids_and_points_repeat_and_have_unit_deviation():
    field = SmoothField(generator(0, "a"), (20.0, 30.0, 40.0), period=16)
    z, y, x = np.linspace(-500, 300, 7), np.linspace(-50, 900, 8), np.linspace(3, 70, 9)
    points = np.stack(np.meshgrid(z, y, x, indexing="ij"), axis=-1).reshape(-1, 3)
    np.testing.assert_allclose(field(z, y, x).ravel(), field.at(points), atol=2e-6)
    np.testing.assert_allclose(field(z, y, x), field(z + 320, y, x), atol=1e-5)
    values = field(np.arange(0, 320, 5), np.arange(0, 480, 5), np.arange(0, 640, 5))
    assert values.std() == pytest.approx(1, abs=0.1)
    steps = np.abs(np.diff(field(np.arange(0, 320, 1.0), y, x), axis=0))
    assert steps.max() < 0.4  # smooth


def test_names_keep_random_numbers_apart():
    first, again, other = (generator(5, name).random(3) for name in ("liver", "liver", "spleen"))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_place_is_the_inverse_of_reference():
    body = Patient(3).body
    points = np.random.default_rng(0).uniform(-100, 250, (60, 3))
    placed = body.place(points)
    back = [[float(v[0, 0, 0]) for v in body.reference(*(np.float32([c]) for c in point))] for point in placed]
    np.testing.assert_allclose(back, points, atol=0.02)
    assert np.abs(placed - points * body.scale).max() > 3  # there is a deformation to undo


def test_ellipsoids_and_capsules_near_their_surfaces():
    z, y, x = (axis.astype(np.float32) for axis in dense(GRID))
    turn = rotation(("z", 30.0), ("x", 20.0))
    ball = ellipsoid(z, y, x, (1, 2, -3), (9, 9, 9), turn)
    np.testing.assert_allclose(ball, np.sqrt((z - 1) ** 2 + (y - 2) ** 2 + (x + 3) ** 2) - 9, atol=2e-3)
    far_end = np.array((0.0, 2.0, 5.0)) + turn @ np.array([0, 0, 3.0])
    at_tip = ellipsoid(*(np.float32([c]) for c in far_end), (0, 2, 5), (12, 6, 3), turn)
    assert abs(float(at_tip[0])) < 1e-4
    pill = capsule(z, y, x, (0, 0, -8), (0, 0, 8), 3)
    beyond = np.maximum(np.abs(x) - 8, 0)
    np.testing.assert_allclose(pill, np.sqrt(z**2 + y**2 + beyond**2) - 3, atol=1e-4)


def test_joins_and_cuts():
    a, b = (np.random.default_rng(s).normal(0, 3, 500).astype(np.float32) for s in (0, 1))
    np.testing.assert_array_equal(union(a, b), np.minimum(a, b))
    np.testing.assert_array_equal(both(a, b), np.maximum(a, b))
    np.testing.assert_array_equal(cut(a, b), np.maximum(a, -b))
    apart = np.abs(a - b) > 2
    np.testing.assert_allclose(union(a, b, 2.0)[apart], np.minimum(a, b)[apart])
    assert (union(a, b, 2.0) <= np.minimum(a, b) + 1e-6).all()


def test_turns_go_the_way_they_say():
    """Vectors are (z, y, x): to the head, to the back, to the left."""
    np.testing.assert_allclose(rotation(("z", 90.0)) @ [0, 1, 0], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(rotation(("y", 90.0)) @ [0, 0, 1], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(rotation(("x", 90.0)) @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(rotation(("z", 90.0), ("y", 90.0)) @ [0, 1, 0], [1, 0, 0], atol=1e-12)
    m = rotation(("x", 31.0), ("y", -7.0))
    np.testing.assert_allclose(m @ m.T, np.eye(3), atol=1e-12)


def test_curves_pass_through_their_points_as_scipys_do():
    from scipy.interpolate import CubicHermiteSpline

    knots = np.random.default_rng(0).uniform(0, 100, (7, 4))
    at = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(knots[:, :3], axis=0), axis=1))])
    reference = CubicHermiteSpline(at, knots, np.gradient(knots, at, axis=0))
    np.testing.assert_allclose(curve(knots, 50), reference(np.linspace(0, at[-1], 50)), atol=1e-9)


def test_distance_to_tubes_against_brute_force():
    rng = np.random.default_rng(0)
    start, end = rng.uniform(-12, 12, (2, 6, 3))
    tubes = Tubes(start, end, rng.uniform(0.5, 2, 6), rng.uniform(0.5, 2, 6))
    grid = Grid((12, 14, 16), (2.1, 1.7, 1.5), (0.0, 0.0, 0.0))
    found, radius = distance_to_tubes(tubes, tuple(grid.axis(i) for i in range(3)), 3.0)
    points = np.stack(dense(grid), axis=-1)[..., None, :]
    along = end - start
    t = np.clip(((points - start) * along).sum(-1) / (along**2).sum(-1), 0, 1)
    width = tubes.start_radius + t * (tubes.end_radius - tubes.start_radius)
    each = np.linalg.norm(points - start - t[..., None] * along, axis=-1) - width
    nearest = each.min(axis=-1)
    np.testing.assert_allclose(found, np.minimum(nearest, 3.0), atol=1e-4)
    near = nearest < 2.9
    expected = np.take_along_axis(width, each.argmin(axis=-1)[..., None], axis=-1)[..., 0]
    np.testing.assert_allclose(radius[near], expected[near], atol=1e-4)


def test_trees_reach_every_target_and_follow_murrays_law():
    rng = np.random.default_rng(0)
    targets = rng.uniform(-40, 40, (150, 3))
    tree = grow_tree((0, 0, -60), targets, rng, leaf_radius=0.5, exponent=2.8)
    tips = {tuple(np.round(p, 6)) for p in tree.end}
    assert {tuple(np.round(p, 6)) for p in targets} <= tips
    starts = {}
    for n, point in enumerate(tree.start):
        starts.setdefault(tuple(np.round(point, 6)), []).append(n)
    assert len(starts[(0.0, 0.0, -60.0)]) == 1  # one stem
    forks = 0
    for n, point in enumerate(tree.end):
        branches = starts.get(tuple(np.round(point, 6)), [])
        if branches:
            forks += 1
            assert len(branches) == 2
            # A branch's own calibre is that at its end, except for tips, which taper.
            powers = [
                (tree.end_radius[b] if tuple(np.round(tree.end[b], 6)) in starts else tree.end_radius[b] / 0.7) ** 2.8
                for b in branches
            ]
            assert tree.end_radius[n] ** 2.8 == pytest.approx(sum(powers))
    assert forks == 149
    assert tree.start_radius.max() == pytest.approx(0.5 * 150 ** (1 / 2.8), rel=0.12)
