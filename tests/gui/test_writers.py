"""File > Save: what is written, and what is refused."""

from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest
import SimpleITK

from napari_medssl.volumes import Volume, read_labels
from napari_medssl.widgets.layers import layer_data, new_labels
from napari_medssl.widgets.writers import with_extension

PLUGIN = "napari-medssl"


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".seg.nrrd", ".nrrd", ".mha", ".mhd"])
def test_the_save_dialog_offers_every_format(model: Any, tmp_path: Path, suffix: str) -> None:
    from napari.plugins._npe2 import file_extensions_string_for_layers

    data, arguments, _ = layer_data(Volume(np.zeros((3, 4, 5), np.int16)))
    labels = new_labels(model, model.add_image(data, **arguments))
    labels.paint((1, 1, 1), 4)
    offered, writers = file_extensions_string_for_layers([labels])
    entry, writer = next(pair for pair in zip(offered.split(";;"), writers, strict=True) if "MedSSL" in pair[0])
    assert f"*{suffix}" in entry
    path = tmp_path / f"mask{suffix}"
    assert model.layers.save(str(path), selected=True, _writer=writer) == [str(path)]
    assert set(np.unique(read_labels(path).array)) == {0, 4}


def test_a_name_without_extension_becomes_nifti(model: Any, tmp_path: Path) -> None:
    labels = model.add_labels(np.ones((3, 4, 5), np.int64), scale=(3, 2, 1))
    written = model.layers.save(str(tmp_path / "liver"), plugin=PLUGIN)
    assert written == [str(tmp_path / "liver.nii.gz")]
    assert read_labels(written[0]).spacing == pytest.approx(labels.scale)


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("mask", "mask.nii.gz"),
        ("scan - Labels", "scan - Labels.nii.gz"),
        ("scan 2.5", "scan 2.5.nii.gz"),
        ("case.001", "case.001.nii.gz"),
        ("mask.NII", "mask.NII"),
        ("mask.seg.nrrd", "mask.seg.nrrd"),
        ("mask.png", "mask.png"),  # refused when it is written
    ],
)
def test_extensions(given: str, written: str) -> None:
    assert with_extension(given) == written


def test_a_layer_of_another_reader_keeps_its_spacing_and_place(model: Any, tmp_path: Path) -> None:
    model.add_image(np.zeros((3, 4, 5)), affine=[[4, 0, 0, 40], [0, 2, 0, 20], [0, 0, 3, 30], [0, 0, 0, 1]])
    model._new_labels()
    model.layers[-1].paint((2, 3, 4), 1)
    model.layers.selection.active = model.layers[-1]
    (path,) = model.layers.save(str(tmp_path / "mask.mha"), selected=True, plugin=PLUGIN)
    image = SimpleITK.ReadImage(path)
    assert image.GetSpacing() == pytest.approx((3, 2, 4))
    assert image.GetOrigin() == pytest.approx((30, 20, 40))
    assert image.GetPixel(4, 3, 2) == 1


def test_a_lazy_scan_and_a_pyramid_are_written(model: Any, tmp_path: Path) -> None:
    voxels = np.arange(512, dtype=np.int16).reshape(8, 8, 8)
    model.add_image(dask.array.from_array(voxels, chunks=4), name="lazy", scale=(3, 2, 1))
    model.add_image([voxels, voxels[::2, ::2, ::2]], name="pyramid", multiscale=True)
    for name in ("lazy", "pyramid"):
        model.layers.selection.active = model.layers[name]
        (path,) = model.layers.save(str(tmp_path / f"{name}.nrrd"), selected=True, plugin=PLUGIN)
        np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(path)), voxels)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (np.full((3, 4, 5), -2), "between 0 and"),
        (np.ones((2, 3, 4, 5), int), "frames"),
        (np.ones((4, 5), int), "single slice"),
    ],
)
def test_masks_that_cannot_be_written(model: Any, tmp_path: Path, data: np.ndarray, words: str) -> None:
    model.add_labels(data)
    with pytest.raises(OSError, match=words):
        model.layers.save(str(tmp_path / "mask.nii.gz"), plugin=PLUGIN)
    assert list(tmp_path.iterdir()) == []


def test_one_frame_of_a_cine_can_be_drawn_on_and_saved(model: Any, tmp_path: Path) -> None:
    model.add_image(np.zeros((2, 3, 4, 5)), scale=(1, 4, 2, 3))
    new_labels(model, model.layers[0]).paint((1, 1, 1), 1)
    (path,) = model.layers.save(str(tmp_path / "mask.nrrd"), selected=True, plugin=PLUGIN)
    assert SimpleITK.ReadImage(path).GetSpacing() == pytest.approx((3, 2, 4))
