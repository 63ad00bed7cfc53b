"""What a person sees: head up, patient's right on the left of the screen, and letters that say so."""

from collections.abc import Callable
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest

from napari_medssl.volumes import Geometry, Volume
from napari_medssl.widgets.layers import layer_data
from napari_medssl.widgets.sides import mark_sides, side_letters

ORDERS = {"axial": (0, 1, 2), "coronal": (1, 0, 2), "sagittal": (2, 0, 1)}
LETTERS = {
    "axial": {"left": "R", "right": "L", "top": "A", "bottom": "P"},
    "coronal": {"left": "R", "right": "L", "top": "H", "bottom": "F"},
    "sagittal": {"left": "A", "right": "P", "top": "H", "bottom": "F"},
}
# where a ball at the patient's left, front and head is seen: +1 right or down of the middle, -1 left or up
BALL = {"axial": (1, -1), "coronal": (1, -1), "sagittal": (-1, -1)}
EVERY_DIRECTION = [np.eye(3)[list(o)] * s for o in permutations(range(3)) for s in product((1, -1), repeat=3)]


def add_scan(viewer: Any, matrix: np.ndarray) -> Any:
    """A cube of 48 mm with a bright ball at the patient's left, front and head, in a file of this direction."""
    geometry = Geometry((1.5, 2.0, 3.0), (0, 0, 0), tuple(matrix.ravel()))
    shape = (16, 24, 32)
    points = geometry.world(np.moveaxis(np.indices(shape), 0, -1))
    ball = geometry.world(np.array(shape) / 2 - 0.5) + np.array([12, -12, 12])  # LPS
    inside = np.linalg.norm(points - ball, axis=-1) < 8
    data, arguments, _ = layer_data(Volume(np.where(inside, 1000, 0).astype(np.int16), geometry))
    layer = viewer.add_image(data, **{**arguments, "contrast_limits": (0, 1000)})
    viewer.dims.set_point(range(3), np.linalg.solve(np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0.0]]), ball))
    return layer


def look(viewer: Any, view: str, settle: Callable[[], None]) -> np.ndarray:
    viewer.dims.order = ORDERS[view]
    viewer.reset_view()
    settle()
    return viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)


def test_head_up_and_letters_whatever_the_files_direction(
    make_napari_viewer: Callable[..., Any], settle: Callable[[], None]
) -> None:
    viewer = make_napari_viewer(show=True)
    mark_sides(viewer)
    rng = np.random.default_rng(0)
    for number in rng.permutation(len(EVERY_DIRECTION))[:8]:
        tilt = np.eye(3) if number % 2 else np.linalg.qr(np.eye(3) + rng.normal(0, 0.08, (3, 3)))[0]
        tilt = tilt * np.sign(np.diag(tilt))
        add_scan(viewer, tilt @ EVERY_DIRECTION[number])
        for view, (right, down) in BALL.items():
            picture = look(viewer, view, settle)
            grey = (np.ptp(picture, axis=2) < 20) & (picture.mean(axis=2) > 180)
            y, x = (v.mean() for v in np.nonzero(grey))
            assert np.sign(x - picture.shape[1] / 2) == right, (number, view)
            assert np.sign(y - picture.shape[0] / 2) == down, (number, view)
            assert side_letters(viewer) == LETTERS[view]
            assert_letters_drawn(picture)
        viewer.layers.clear()
        settle()
        assert not yellow(viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)).any()


def yellow(picture: np.ndarray) -> np.ndarray:
    return (picture[..., 0] > 150) & (picture[..., 1] > 150) & (picture[..., 2] < 90)


def assert_letters_drawn(picture: np.ndarray) -> None:
    """A yellow letter at the middle of each edge of the canvas and nowhere else."""
    y, x = np.nonzero(yellow(picture))
    height, width = picture.shape[:2]
    middle_y, middle_x = abs(y - height / 2) < 30, abs(x - width / 2) < 30
    for at_edge in (
        middle_y & (x < 60),
        middle_y & (x > width - 60),
        middle_x & (y < 60),
        middle_x & (y > height - 60),
    ):
        assert at_edge.any()
    assert ((middle_y & ((x < 60) | (x > width - 60))) | (middle_x & ((y < 60) | (y > height - 60)))).all()


def shown_letters(viewer: Any) -> dict[str, str]:
    overlays = viewer.canvas.overlays
    names = {edge: overlays[f"napari_medssl_side_{edge}"] for edge in ("left", "right", "top", "bottom")}
    return {edge: overlay.text for edge, overlay in names.items() if overlay.visible}


def test_letters_follow_the_view(model: Any) -> None:
    mark_sides(model)
    assert shown_letters(model) == {}
    layer = add_scan(model, np.diag([-1, -1, 1.0]))
    for view, order in ORDERS.items():
        model.dims.order = order
        assert shown_letters(model) == LETTERS[view]
    model.dims.order = (0, 2, 1)  # rotated on the screen
    assert shown_letters(model) == {"left": "A", "right": "P", "top": "R", "bottom": "L"}
    model.dims.order = (0, 1, 2)
    model.scene.camera.orientation = ("towards", "up", "left")
    assert shown_letters(model) == {"left": "L", "right": "R", "top": "P", "bottom": "A"}
    model.scene.camera.orientation = ("towards", "down", "right")
    model.dims.ndisplay = 3
    assert shown_letters(model) == {}
    model.dims.ndisplay = 2
    assert shown_letters(model) == LETTERS["axial"]
    layer.visible = False
    assert shown_letters(model) == {}
    layer.visible = True
    mark_sides(model)  # again
    assert shown_letters(model) == LETTERS["axial"]
    model.layers.remove(layer)
    assert shown_letters(model) == {}


def test_nothing_is_said_where_nothing_is_known(model: Any) -> None:
    mark_sides(model)
    layer = add_scan(model, np.eye(3))
    stranger = model.add_image(np.zeros((4, 5, 6)), name="from another reader")
    assert shown_letters(model) == {}
    stranger.visible = False
    assert shown_letters(model) == LETTERS["axial"]
    layer.scale = layer.scale * (1, 1, -1)  # mirrored by hand
    assert shown_letters(model) == {}
    layer.scale = np.abs(layer.scale)
    layer.rotate = (30, 0, 0)
    assert shown_letters(model) == {}


def test_labels_made_by_napari_keep_the_letters(model: Any) -> None:
    mark_sides(model)
    layer = add_scan(model, np.eye(3))
    model.layers.selection.active = layer
    model._new_labels()
    model.add_points([[1, 2, 3]])
    assert shown_letters(model) == LETTERS["axial"]


def test_time_has_no_sides(model: Any) -> None:
    from napari_medssl.widgets.layers import time_layer_data

    mark_sides(model)
    frames = np.random.default_rng(0).normal(size=(3, 4, 5, 6)).astype(np.float32)
    data, arguments, _ = time_layer_data(frames, Volume(frames[0], Geometry()))
    model.add_image(data, **arguments)
    assert shown_letters(model) == LETTERS["axial"]
    model.dims.order = (1, 2, 3, 0)
    assert shown_letters(model) == {"top": "R", "bottom": "L"}


def test_a_plugins_restricted_view_of_the_viewer_is_enough(make_napari_viewer_proxy: Callable[..., Any]) -> None:
    viewer = make_napari_viewer_proxy()
    mark_sides(viewer)
    add_scan(viewer, np.eye(3))
    assert shown_letters(viewer) == LETTERS["axial"]


@pytest.mark.parametrize("rounds", [1, 2])
def test_the_viewer_can_be_closed(make_napari_viewer: Callable[..., Any], rounds: int) -> None:
    for _ in range(rounds):
        viewer = make_napari_viewer()
        mark_sides(viewer)
        add_scan(viewer, np.eye(3))
        viewer.close()


def test_letters_can_be_read_on_a_white_canvas(model: Any) -> None:
    mark_sides(model)
    add_scan(model, np.diag([-1, -1, 1.0]))

    def contrast() -> float:
        """By WCAG 2.2, of a letter on the bare canvas."""
        linear = [np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) for c in colour_and_canvas(model)]
        dark, light = sorted(float(c[:3] @ [0.2126, 0.7152, 0.0722]) for c in linear)
        return (light + 0.05) / (dark + 0.05)

    for theme in ("dark", "light", "dark"):
        model.theme = theme
        assert contrast() > 4


def colour_and_canvas(model: Any) -> tuple[np.ndarray, np.ndarray]:
    from napari.utils.theme import get_theme

    letter = model.canvas.overlays["napari_medssl_side_left"].color
    return np.asarray(letter, float), np.array(get_theme(model.theme).canvas.as_rgb_tuple()[:3]) / 255
