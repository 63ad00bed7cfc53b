"""File > Open: what becomes a layer, of which kind, and what is said when it cannot."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dicom_files as dcm
import nibabel
import numpy as np
import pytest
from napari.layers import Image, Labels
from napari.utils.notifications import notification_manager
from npe2.io_utils import read

from napari_medssl.errors import BadInput
from napari_medssl.volumes import Volume, write_volume
from napari_medssl.widgets import layers, readers

PLUGIN = "napari-medssl"
Viewer = Any


def mask(folder: Path, name: str, values: Any = (0, 1, 2), dtype: str = "uint8") -> Path:
    array = np.resize(np.array(values, dtype), (3, 4, 5))
    folder.mkdir(parents=True, exist_ok=True)
    write_volume(folder / name, Volume(array))
    return folder / name


def said(since: int) -> list[str]:
    return [notice.message for notice in notification_manager.records[since:]]


@pytest.mark.parametrize(
    "name",
    [
        "liver_seg.nii.gz",
        "case 1 mask.nrrd",
        "MASK.mha",
        "a-label.nii",
        "x.labels.nii.gz",
        "s_labelmap.nii.gz",
        "t.seg.nrrd",
    ],
)
def test_names_that_make_labels(tmp_path: Path, name: str) -> None:
    assert readers.read_layers(mask(tmp_path, name))[0][2] == "labels"
    assert readers.read_layers(mask(tmp_path, name, (0.0, 3.0), "float32"))[0][2] == "labels"


@pytest.mark.parametrize(
    "name", ["scan.nii.gz", "unmasked.nii.gz", "segment3.mha", "label_01.nrrd", "mask_lung_ct.nii"]
)
def test_names_that_make_images(tmp_path: Path, name: str) -> None:
    assert readers.read_layers(mask(tmp_path, name))[0][2] == "image"


def test_a_folder_of_labels_makes_labels(tmp_path: Path) -> None:
    assert readers.read_layers(mask(tmp_path / "labelsTr", "case_001.nii.gz"))[0][2] == "labels"
    assert readers.read_layers(mask(tmp_path / "imagesTr", "case_001.nii.gz"))[0][2] == "image"


@pytest.mark.parametrize(
    ("values", "dtype"),
    [((0, 0.5, 1), "float32"), ((-1, 0, 1), "int16"), (range(300), "int16"), ((0, 1e20), "float64")],
)
def test_voxels_that_cannot_be_labels_make_an_image(tmp_path: Path, values: Any, dtype: str) -> None:
    path = tmp_path / "x_mask.nrrd"
    write_volume(path, Volume(np.resize(np.array(values, dtype), (5, 8, 9))))
    assert readers.read_layers(path)[0][2] == "image"


def test_a_series_of_dicom_files(model: Viewer, tmp_path: Path) -> None:
    pixels = dcm.pixels_of(4)
    dcm.series(tmp_path / "ct", [0, 2, 4, 6], pixels)
    (layer,) = model.open(tmp_path / "ct", plugin=PLUGIN)
    assert isinstance(layer, Image)
    np.testing.assert_array_equal(layer.data, pixels[::-1])  # head first
    np.testing.assert_allclose(layer.scale, (2, 0.7, 0.5))
    assert layers.scan_info(layer)["modality"] == "CT"
    assert list(layer.contrast_limits) == [-160, 240]


def test_all_files_of_a_series_opened_together_are_one_scan(model: Viewer, tmp_path: Path) -> None:
    dcm.series(tmp_path / "ct", [0, 2, 4, 6])
    dcm.series(tmp_path / "ct" / "other", [0, 2, 4], uid="1.2.3.5")
    files = sorted(path for path in (tmp_path / "ct").iterdir() if path.is_file())
    assert len(model.open(files, plugin=PLUGIN)) == 1
    assert len(model.open(files, plugin=PLUGIN, stack=True)) == 0  # open already
    assert len(model.open(sorted((tmp_path / "ct" / "other").iterdir()), plugin=PLUGIN)) == 1
    model.layers.clear()
    assert len(model.open(files, plugin=PLUGIN, stack=True)) == 1


def test_several_series_need_a_choice(model: Viewer, tmp_path: Path) -> None:
    two_series(tmp_path)
    with pytest.raises(BadInput, match=r"holds 2 DICOM series; choose one"):
        model.open(tmp_path, plugin=PLUGIN)


def two_series(folder: Path) -> None:
    dcm.series(folder / "a", [0, 2, 4], uid="1.2.3.4", number=1, description="Scout")
    dcm.series(folder / "b", [0, 1, 2, 3, 4], uid="1.2.3.5", number=2, description="Venous", modality="MR")


@pytest.mark.parametrize(("row", "accept", "slices"), [(None, True, 5), (0, True, 3), (0, False, 0)])
def test_the_series_are_offered_in_the_viewer(
    make_napari_viewer: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    row: int | None,
    accept: bool,
    slices: int,
) -> None:
    from napari_medssl.widgets.series_dialog import SeriesDialog

    two_series(tmp_path)
    viewer = make_napari_viewer(show=True)
    offered = []

    def answer(dialog: SeriesDialog) -> int:
        table = dialog.table
        offered.extend([table.item(r, c).text() for c in range(4)] for r in range(table.rowCount()))
        if row is not None:
            table.selectRow(row)
        return dialog.DialogCode.Accepted if accept else dialog.DialogCode.Rejected

    monkeypatch.setattr(SeriesDialog, "exec", answer)
    opened = viewer.open(tmp_path, plugin=PLUGIN)
    assert offered == [["1", "Scout", "CT", "3"], ["2", "Venous", "MR", "5"]]
    assert [layer.data.shape[0] for layer in opened] == [slices] * accept


def test_folders_that_are_not_dicom_are_left_to_others(tmp_path: Path) -> None:
    for name in (".zarray", "zarr.json"):
        store = tmp_path / f"store{name}.zarr"
        (store / "0").mkdir(parents=True)
        (store / name).write_text("{}")
        (store / "0" / "0").write_bytes(b"\x08\x00\x05\x00" + bytes(300))  # begins as old DICOM files do
        assert readers.get_reader(str(store)) is None
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(b"\x89PNG")
    assert readers.get_reader(str(tmp_path / "pictures")) is None
    assert readers.get_reader([str(tmp_path / "a.nii"), str(tmp_path / "b.nii")]) is None
    dcm.series(tmp_path / "pictures" / "ct", [0, 2])
    assert readers.get_reader(str(tmp_path / "pictures")) is not None


def test_frames_open_as_time(model: Viewer, tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 900, (6, 5, 4, 3), dtype=np.int16)  # x, y, z, t
    nibabel.save(nibabel.Nifti1Image(data, np.diag([-2.0, -3.0, 4.0, 1.0])), tmp_path / "cine.nii.gz")  # LPS
    (layer,) = model.open(tmp_path / "cine.nii.gz", plugin=PLUGIN)
    np.testing.assert_array_equal(layer.data, data.transpose(3, 2, 1, 0)[:, ::-1])
    np.testing.assert_allclose(layer.scale, (1, 4, 3, 2))
    assert model.dims.axis_labels[0] == "time"
    np.testing.assert_array_equal(layers.volume_from_layer(layer, frame=1).array, data.transpose(3, 2, 1, 0)[1])


def test_frames_of_labels(tmp_path: Path) -> None:
    data = np.resize([0, 1, 2], (6, 5, 4, 3)).astype(np.uint8)
    nibabel.save(nibabel.Nifti1Image(data, np.eye(4)), tmp_path / "cine_labels.nii.gz")
    ((array, arguments, kind),) = readers.read_layers(tmp_path / "cine_labels.nii.gz")
    assert kind == "labels"
    assert Labels(array, **arguments).data.shape == (3, 4, 5, 6)


@pytest.mark.parametrize("content", [b"", b"not an image at all", b"\x5c\x01\x00\x00" + bytes(400)])
def test_a_broken_file_is_refused_in_a_sentence(model: Viewer, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "scan.nii").write_bytes(content)
    with pytest.raises(BadInput, match=r"scan\.nii"):
        model.open(tmp_path / "scan.nii", plugin=PLUGIN)
    assert len(model.layers) == 0


def test_a_shown_viewer_says_the_sentence_itself(make_napari_viewer: Callable[..., Any], tmp_path: Path) -> None:
    viewer = make_napari_viewer(show=True)
    (tmp_path / "scan.nii").write_bytes(b"nothing")
    before = len(notification_manager.records)
    assert viewer.open(tmp_path / "scan.nii", plugin=PLUGIN) == []
    (sentence,) = said(before)
    assert "scan.nii" in sentence
    assert "\n" not in sentence
    assert "Traceback" not in sentence


def test_notes_are_shown(tmp_path: Path) -> None:
    array = np.ones((3, 4, 5), np.float32)
    array[1, 1, 1] = np.nan
    write_volume(tmp_path / "scan.nrrd", Volume(array))
    before = len(notification_manager.records)
    read([str(tmp_path / "scan.nrrd")], stack=False, plugin_name=PLUGIN)
    (note,) = said(before)
    assert note.startswith("scan: 1 voxel")


def test_reading_marks_the_sides(model: Viewer, tmp_path: Path) -> None:
    model.open(mask(tmp_path, "scan.mha"), plugin=PLUGIN)
    assert model.canvas.overlays["napari_medssl_side_left"].text == "R"


def test_every_real_scan_opens(model: Viewer, medssl_data: Path) -> None:
    paths = [*sorted((medssl_data / "odd").iterdir()), *sorted((medssl_data / "dicom").iterdir())]
    for path in paths:
        (layer,) = model.open(path, plugin=PLUGIN)
        # the "labels" of the ultrasound hold fractions
        assert isinstance(layer, Labels if path.name == "thick_slices_brain_label.nrrd" else Image), path
        assert layers.geometry_of(layer) is not None
        model.layers.clear()
