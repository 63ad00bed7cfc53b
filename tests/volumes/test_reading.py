"""Reading NIfTI, NRRD and MetaImage, against nibabel and arrays known beforehand."""

from __future__ import annotations

import struct
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK

from napari_medssl import Geometry, Volume, read_labels, read_volume, write_labels
from napari_medssl.errors import BadInput

RNG = np.random.default_rng(1)
SCAN = RNG.integers(-900, 900, (4, 5, 6)).astype(np.int16)
AFFINE = np.diag([-0.7, -0.7, 3.0, 1.0])


def save_nifti(path: Path, array_zyx: np.ndarray, affine: np.ndarray = AFFINE, order: str = "<", **how) -> Path:
    array = array_zyx.T.astype(array_zyx.dtype.newbyteorder(order))
    image = nib.Nifti1Image(array, affine, nib.Nifti1Header(endianness=order))
    image.set_data_dtype(array.dtype)
    image.set_qform(affine, how.get("qform_code", 1))
    image.set_sform(how.get("sform", affine), how.get("sform_code", 1))
    image.to_filename(path)
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["u1", "i2", "u2", "i4", "f4", "f8"])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_nifti_of_either_byte_order(tmp_path, order, kind, suffix):
    array = np.abs(SCAN).astype(kind)
    volume = read_volume(save_nifti(tmp_path / f"scan{suffix}", array, order=order))
    np.testing.assert_array_equal(volume.array, array)
    assert volume.array.dtype == np.dtype(kind)
    assert volume.array.dtype.isnative
    np.testing.assert_allclose(volume.spacing, (3.0, 0.7, 0.7), rtol=1e-6)
    assert (volume.name, volume.notes, volume.modality) == ("scan", (), "")


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("encoding", ["raw", "ascii", "gzip"])
def test_nrrd_written_by_hand(tmp_path, order, encoding):
    import gzip

    raw = SCAN.astype("<i2" if order == "little" else ">i2").tobytes()
    data = {"raw": raw, "gzip": gzip.compress(raw), "ascii": " ".join(map(str, SCAN.ravel())).encode()}[encoding]
    endian = "" if encoding == "ascii" else f"endian: {order}\n"
    header = (
        f"NRRD0004\n# a comment\ntype: int16\ndimension: 3\nsizes: 6 5 4\nspace: right-anterior-superior\n"
        f"space directions: (-0.7,0,0) (0,-0.7,0) (0,0,3)\nspace origin: (10,20,30)\n{endian}encoding: {encoding}\n"
        "note:=something of another program\n\n"
    )
    (tmp_path / "a.nrrd").write_bytes(header.encode() + data)
    volume = read_volume(tmp_path / "a.nrrd")
    np.testing.assert_array_equal(volume.array, SCAN)
    assert volume.geometry.same_grid(Geometry((0.7, 0.7, 3), (-10, -20, 30)))
    header = header.replace("\n\n", "\ndata file: voxels.bin\n")
    (tmp_path / "b.nhdr").write_text(header)
    (tmp_path / "voxels.bin").write_bytes(data)
    np.testing.assert_array_equal(read_volume(tmp_path / "b.nhdr").array, SCAN)


def test_nrrd_without_a_spacing_says_so(tmp_path):
    header = b"NRRD0004\ntype: int16\ndimension: 3\nsizes: 6 5 4\nendian: little\nencoding: raw\n\n"
    (tmp_path / "a.nrrd").write_bytes(header + SCAN.astype("<i2").tobytes())
    volume = read_volume(tmp_path / "a.nrrd")
    np.testing.assert_array_equal(volume.array, SCAN)
    assert volume.notes == ("The file does not state a voxel spacing; 1 mm was assumed.",)


@pytest.mark.parametrize("msb", [True, False])
@pytest.mark.parametrize("file", ["a.mha", "a.mhd"])
def test_metaimage_written_by_hand(tmp_path, msb, file):
    raw = SCAN.astype(">i2" if msb else "<i2").tobytes()
    where = "LOCAL" if file == "a.mha" else "a.raw"
    header = (
        f"ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = {msb}\n"
        "TransformMatrix = 0 1 0 -1 0 0 0 0 1\nOffset = 1 2 3\nElementSpacing = 0.7 0.8 3\nDimSize = 6 5 4\n"
        f"ElementType = MET_SHORT\nElementDataFile = {where}\n"
    ).encode()
    (tmp_path / file).write_bytes(header + (raw if where == "LOCAL" else b""))
    (tmp_path / "a.raw").write_bytes(raw)
    volume = read_volume(tmp_path / file)
    np.testing.assert_array_equal(volume.array, SCAN)
    np.testing.assert_allclose(volume.geometry.world([0, 0, 1]), (1, 2.7, 3))
    np.testing.assert_allclose(volume.geometry.world([0, 1, 0]), (0.2, 2, 3))


@pytest.mark.parametrize("named", ["a.hdr", "a.img"])
def test_a_pair_of_header_and_voxels(tmp_path, named):
    pair = nib.Nifti1Pair(SCAN.T, AFFINE)
    pair.set_sform(AFFINE, 1)
    pair.to_filename(tmp_path / "a.hdr")
    volume = read_volume(tmp_path / named)
    np.testing.assert_array_equal(volume.array, SCAN)
    (tmp_path / "a.img").write_bytes((tmp_path / "a.img").read_bytes()[:-3])
    with pytest.raises(BadInput, match="cut short"):
        read_volume(tmp_path / named)


def test_slope_and_intercept_are_applied(tmp_path):
    image = nib.Nifti1Image(SCAN.T, AFFINE)
    image.header.set_slope_inter(0.5, -100)
    image.to_filename(tmp_path / "a.nii.gz")
    content = nib.load(tmp_path / "a.nii.gz")
    np.testing.assert_allclose(read_volume(tmp_path / "a.nii.gz").array, content.get_fdata().T, atol=1e-3)


@pytest.mark.parametrize("suffix", ["nii", "nii.gz", "nrrd", "mha"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_voxels_that_are_no_numbers_become_the_smallest_value(tmp_path, suffix, order):
    array = RNG.normal(size=(4, 5, 6)).astype(np.float32)
    array[1, 2, 3], array[0, 0, 0], array[3, 4, 5] = np.nan, np.inf, -np.inf
    path = tmp_path / f"a.{suffix}"
    if suffix.startswith("nii"):
        save_nifti(path, array, order=order)
    else:
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(array), str(path))
    volume = read_volume(path)
    smallest = array[np.isfinite(array)].min()
    np.testing.assert_array_equal(volume.array, np.where(np.isfinite(array), array, smallest))
    assert volume.notes == (f"3 voxels were not numbers and were set to the smallest value, {smallest:g}.",)
    with pytest.raises(BadInput, match="not whole"):
        read_labels(path)


@pytest.mark.parametrize("suffix", ["nii.gz", "nrrd", "mha"])
def test_frames_are_picked_by_number(tmp_path, suffix):
    frames = RNG.normal(size=(3, 4, 5, 6)).astype(np.float32)
    frames[1, 0, 0, 0] = np.nan
    path = tmp_path / f"a.{suffix}"
    if suffix == "nii.gz":
        save_nifti(path, frames)
    else:
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(frames, isVector=False), str(path))
    with pytest.raises(BadInput, match="holds 3 frames; choose one of them, from 0 to 2"):
        read_volume(path)
    for frame in range(3):
        volume = read_volume(path, frame=frame)
        np.testing.assert_array_equal(volume.array, np.nan_to_num(frames[frame], nan=np.nanmin(frames[frame])))
        assert len(volume.notes) == (1 if frame == 1 else 0)


def test_a_slicer_sequence_keeps_its_frames_in_the_first_axis(tmp_path):
    frames = RNG.integers(0, 99, (4, 5, 6, 3)).astype(np.int16)
    header = (
        b"NRRD0004\ntype: short\ndimension: 4\nspace: left-posterior-superior\nsizes: 3 6 5 4\n"
        b"space directions: none (0.7,0,0) (0,0.7,0) (0,0,3)\nkinds: list domain domain domain\nendian: little\n"
        b"encoding: raw\nspace origin: (0,0,0)\n\n"
    )
    (tmp_path / "a.seq.nrrd").write_bytes(header + frames.astype("<i2").tobytes())
    with pytest.raises(BadInput, match="holds 3 frames"):
        read_volume(tmp_path / "a.seq.nrrd")
    volume = read_volume(tmp_path / "a.seq.nrrd", frame=2)
    np.testing.assert_array_equal(volume.array, frames[..., 2])
    assert volume.spacing == (3, 0.7, 0.7)


def test_one_frame_needs_no_choice(tmp_path):
    volume = read_volume(save_nifti(tmp_path / "a.nii", SCAN[np.newaxis]))
    np.testing.assert_array_equal(volume.array, SCAN)
    assert read_volume(tmp_path / "a.nii", frame=0).shape == SCAN.shape
    with pytest.raises(BadInput, match="no frame 1; it holds one frame, number 0"):
        read_volume(tmp_path / "a.nii", frame=1)


def test_a_single_slice(tmp_path):
    volume = read_volume(save_nifti(tmp_path / "a.nii", SCAN[0]))
    np.testing.assert_array_equal(volume.array, SCAN[:1])
    assert "one slice" in volume.notes[0]
    path = save_nifti(tmp_path / "b.nii", SCAN[:1])
    assert read_volume(path).notes == ()
    content = bytearray(path.read_bytes())
    struct.pack_into("<f", content, 76 + 12, 0.0)
    path.write_bytes(content)
    assert "does not state its thickness" in read_volume(path).notes[0]


def test_two_placements_that_disagree_are_said(tmp_path):
    moved = AFFINE.copy()
    moved[:3, 3] = (0, 0, 7)
    volume = read_volume(save_nifti(tmp_path / "a.nii", SCAN, sform=moved))
    assert volume.notes == (
        "The two placements in the file's header (sform and qform) differ by up to 7 mm; sform was used.",
    )
    np.testing.assert_allclose(volume.geometry.origin, (0, 0, 7), atol=1e-5)


def test_a_nifti_file_without_placement_says_so(tmp_path):
    volume = read_volume(save_nifti(tmp_path / "a.nii", SCAN, qform_code=0, sform_code=0))
    assert "left and right are not certain" in volume.notes[0]


def test_metres_and_micrometres_become_millimetres(tmp_path):
    affine = np.diag([0.002, 0.002, 0.003, 1])
    image = nib.Nifti1Image(SCAN.T, affine)
    image.header.set_xyzt_units("meter")
    image.set_qform(affine, 1)
    image.to_filename(tmp_path / "a.nii")
    np.testing.assert_allclose(read_volume(tmp_path / "a.nii").spacing, (3, 2, 2), rtol=1e-5)


def test_labels_keep_a_small_type_and_floats_become_whole(tmp_path):
    labels = (SCAN > 0).astype(np.uint8) * 3
    for kind, expected in (("u1", "u1"), ("u2", "u2"), ("i4", "i4"), ("f4", "u1"), ("f8", "u1")):
        path = save_nifti(tmp_path / "a.nii", labels.astype(kind))
        volume = read_labels(path)
        np.testing.assert_array_equal(volume.array, labels)
        assert volume.array.dtype == np.dtype(expected)
    save_nifti(tmp_path / "a.nii", labels * np.float32(100.0) - np.float32(1e-5))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.nii").array, labels.astype(int) * 100)


def test_labels_take_the_geometry_of_their_scan(tmp_path):
    scan = Volume(SCAN, Geometry((0.7, 0.7, 3.0), (10.123456789, 20, 30)))
    rounded = Geometry((0.7, 0.7, 3.0), (10.123, 20, 30))
    write_labels(tmp_path / "a.nrrd", (SCAN > 0), rounded)
    assert read_labels(tmp_path / "a.nrrd").geometry != scan.geometry
    assert read_labels(tmp_path / "a.nrrd", like=scan).geometry == scan.geometry


def test_mirrored_labels_are_refused(tmp_path):
    scan = Volume(SCAN, Geometry())
    write_labels(tmp_path / "a.nrrd", SCAN > 0, Geometry(direction=(-1, 0, 0, 0, 1, 0, 0, 0, 1)))
    with pytest.raises(BadInput, match="its axes are mirrored"):
        read_labels(tmp_path / "a.nrrd", like=scan)


def test_a_slicer_segmentation_cut_to_its_segments_is_put_back(tmp_path):
    geometry = Geometry((0.7, 0.7, 3.0), (10, 20, 30))
    scan = Volume(SCAN, geometry, "scan")
    whole = np.zeros(SCAN.shape, np.uint8)
    whole[1:3, 2:4, 1:5] = 2
    box = Geometry(geometry.spacing, tuple(geometry.world([1, 2, 1])))
    write_labels(tmp_path / "a.seg.nrrd", whole[1:3, 2:4, 1:5], box)
    volume = read_labels(tmp_path / "a.seg.nrrd", like=scan)
    np.testing.assert_array_equal(volume.array, whole)
    assert "put into its place" in volume.notes[-1]
    write_labels(tmp_path / "b.nrrd", whole[1:3, 2:4, 1:5], box)
    with pytest.raises(BadInput, match="has the shape"):
        read_labels(tmp_path / "b.nrrd", like=scan)


def test_overlapping_segments_are_refused(tmp_path):
    header = (
        b"NRRD0004\ntype: uint8\ndimension: 4\nspace: left-posterior-superior\nsizes: 2 6 5 4\n"
        b"space directions: none (1,0,0) (0,1,0) (0,0,1)\nkinds: list domain domain domain\nencoding: raw\n"
        b"space origin: (0,0,0)\nSegment0_ID:=a\nSegment0_Layer:=0\nSegment1_ID:=b\nSegment1_Layer:=1\n\n"
    )
    (tmp_path / "a.seg.nrrd").write_bytes(header + bytes(2 * 6 * 5 * 4))
    with pytest.raises(BadInput, match="segments that overlap, in 2 layers"):
        read_labels(tmp_path / "a.seg.nrrd")


def test_names_are_those_of_the_files(tmp_path):
    for file, name in (("a.b.nii.gz", "a.b"), ("x.seg.nrrd", "x"), ("UPPER.NII", "UPPER")):
        if file.endswith("nrrd"):
            write_labels(tmp_path / file, SCAN > 0)
        else:
            save_nifti(tmp_path / file, SCAN)
        assert read_volume(tmp_path / file).name == name


def test_the_real_oblique_scan_lies_where_nibabel_says(medssl_data):
    path = medssl_data / "odd" / "oblique_head_ct.nii.gz"
    volume, image = read_volume(path), nib.load(path)
    np.testing.assert_array_equal(volume.array, np.asarray(image.dataobj).T)
    depth, height, width = volume.shape
    ends = [(x, y, z) for z in (0, depth - 1) for y in (0, height - 1) for x in (0, width - 1)]
    expected = nib.affines.apply_affine(image.affine, ends) * [-1, -1, 1]
    np.testing.assert_allclose(volume.geometry.corners(volume.shape), expected, atol=1e-3)


def test_the_real_series_of_frames(medssl_data):
    path = medssl_data / "odd" / "cardiac_4d.nii.gz"
    image = nib.load(path)
    for frame in (0, 10):
        volume = read_volume(path, frame=frame)
        np.testing.assert_allclose(volume.array, np.asarray(image.dataobj)[..., frame].T)
        expected = nib.affines.apply_affine(image.affine, [0, 0, 0]) * [-1, -1, 1]
        np.testing.assert_allclose(volume.geometry.origin, expected, atol=1e-4)
    with pytest.raises(BadInput, match="11 frames"):
        read_volume(path)
    with pytest.raises(BadInput, match="not whole"):
        read_labels(medssl_data / "odd" / "cardiac_4d_labels.nii.gz", frame=0)


def test_the_real_thick_slices_and_their_mask(medssl_data):
    scan = read_volume(medssl_data / "odd" / "thick_slices_brain.nrrd")
    labels = read_labels(medssl_data / "odd" / "thick_slices_brain_label.nrrd", like=scan)
    assert round(scan.spacing[0], 3) == 6.5
    assert labels.geometry == scan.geometry
    assert labels.array.max() >= 1
