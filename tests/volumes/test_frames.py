"""Four-dimensional images, against SimpleITK and nibabel."""

from pathlib import Path

import nibabel
import numpy as np
import pytest

from napari_medssl.errors import BadInput
from napari_medssl.volumes.frames import frame_count, read_frames
from napari_medssl.volumes.volume import Volume
from napari_medssl.volumes.writing import write_volume


def test_time_points_of_a_nifti_file(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 900, (6, 5, 4, 3), dtype=np.int16)  # x, y, z, t
    nibabel.save(nibabel.Nifti1Image(data, np.diag([2.0, 3.0, 4.0, 1.0])), tmp_path / "cine.nii.gz")
    frames, first = read_frames(tmp_path / "cine.nii.gz")
    assert frame_count(tmp_path / "cine.nii.gz") == 3
    np.testing.assert_array_equal(frames, data.transpose(3, 2, 1, 0))
    np.testing.assert_array_equal(first.array, frames[0])
    assert first.spacing == pytest.approx((4, 3, 2))


def test_time_points_of_a_slicer_sequence(tmp_path: Path) -> None:
    data = np.random.default_rng(1).normal(size=(4, 5, 6, 2)).astype("<f4")  # z, y, x, t: Slicer keeps t innermost
    data[1, 1, 1, 1] = np.nan
    header = (
        "NRRD0005\ntype: float\ndimension: 4\nspace: left-posterior-superior\nsizes: 2 6 5 4\n"
        "space directions: none (1,0,0) (0,2,0) (0,0,3)\nkinds: list domain domain domain\n"
        "endian: little\nencoding: raw\nspace origin: (0,0,0)\n\n"
    )
    (tmp_path / "two.nrrd").write_bytes(header.encode() + data.tobytes())
    frames, first = read_frames(tmp_path / "two.nrrd")
    assert frames.shape == (2, 4, 5, 6)
    np.testing.assert_array_equal(frames[0], data[..., 0])
    assert frames[1, 1, 1, 1] == data[..., 0].min()
    np.testing.assert_array_equal(first.array, data[..., 0])
    assert first.spacing == pytest.approx((3, 2, 1))


def test_a_plain_scan_has_one_frame(tmp_path: Path) -> None:
    write_volume(tmp_path / "scan.mha", Volume(np.arange(24).reshape(2, 3, 4).astype(np.int16)))
    frames, _ = read_frames(tmp_path / "scan.mha")
    assert frame_count(tmp_path / "scan.mha") == 1
    assert frames.shape == (1, 2, 3, 4)


def test_a_broken_file_is_left_to_the_reader_to_explain(tmp_path: Path) -> None:
    (tmp_path / "scan.nii").write_bytes(b"nothing of the kind")
    assert frame_count(tmp_path / "scan.nii") == 1
    with pytest.raises(BadInput, match=r"scan\.nii"):
        read_frames(tmp_path / "scan.nii")


def test_real_series(medssl_data: Path) -> None:
    folder = medssl_data / "dicom" / "hippocampus_study1"
    assert frame_count(folder) == 1
    assert frame_count(next(path for path in sorted(folder.rglob("*")) if path.is_file())) == 1
    assert frame_count(medssl_data / "odd" / "cardiac_4d.nii.gz") > 1
