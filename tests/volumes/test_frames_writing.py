"""Label maps of several frames: voxels, places and times come back, in SimpleITK and nibabel."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from napari_medssl.errors import BadInput
from napari_medssl.volumes import Geometry
from napari_medssl.volumes.frames import frame_count, read_frames
from napari_medssl.volumes.frames_writing import frame_step, write_frame_labels

TURN = Rotation.from_euler("xyz", (170, 4, -60), degrees=True).as_matrix()
GEOMETRY = Geometry((1.5, 1.25, 8.0), (-80.5, 20.25, 300.0), tuple(TURN.ravel()))


@pytest.mark.parametrize("ending", [".nii.gz", ".nii", ".nrrd", ".mha"])
def test_what_was_written_comes_back(tmp_path, ending):
    labels = np.random.default_rng(0).integers(0, 4, (3, 4, 6, 5)).astype(np.int64)
    path = tmp_path / f"mask{ending}"
    write_frame_labels(path, labels, GEOMETRY, step=0.04)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert frame_count(path) == 3
    frames, first = read_frames(path)
    np.testing.assert_array_equal(frames, labels)
    np.testing.assert_allclose(first.geometry.corners((4, 6, 5)), GEOMETRY.corners((4, 6, 5)), atol=1e-3)
    assert frame_step(path) == pytest.approx(0.04)
    image = sitk.ReadImage(str(path))
    assert image.GetPixelID() == sitk.sitkUInt8
    point = image.TransformContinuousIndexToPhysicalPoint((4.0, 5.0, 3.0, 0.0))[:3]
    np.testing.assert_allclose(point, GEOMETRY.world((3, 5, 4)), atol=1e-3)


def test_nibabel_sees_the_same_place(tmp_path):
    write_frame_labels(tmp_path / "mask.nii.gz", np.ones((2, 3, 4, 5), np.uint8), GEOMETRY, step=0.5)
    image = nibabel.load(tmp_path / "mask.nii.gz")
    assert image.shape == (5, 4, 3, 2)
    assert image.header.get_zooms()[3] == pytest.approx(0.5)
    expected = np.diag([-1, -1, 1, 1]) @ GEOMETRY.affine
    np.testing.assert_allclose(image.affine, expected, atol=1e-4)


def test_other_endings_are_refused(tmp_path):
    for name in ("mask.seg.nrrd", "mask.dcm", "mask"):
        with pytest.raises(BadInput, match="masks of several frames need a name that ends in"):
            write_frame_labels(tmp_path / name, np.ones((2, 3, 4, 5), np.uint8), GEOMETRY)
