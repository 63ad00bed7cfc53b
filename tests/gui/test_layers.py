"""Geometry into layers and back, without a window."""

import json
from collections.abc import Callable
from types import SimpleNamespace

import dask.array
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_medssl.errors import BadInput
from napari_medssl.volumes import Geometry, Volume
from napari_medssl.volumes.orientation import Display
from napari_medssl.widgets import layers
from napari_medssl.widgets.layer_arrays import volume_array

RandomGeometry = Callable[[int], Geometry]
SHAPE = (4, 5, 6)


def scan(geometry: Geometry, seed: int = 0, **more: object) -> Volume:
    array = np.random.default_rng(seed).permutation(120).reshape(SHAPE).astype(np.int16)
    return Volume(array, geometry, "scan", **more)  # type: ignore[arg-type]


def image_layer(volume: Volume) -> Image:
    data, arguments, kind = layers.layer_data(volume)
    assert kind == "image"
    return Image(data, **arguments)


@pytest.mark.parametrize("seed", range(30))
def test_every_voxel_stays_where_it_is_in_the_patient(random_geometry: RandomGeometry, seed: int) -> None:
    volume = scan(random_geometry(seed), seed)
    layer = image_layer(volume)
    assert layers.geometry_of(layer) == volume.geometry
    again = layers.volume_from_layer(layer)
    assert again.geometry == volume.geometry
    np.testing.assert_array_equal(again.array, volume.array)
    assert np.shares_memory(np.asarray(layer.data), volume.array)
    # the viewer's world, turned by the layer's frame, is the patient
    frame = layers.world_frame(layer)
    assert frame is not None
    for shown in np.ndindex(layer.data.shape):
        where = np.argwhere(volume.array == layer.data[shown])[0]
        np.testing.assert_allclose(frame @ layer.data_to_world(shown), volume.geometry.world(where), atol=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_a_cropped_and_thinned_copy_knows_its_place(random_geometry: RandomGeometry, seed: int) -> None:
    volume = scan(random_geometry(seed), seed)
    layer = image_layer(volume)
    part = Image(
        layer.data[1:, ::2, 1:-1],
        scale=layer.scale * (1, 2, 1),
        translate=layer.data_to_world((1, 0, 1)),
        units=layer.units,
        metadata=layer.metadata,
    )
    found = layers.volume_from_layer(part)
    for index in np.ndindex(found.shape):
        where = np.argwhere(volume.array == found.array[index])[0]
        np.testing.assert_allclose(found.geometry.world(index), volume.geometry.world(where), atol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_two_scans_of_one_patient_overlay_in_millimetres(random_geometry: RandomGeometry, seed: int) -> None:
    first = random_geometry(seed)
    rng = np.random.default_rng(seed)
    # the same directions, listed in another order and sense, at another place and resolution
    turned = first.matrix[:, rng.permutation(3)] * rng.choice([-1, 1], 3)
    second = Geometry((2.0, 3.0, 1.5), (7.0, -30.0, 12.0), tuple(turned.ravel()))
    one, two = image_layer(scan(first)), image_layer(scan(second))
    point = np.array([11.0, -20.0, 35.0])
    frames = [layers.world_frame(layer) for layer in (one, two)]
    np.testing.assert_allclose(frames[0], frames[1], atol=1e-9)
    for layer, geometry in ((one, first), (two, second)):
        corner = np.argwhere(scan(geometry).array == layer.data[0, 0, 0])[0]
        offset = np.linalg.solve(frames[0], point - geometry.world(corner))
        np.testing.assert_allclose(
            layer.data_to_world(offset / layer.scale), np.linalg.solve(frames[0], point), atol=1e-9
        )


def test_the_metadata_is_plain_json(random_geometry: RandomGeometry) -> None:
    volume = scan(random_geometry(1), notes=("1 slice is missing.",), modality="MR")
    _, arguments, _ = layers.layer_data(volume)
    info = json.loads(json.dumps(arguments["metadata"]))[layers.KEY]
    assert (info["name"], info["modality"], info["notes"]) == ("scan", "MR", ["1 slice is missing."])
    assert layers.volume_from_layer(image_layer(volume)).notes == volume.notes


def test_windows_by_kind_of_scan() -> None:
    ct = Volume(np.linspace(-1000, 1500, 120).reshape(SHAPE).astype(np.int16), modality="CT")
    assert image_layer(ct).contrast_limits == [-160, 240]
    mr = Volume(np.r_[np.zeros(10), np.linspace(100, 200, 100), np.full(10, 9e5)].reshape(SHAPE), modality="MR")
    low, high = image_layer(mr).contrast_limits
    assert low >= 0
    assert high <= 9e5


def test_spacing_of_a_layer_from_any_reader() -> None:
    data = np.zeros(SHAPE)
    turned = np.array([[0, 0, 3.0, 0], [0, -2, 0, 0], [4, 0, 0, 0], [0, 0, 0, 1]])
    assert layers.spacing_of(Image(data, scale=(4, 2, 3))) == pytest.approx((4, 2, 3))
    assert layers.spacing_of(Image(data, affine=turned)) == pytest.approx((4, 2, 3))
    assert layers.spacing_of(Image(data, scale=(2, 1, 1), affine=turned)) == pytest.approx((8, 2, 3))
    assert layers.spacing_of(Image(data, scale=(400, 200, 300), units=("um",) * 3)) == pytest.approx((0.4, 0.2, 0.3))
    assert layers.spacing_of(Image(np.zeros((2, *SHAPE)), scale=(1, 4, 2, 3))) == pytest.approx((4, 2, 3))


def test_a_layer_of_another_reader_keeps_spacing_and_place() -> None:
    plain = Image(np.zeros(SHAPE), scale=(4, 2, 3), translate=(10, 20, 30))
    assert layers.geometry_of(plain) is None
    assert layers.volume_from_layer(plain).geometry.same_grid(Geometry((3, 2, 4), (30, 20, 10)))
    flipped = Image(np.zeros(SHAPE), affine=np.diag([-4.0, 2, 3, 1]))
    geometry = layers.volume_from_layer(flipped).geometry
    assert geometry.spacing_zyx == (4, 2, 3)
    np.testing.assert_allclose(geometry.world((1, 0, 0)), (0, 0, -4))


@pytest.mark.parametrize("seed", range(8))
def test_napari_new_labels_and_ours_lie_on_the_scan(random_geometry: RandomGeometry, seed: int) -> None:
    viewer = ViewerModel()
    other = viewer.add_layer(image_layer(scan(random_geometry(seed + 100))))
    layer = viewer.add_layer(image_layer(scan(random_geometry(seed))))
    viewer.layers.selection.active = layer
    viewer._new_labels()
    napari_labels = viewer.layers[-1]
    ours = layers.new_labels(viewer, layer)
    assert layers.scan_info(napari_labels) is None
    assert ours.data.dtype == np.uint8
    for labels in (napari_labels, ours):
        assert layers.reference_image(viewer, labels) is layer
        assert not layers.lies_on(labels, other)
        volume = layers.volume_from_layer(labels, layers.reference_image(viewer, labels))
        assert volume.geometry == random_geometry(seed)
        assert volume.shape == SHAPE


def test_new_labels_on_layers_placed_by_affine_or_with_frames() -> None:
    viewer = ViewerModel()
    affine = np.array([[0, 0, 3.0, 5], [0, -2, 0, 6], [4, 0, 0, 7], [0, 0, 0, 1]])
    turned = viewer.add_image(np.zeros(SHAPE), affine=affine)
    assert layers.lies_on(layers.new_labels(viewer, turned), turned)
    cine = viewer.add_image(np.zeros((3, *SHAPE)), scale=(10, 4, 2, 3), translate=(0, 1, 2, 3))
    labels = layers.new_labels(viewer, cine)
    assert labels.data.shape == SHAPE
    assert layers.lies_on(labels, cine)
    assert layers.reference_image(viewer, labels) is cine


def test_reference_prefers_the_scan_the_labels_are_named_after() -> None:
    viewer = ViewerModel()
    first = viewer.add_image(np.zeros(SHAPE), name="arterial")
    second = viewer.add_image(np.zeros(SHAPE), name="venous")
    assert layers.reference_image(viewer, Labels(np.zeros(SHAPE, int), name="arterial - Labels")) is first
    assert layers.reference_image(viewer, Labels(np.zeros(SHAPE, int), name="liver")) is second
    assert layers.reference_image(viewer, Labels(np.zeros((2, 2, 2), int))) is None
    assert layers.reference_image([first], Labels(np.zeros(SHAPE, int), translate=(0, 0, 0.5))) is None


def test_lazy_arrays_stay_lazy() -> None:
    read: list[int] = []

    def count(block: np.ndarray) -> np.ndarray:
        read.append(1)
        return block

    lazy = dask.array.zeros(SHAPE, dtype=np.int16, chunks=2).map_blocks(count, dtype=np.int16)
    for place in ({}, _place(Geometry(direction=(0, 0, 1, 1, 0, 0, 0, 1, 0)))):
        layer = Image(lazy, contrast_limits=(0, 1), **place)
        before = len(read)  # napari itself reads a slice
        assert isinstance(layers.check_image_layer(layer), dask.array.Array)
        assert isinstance(layers.volume_from_layer(layer).array, dask.array.Array)
        assert len(read) == before


def test_stores_that_can_only_be_sliced_are_wrapped() -> None:
    voxels = np.arange(120).reshape(SHAPE)

    class Store:
        shape, dtype, ndim = voxels.shape, voxels.dtype, voxels.ndim

        def __getitem__(self, key: object) -> np.ndarray:
            return voxels[key]

    array = volume_array(SimpleNamespace(data=Store(), name="store", multiscale=False, rgb=False))
    assert isinstance(array, dask.array.Array)
    np.testing.assert_array_equal(
        Display((2, 0, 1), (True, False, True)).forward(array), voxels.transpose(2, 0, 1)[::-1, :, ::-1]
    )


def _place(geometry: Geometry) -> dict[str, object]:
    _, arguments, _ = layers.layer_data(Volume(np.zeros(SHAPE), geometry))
    return {key: arguments[key] for key in ("scale", "translate", "metadata")}


def test_a_pyramid_stands_for_its_finest_level() -> None:
    fine = np.random.default_rng(0).integers(0, 99, (8, 8, 8))
    pyramid = Image([fine, fine[::2, ::2, ::2]], multiscale=True, scale=(2, 2, 2))
    np.testing.assert_array_equal(layers.check_image_layer(pyramid), fine)
    viewer = ViewerModel()
    viewer.add_layer(pyramid)
    labels = layers.new_labels(viewer, pyramid)
    assert labels.data.shape == (8, 8, 8)
    assert layers.reference_image(viewer, labels) is pyramid


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (lambda: Image(np.zeros((4, 5, 6, 3)), rgb=True, name="photo"), "photo is a colour picture"),
        (lambda: Image(np.zeros((5, 6)), name="slice"), "slice is a single slice"),
        (lambda: Image(np.zeros((3, 4, 5, 6)), name="cine"), "cine has 3 frames .* choose one"),
        (lambda: Image(np.zeros((2, 3, 4, 5, 6)), name="big"), "big has 5 dimensions"),
        (lambda: Labels(np.zeros(SHAPE, int), name="mask"), "mask is not an image layer"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(layer: Callable[[], Image], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        layers.check_image_layer(layer())


def test_complex_numbers_are_refused() -> None:
    # napari 0.9 cannot show these itself, so a layer of them is made up
    layer = SimpleNamespace(data=np.zeros(SHAPE, complex), name="k-space", multiscale=False, rgb=False)
    with pytest.raises(BadInput, match="k-space holds complex numbers"):
        volume_array(layer)


def test_one_frame_of_several() -> None:
    frames = np.random.default_rng(0).normal(size=(3, *SHAPE)).astype(np.float32)
    geometry = Geometry((1, 2, 3), (4, 5, 6))
    data, arguments, _ = layers.time_layer_data(frames, Volume(frames[0], geometry, "cine"))
    layer = Image(data, **arguments)
    assert layer.data.shape == (3, *SHAPE)
    assert layers.geometry_of(layer) == geometry
    volume = layers.volume_from_layer(layer, frame=2)
    np.testing.assert_array_equal(volume.array, frames[2])
    assert volume.geometry == geometry
    with pytest.raises(BadInput, match="no frame 3"):
        layers.check_image_layer(layer, frame=3)


def test_labels_must_lie_on_the_scan(random_geometry: RandomGeometry) -> None:
    layer = image_layer(scan(random_geometry(2)))
    layer.name = "scan"
    elsewhere = Labels(np.zeros(SHAPE, int), name="liver")
    with pytest.raises(BadInput, match=r"liver does not lie on scan \(.* voxels\)"):
        layers.check_labels_layer(elsewhere, layer)
    with pytest.raises(BadInput, match="not a labels layer"):
        layers.check_labels_layer(layer)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint16, np.int64, np.float32])
def test_label_volumes_of_any_type_become_labels(dtype: type) -> None:
    array = np.zeros(SHAPE, dtype)
    array[1, 2, 3] = 1
    data, arguments, kind = layers.layer_data(Volume(array, Geometry()), kind="labels")
    assert kind == "labels"
    assert Labels(data, **arguments).data.sum() == 1


def test_fractions_are_no_labels() -> None:
    with pytest.raises(BadInput, match="fractions"):
        layers.layer_data(Volume(np.full(SHAPE, 0.5)), kind="labels")


def test_a_sheared_layer_cannot_be_saved() -> None:
    with pytest.raises(BadInput, match="sheared"):
        layers.volume_from_layer(Image(np.zeros(SHAPE), shear=(0.3, 0, 0)))
