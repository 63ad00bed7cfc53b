"""What is written lies where it should for every reader: SimpleITK and nibabel, each with code of its own."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.transform import Rotation

from napari_medssl import Geometry, Volume, read_labels, read_volume, write_labels, write_volume

TOLERANCE = 1e-3
FLIPS = [np.diag(signs) for signs in np.array(np.meshgrid([1, -1], [1, -1], [1, -1])).T.reshape(-1, 3)]
PERMUTATIONS = [np.eye(3)[list(order)] for order in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))]
many = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def directions(draw):
    """Straight, flipped, permuted, slightly tilted (the hard case for a quaternion) and freely oblique grids."""
    base = draw(st.sampled_from(FLIPS)) @ draw(st.sampled_from(PERMUTATIONS))
    largest = draw(st.sampled_from([0.0, 1e-3, 0.1, 5.0, 180.0]))
    axis = [draw(st.floats(-1, 1)) for _ in range(3)]
    length = math.hypot(*axis)
    if length < 1e-3:
        return base
    turn = math.radians(largest * draw(st.floats(0, 1)))
    return Rotation.from_rotvec(np.array(axis) / length * turn).as_matrix() @ base


@st.composite
def geometries(draw):
    spacing = tuple(draw(st.floats(0.1, 8.0)) for _ in range(3))
    origin = tuple(draw(st.floats(-2000, 2000)) for _ in range(3))
    return Geometry(spacing, origin, tuple(draw(directions()).ravel()))


shapes = st.tuples(st.integers(1, 60), st.integers(1, 300), st.integers(1, 300))


def corners_by_simpleitk(path: Path) -> np.ndarray:
    image = SimpleITK.ReadImage(str(path))
    width, height, depth = image.GetSize()
    return np.array(
        [
            image.TransformIndexToPhysicalPoint((x, y, z))
            for z in (0, depth - 1)
            for y in (0, height - 1)
            for x in (0, width - 1)
        ]
    )


def corners_by_nibabel(image: nib.Nifti1Image, affine: np.ndarray) -> np.ndarray:
    width, height, depth = image.shape
    ends = [(x, y, z) for z in (0, depth - 1) for y in (0, height - 1) for x in (0, width - 1)]
    return nib.affines.apply_affine(affine, ends) * [-1, -1, 1]  # RAS to LPS


@many
@given(geometry=geometries(), shape=shapes, suffix=st.sampled_from([".nii.gz", ".nii"]))
def test_nifti_lies_where_it_should_for_simpleitk_and_nibabel(geometry, shape, suffix):
    labels = np.zeros(shape, np.uint8)
    labels[0, 0, -1] = 3
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "labels" + suffix)
        write_labels(path, labels, geometry)
        expected = geometry.corners(shape)
        np.testing.assert_allclose(corners_by_simpleitk(path), expected, atol=TOLERANCE)
        image = nib.load(path)
        np.testing.assert_allclose(corners_by_nibabel(image, image.affine), expected, atol=TOLERANCE)
        sform, code = image.header.get_sform(coded=True)
        assert code == 1
        np.testing.assert_allclose(corners_by_nibabel(image, sform), expected, atol=TOLERANCE)
        qform, code = image.header.get_qform(coded=True)
        if code:  # what is declared is right; what a quaternion cannot say to a thousandth of a millimetre is not
            np.testing.assert_allclose(corners_by_nibabel(image, qform), expected, atol=TOLERANCE)
        np.testing.assert_array_equal(np.asarray(image.dataobj).T, labels)
        again = read_labels(path)
        np.testing.assert_array_equal(again.array, labels)
        np.testing.assert_allclose(again.geometry.corners(shape), expected, atol=TOLERANCE)
        assert not again.notes


@many
@given(geometry=geometries(), shape=shapes, suffix=st.sampled_from([".nrrd", ".seg.nrrd", ".mha", ".mhd"]))
def test_nrrd_and_metaimage_lie_where_they_should_for_simpleitk(geometry, shape, suffix):
    labels = np.zeros(shape, np.uint8)
    labels[-1, 0, 0] = 2
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "labels" + suffix)
        write_labels(path, labels, geometry)
        expected = geometry.corners(shape)
        np.testing.assert_allclose(corners_by_simpleitk(path), expected, atol=TOLERANCE)
        again = read_labels(path)
        np.testing.assert_array_equal(again.array, labels)
        np.testing.assert_allclose(again.geometry.corners(shape), expected, atol=TOLERANCE)


@many
@given(geometry=geometries(), shape=shapes, suffix=st.sampled_from([".nrrd", ".mha"]))
def test_text_headers_read_by_hand_lie_where_they_should(geometry, shape, suffix):
    """The header's own numbers, by a reading of the format that shares nothing with SimpleITK."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "labels" + suffix)
        write_labels(path, np.ones(shape, np.uint8), geometry)
        lines = path.read_bytes().split(b"\n\n" if suffix == ".nrrd" else b"ElementDataFile")[0].decode().splitlines()
    fields = dict(line.replace(" = ", ": ").split(": ", 1) for line in lines if ": " in line or " = " in line)
    if suffix == ".nrrd":
        assert fields["space"] == "left-posterior-superior"
        numbers = [np.fromstring(word.strip("()"), sep=",") for word in fields["space directions"].split()]
        axes, origin = np.array(numbers).T, np.fromstring(fields["space origin"].strip("()"), sep=",")
    else:
        turned = np.fromstring(fields["TransformMatrix"], sep=" ").reshape(3, 3).T
        axes = turned * np.fromstring(fields["ElementSpacing"], sep=" ")
        origin = np.fromstring(fields["Offset"], sep=" ")
    depth, height, width = shape
    ends = np.array([(x, y, z) for z in (0, depth - 1) for y in (0, height - 1) for x in (0, width - 1)])
    np.testing.assert_allclose(ends @ axes.T + origin, geometry.corners(shape), atol=TOLERANCE)


NUMBER_TYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8")


@many
@given(
    array=st.sampled_from(NUMBER_TYPES).flatmap(
        lambda kind: hnp.arrays(
            np.dtype(kind),
            hnp.array_shapes(min_dims=3, max_dims=3, max_side=6),
            elements={"allow_nan": False, "allow_infinity": False} if kind[0] == "f" else None,
        )
    ),
    swapped=st.booleans(),
    suffix=st.sampled_from([".nii.gz", ".nii", ".nrrd", ".mha", ".mhd"]),
)
def test_voxels_and_their_type_come_back_unchanged(array, swapped, suffix):
    stored = array.astype(array.dtype.newbyteorder()) if swapped else array
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "scan" + suffix)
        write_volume(path, Volume(stored, Geometry((0.5, 0.6, 3.0), (1.0, -2.0, 3.0))))
        again = read_volume(path)
    assert again.array.dtype == array.dtype
    assert again.array.dtype.isnative
    np.testing.assert_array_equal(again.array, array)
    assert again.name == "scan"


def test_a_slight_tilt_is_exact_though_a_quaternion_cannot_say_it(tmp_path):
    """An axial scan tilted by 0.1 degrees: half a turn in RAS, where the quaternion's first component is lost."""
    turned = Rotation.from_euler("xyz", [0.1, 0.07, 0.03], degrees=True).as_matrix()
    geometry = Geometry((0.7, 0.7, 5.0), (-200.123, -180.2, -1500.3), tuple(turned.ravel()))
    shape = (40, 512, 400)
    write_labels(tmp_path / "a.nii.gz", np.zeros(shape, np.uint8), geometry)
    image = nib.load(tmp_path / "a.nii.gz")
    off = np.abs(corners_by_nibabel(image, image.header.get_qform()) - geometry.corners(shape)).max()
    assert off > 0.05
    assert int(image.header["qform_code"]) == 0
    np.testing.assert_allclose(corners_by_simpleitk(tmp_path / "a.nii.gz"), geometry.corners(shape), atol=TOLERANCE)


@pytest.mark.parametrize("skew", [1e-6, 1e-5, 3e-4])
def test_a_grid_that_is_nearly_straight_stays_readable(tmp_path, skew):
    matrix = np.eye(3)
    matrix[0, 1] = skew
    geometry = Geometry((0.7, 0.7, 5.0), (-200.0, -180.0, 50.0), tuple(matrix.ravel()))
    shape = (5, 300, 300)
    write_labels(tmp_path / "a.nii.gz", np.zeros(shape, np.uint8), geometry)
    image = nib.load(tmp_path / "a.nii.gz")
    np.testing.assert_allclose(corners_by_nibabel(image, image.affine), geometry.corners(shape), atol=TOLERANCE)
    # Beyond 1e-4 SimpleITK takes the nearest perpendicular grid instead.
    within = TOLERANCE if skew < 1e-4 else 300 * 0.7 * skew
    np.testing.assert_allclose(corners_by_simpleitk(tmp_path / "a.nii.gz"), geometry.corners(shape), atol=within)
