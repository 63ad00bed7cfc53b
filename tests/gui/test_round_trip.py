"""Open a scan, draw on it, save: the mask lies on the scan, to a thousandth of a millimetre.

The files are made and measured with SimpleITK and nibabel alone; the voxel drawn on is found by its grey value, so
nothing here knows how the viewer turns the scan.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel

from napari_medssl.volumes import Geometry

PLUGIN = "napari-medssl"
RAS_TO_LPS = np.array([-1.0, -1.0, 1.0])
MARK = 31000


def make_scan(path: Path, geometry: Geometry, seed: int) -> tuple[int, ...]:
    """Write a scan of noise with one bright voxel; where it is, as (i, j, k) along the file's axes."""
    rng = np.random.default_rng(seed)
    size = rng.integers(3, 9, 3)
    voxels = rng.integers(-1000, 1000, size, dtype=np.int16)  # i, j, k
    mark = tuple(int(n) for n in rng.integers(0, size))
    voxels[mark] = MARK
    if path.name.endswith((".nii", ".nii.gz")):
        affine = geometry.affine.copy()
        affine[:3] *= RAS_TO_LPS[:, None]
        nibabel.save(nibabel.Nifti1Image(voxels, affine), path)
    else:
        image = SimpleITK.GetImageFromArray(voxels.transpose(2, 1, 0))
        image.SetSpacing(geometry.spacing)
        image.SetOrigin(geometry.origin)
        image.SetDirection(geometry.direction)
        SimpleITK.WriteImage(image, str(path))
    return mark


def points_by_simpleitk(path: Path, indices: Sequence[Sequence[int]]) -> np.ndarray:
    image = SimpleITK.ReadImage(str(path))
    return np.array([image.TransformIndexToPhysicalPoint([int(n) for n in index]) for index in indices])


def points_by_nibabel(path: Path, indices: Sequence[Sequence[int]]) -> np.ndarray:
    return nibabel.affines.apply_affine(nibabel.load(path).affine, np.array(indices)) * RAS_TO_LPS


def corners(size: Sequence[int]) -> list[tuple[int, int, int]]:
    return [(i, j, k) for i in (0, size[0] - 1) for j in (0, size[1] - 1) for k in (0, size[2] - 1)]


def check(scan: Path, mask: Path, mark: tuple[int, ...], label: int) -> None:
    """The mask's grid is the scan's, and its one labelled voxel is the scan's bright voxel."""
    image = SimpleITK.ReadImage(str(mask))
    size = SimpleITK.ReadImage(str(scan)).GetSize()
    assert image.GetSize() == size
    where = corners(size)
    expected = points_by_simpleitk(scan, where)
    np.testing.assert_allclose(points_by_simpleitk(mask, where), expected, atol=1e-3)
    if mask.name.endswith(".nii.gz"):
        np.testing.assert_allclose(points_by_nibabel(mask, where), expected, atol=1e-3)
    if scan.name.endswith(".nii.gz"):
        np.testing.assert_allclose(points_by_simpleitk(mask, where), points_by_nibabel(scan, where), atol=1e-3)
    labelled = np.argwhere(SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0))
    assert [tuple(index) for index in labelled] == [mark]
    assert image.GetPixel([int(n) for n in mark]) == label


def draw_on_mark(scan_layer: Any, labels: Any, label: int) -> None:
    (index,) = np.argwhere(np.asarray(scan_layer.data) == MARK)
    labels.brush_size = 1
    labels.paint(tuple(index), label)


def open_draw_save(viewer: Any, folder: Path, geometry: Geometry, seed: int, kinds: tuple[str, str]) -> None:
    scan, mask = folder / f"scan{seed}{kinds[0]}", folder / f"mask{seed}{kinds[1]}"
    mark = make_scan(scan, geometry, seed)
    (layer,) = viewer.open(scan, plugin=PLUGIN)
    viewer.layers.selection.active = layer
    viewer._new_labels()  # napari's own button
    labels = viewer.layers.selection.active
    draw_on_mark(layer, labels, 3)
    assert viewer.layers.save(str(mask), selected=True, plugin=PLUGIN) == [str(mask)]
    check(scan, mask, mark, 3)
    viewer.layers.clear()


KINDS = [(".nii.gz", ".nii.gz"), (".nrrd", ".nii.gz"), (".mha", ".nrrd"), (".nii", ".mha")]


@pytest.mark.parametrize("kinds", KINDS)
def test_masks_lie_on_their_scans(
    viewer: Any, tmp_path: Path, random_geometry: Callable[[int], Geometry], kinds: tuple[str, str]
) -> None:
    # one viewer for several files: a viewer, and every layer in it, takes a while to make
    for seed in range(6):
        open_draw_save(viewer, tmp_path, random_geometry(seed), seed, kinds)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(seed=st.integers(0, 2**32 - 1), kinds=st.sampled_from(KINDS))
def test_masks_lie_on_their_scans_for_hundreds_of_geometries(
    tmp_path: Path,
    random_geometry: Callable[[int], Geometry],
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    kinds: tuple[str, str],
) -> None:
    # the viewer's model does all but the drawing, and is a hundred times faster
    model = ViewerModel()
    monkeypatch.setattr("napari.current_viewer", lambda: model)
    open_draw_save(model, tmp_path, random_geometry(seed), seed, kinds)


def test_a_moved_and_turned_scan_still_gives_a_mask_that_lies_on_its_file(
    viewer: Any, tmp_path: Path, random_geometry: Callable[[int], Geometry]
) -> None:
    scan, mask = tmp_path / "scan.nii.gz", tmp_path / "mask.nii.gz"
    mark = make_scan(scan, random_geometry(4), 4)
    (layer,) = viewer.open(scan, plugin=PLUGIN)
    layer.translate = layer.translate + np.array([5, -7, 11])
    layer.affine = np.array([[1, 0, 0, 0], [0, 0, -1, 3], [0, 1, 0, 0], [0, 0, 0, 1.0]])
    viewer.layers.selection.active = layer
    viewer._new_labels()
    draw_on_mark(layer, viewer.layers.selection.active, 2)
    viewer.layers.save(str(mask), selected=True, plugin=PLUGIN)
    check(scan, mask, mark, 2)


def test_the_scan_itself_comes_back_unchanged(
    viewer: Any, tmp_path: Path, random_geometry: Callable[[int], Geometry]
) -> None:
    scan, copy = tmp_path / "scan.nrrd", tmp_path / "copy.nii.gz"
    make_scan(scan, random_geometry(8), 8)
    viewer.open(scan, plugin=PLUGIN)
    viewer.layers.save(str(copy), plugin=PLUGIN)
    ours, theirs = SimpleITK.ReadImage(str(copy)), SimpleITK.ReadImage(str(scan))
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(ours), SimpleITK.GetArrayFromImage(theirs))
    where = corners(theirs.GetSize())
    np.testing.assert_allclose(points_by_simpleitk(copy, where), points_by_simpleitk(scan, where), atol=1e-3)


def test_a_mask_reopened_lies_on_the_scan_in_the_viewer(
    viewer: Any, tmp_path: Path, random_geometry: Callable[[int], Geometry]
) -> None:
    from napari.layers import Labels

    from napari_medssl.widgets.layers import lies_on

    scan, mask = tmp_path / "scan.mha", tmp_path / "scan_seg.nrrd"
    make_scan(scan, random_geometry(11), 11)
    (layer,) = viewer.open(scan, plugin=PLUGIN)
    viewer._new_labels()
    draw_on_mark(layer, viewer.layers[-1], 1)
    viewer.layers.selection.active = viewer.layers[-1]
    viewer.layers.save(str(mask), selected=True, plugin=PLUGIN)
    (again,) = viewer.open(mask, plugin=PLUGIN)
    assert isinstance(again, Labels)
    assert lies_on(again, layer)
    np.testing.assert_array_equal(np.asarray(again.data) > 0, np.asarray(layer.data) == MARK)


def test_real_scans(viewer: Any, tmp_path: Path, medssl_data: Path) -> None:
    for name in ("oblique_head_ct.nii.gz", "thick_slices_brain.nrrd"):
        scan, mask = medssl_data / "odd" / name, tmp_path / f"{name.split('.')[0]}.nii.gz"
        (layer,) = viewer.open(scan, plugin=PLUGIN)
        viewer.layers.selection.active = layer
        viewer._new_labels()
        labels = viewer.layers.selection.active
        labels.data_setitem((np.array([5]), np.array([6]), np.array([7])), 1)
        viewer.layers.save(str(mask), selected=True, plugin=PLUGIN)
        size = SimpleITK.ReadImage(str(scan)).GetSize()
        expected = points_by_simpleitk(scan, corners(size))
        np.testing.assert_allclose(points_by_simpleitk(mask, corners(size)), expected, atol=1e-3)
        np.testing.assert_allclose(points_by_nibabel(mask, corners(size)), expected, atol=1e-3)
        viewer.layers.clear()
