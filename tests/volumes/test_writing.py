"""Writing: whole files or none, label maps that are compact, segmentations that 3D Slicer knows."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from napari_medssl import Geometry, Volume, read_labels, read_volume, write_labels, write_volume
from napari_medssl.errors import BadInput
from napari_medssl.volumes import writing

SUFFIXES = (".nii.gz", ".nii", ".seg.nrrd", ".nrrd", ".mha", ".mhd")
GEOMETRY = Geometry((0.7, 0.8, 2.0), (1, 2, 3))
LABELS = np.zeros((3, 4, 5), np.int64)
LABELS[1, 1:3, 1:4] = 2


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(("top", "kind"), [(1, "u1"), (255, "u1"), (256, "u2"), (65535, "u2"), (65536, "u4")])
def test_labels_are_written_in_the_smallest_type(tmp_path, suffix, top, kind):
    labels = np.where(LABELS > 0, top, 0)
    path = tmp_path / f"a{suffix}"
    write_labels(path, labels, GEOMETRY)
    again = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
    assert again.dtype == np.dtype(kind)
    np.testing.assert_array_equal(again, labels)


@pytest.mark.parametrize("array", [LABELS > 0, LABELS.astype(np.float32), LABELS.astype(">u2"), LABELS[:, ::-1]])
def test_labels_of_other_kinds_are_accepted(tmp_path, array):
    write_labels(tmp_path / "a.nii.gz", Volume(array, GEOMETRY))
    again = read_labels(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(again.array, array)
    assert again.array.dtype == np.uint8
    assert again.geometry.same_grid(GEOMETRY)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (-LABELS, "one is -2"),
        (LABELS / 4, "whole numbers"),
        (np.full((2, 2, 2), np.nan), "whole numbers"),
        (np.full((2, 2, 2), 2**32), "one is 4294967296"),
        (LABELS.astype(complex), "not complex128"),
        (LABELS[0], "three dimensions"),
        (LABELS[np.newaxis], "three dimensions"),
        (np.zeros((0, 2, 2), int), "three dimensions"),
    ],
)
def test_what_is_no_label_map_is_refused_and_leaves_no_file(tmp_path, array, words):
    with pytest.raises(BadInput, match=words):
        write_labels(tmp_path / "a.nii.gz", array, GEOMETRY)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a", "a.txt", "a.nii.zip", ".nii.gz", "a.hdr", "a.dcm"])
def test_an_unknown_extension_lists_those_known(tmp_path, name):
    for write in (write_labels, write_volume):
        with pytest.raises(BadInput, match=r"\.nii\.gz, \.nii, \.seg\.nrrd, \.nrrd, \.mha or \.mhd"):
            write(tmp_path / name, LABELS, GEOMETRY)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_missing_folder_is_said(tmp_path, suffix):
    with pytest.raises(BadInput, match="does not exist"):
        write_labels(tmp_path / "none" / f"a{suffix}", LABELS, GEOMETRY)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failure_keeps_the_old_file_and_nothing_else(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"a{suffix}"
    write_labels(path, LABELS, GEOMETRY)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}

    def fail(image: object, target: Path) -> None:
        target.write_bytes(b"half")
        raise RuntimeError("no space left on device")

    monkeypatch.setattr(writing, "_write_image", fail)
    with pytest.raises(BadInput, match="disk is full"):
        write_labels(path, LABELS > 0, GEOMETRY)
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_long_names(tmp_path, suffix):
    write_labels(tmp_path / ("x" * (250 - len(suffix)) + suffix), LABELS, GEOMETRY)
    with pytest.raises(BadInput, match="file name too long"):
        write_labels(tmp_path / ("y" * 300 + suffix), LABELS, GEOMETRY)
    assert len(list(tmp_path.iterdir())) == (2 if suffix == ".mhd" else 1)


def test_an_interruption_between_the_two_files_of_a_pair_keeps_the_old_ones(tmp_path, monkeypatch):
    path = tmp_path / "a.mhd"
    write_labels(path, LABELS, GEOMETRY)
    replace, calls = os.replace, []

    def stop(source: object, target: object) -> None:
        calls.append(target)
        if Path(str(target)) == path:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        write_labels(path, LABELS > 0, GEOMETRY)
    assert len(calls) == 3
    np.testing.assert_array_equal(read_labels(path).array, LABELS)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.mhd", "a.zraw"]


def test_a_pair_written_again_and_again_stays_a_pair(tmp_path):
    for value in range(1, 5):
        write_labels(tmp_path / "a.mhd", LABELS * value, GEOMETRY)
        np.testing.assert_array_equal(read_labels(tmp_path / "a.mhd").array, LABELS * value)
        assert len(list(tmp_path.iterdir())) == 2
    write_labels(tmp_path / "b.mhd", LABELS, GEOMETRY)
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".mha"])
def test_the_same_labels_give_the_same_bytes(tmp_path, suffix):
    contents = []
    for name in ("a", "b"):
        write_labels(tmp_path / (name + suffix), LABELS, GEOMETRY)
        contents.append((tmp_path / (name + suffix)).read_bytes())
    assert contents[0] == contents[1]


@pytest.mark.parametrize("suffix", [".nii.gz", ".seg.nrrd", ".nrrd", ".mha"])
def test_masks_are_compressed(tmp_path, suffix):
    write_labels(tmp_path / f"a{suffix}", np.ones((50, 100, 100), np.uint8), GEOMETRY)
    assert (tmp_path / f"a{suffix}").stat().st_size < 10_000


@pytest.mark.parametrize(
    ("given", "stored"), [(bool, "u1"), (np.float16, "f4"), ("i8", "i8"), ("u8", "u8"), (">f8", "f8")]
)
def test_volumes_of_unusual_types(tmp_path, given, stored):
    write_volume(tmp_path / "a.nrrd", LABELS.astype(given), GEOMETRY)
    again = read_volume(tmp_path / "a.nrrd")
    assert again.array.dtype == np.dtype(stored)
    np.testing.assert_array_equal(again.array, LABELS.astype(given))
    with pytest.raises(BadInput, match="not complex64"):
        write_volume(tmp_path / "b.nrrd", LABELS.astype(np.complex64), GEOMETRY)


def test_a_segmentation_has_the_fields_that_slicer_reads(tmp_path):
    labels = LABELS.copy()
    labels[2, 0, 0] = 7
    write_labels(tmp_path / "a.seg.nrrd", labels, GEOMETRY)
    header = (tmp_path / "a.seg.nrrd").read_bytes().split(b"\n\n")[0].decode()
    pairs = dict(line.split(":=", 1) for line in header.splitlines() if ":=" in line)
    assert pairs["Segmentation_MasterRepresentation"] == "Binary labelmap"
    assert pairs["Segmentation_ReferenceImageExtentOffset"] == "0 0 0"
    assert pairs["Segmentation_ContainedRepresentationNames"] == "Binary labelmap|"
    for index, value in enumerate((2, 7)):
        assert pairs[f"Segment{index}_ID"] == f"Segment_{value}"
        assert pairs[f"Segment{index}_LabelValue"] == str(value)
        assert pairs[f"Segment{index}_Layer"] == "0"
        assert pairs[f"Segment{index}_Extent"] == "0 4 0 3 0 2"
        colour = [float(part) for part in pairs[f"Segment{index}_Color"].split()]
        assert len(colour) == 3
        assert all(0 <= part <= 1 for part in colour)
    assert "Segment2_ID" not in pairs
    assert pairs["Segment0_Color"] != pairs["Segment1_Color"]
    fields = dict(line.split(": ", 1) for line in header.splitlines() if ": " in line)
    assert (fields["type"], fields["dimension"], fields["sizes"]) == ("unsigned char", "3", "5 4 3")


def test_a_plain_nrrd_has_no_segments(tmp_path):
    write_labels(tmp_path / "a.nrrd", LABELS, GEOMETRY)
    assert b"Segment" not in (tmp_path / "a.nrrd").read_bytes()


def test_an_empty_segmentation(tmp_path):
    write_labels(tmp_path / "a.seg.nrrd", LABELS * 0, GEOMETRY)
    assert b"Segment0" not in (tmp_path / "a.seg.nrrd").read_bytes()
    assert read_labels(tmp_path / "a.seg.nrrd").array.max() == 0
