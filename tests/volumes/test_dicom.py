"""DICOM series: found, chosen, sorted and stacked, with gaps, tilt and copies said."""

from __future__ import annotations

import random
from pathlib import Path

import dicom_files as dcm
import numpy as np
import pytest
import SimpleITK
from scipy.spatial.transform import Rotation

from napari_medssl import Geometry, read_volume
from napari_medssl.errors import BadInput
from napari_medssl.volumes.dicom import list_series
from napari_medssl.volumes.dicom_elements import elements_fit


def by_simpleitk(folder: Path) -> SimpleITK.Image:
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def assert_same_as_simpleitk(folder: Path) -> None:
    volume, image = read_volume(folder), by_simpleitk(folder)
    np.testing.assert_array_equal(volume.array, SimpleITK.GetArrayFromImage(image))
    assert volume.array.dtype == SimpleITK.GetArrayFromImage(image).dtype
    expected = Geometry.from_image(image).corners(volume.shape)
    np.testing.assert_allclose(volume.geometry.corners(volume.shape), expected, atol=1e-3)


@pytest.mark.parametrize("syntax", ["explicit", "implicit", "big"])
def test_slices_are_sorted_by_position_whatever_the_files_are_called(tmp_path, syntax):
    names = [f"IM{n:04d}" for n in range(7)]
    random.Random(3).shuffle(names)
    pixels = dcm.series(tmp_path, [0, 2.5, 5, 7.5, 10, 12.5, 15], names=names, syntax=syntax, intercept=-1024, slope=2)
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.array, pixels.astype(int) * 2 - 1024)
    assert volume.spacing == (2.5, 0.7, 0.5)
    assert volume.geometry.origin == (-10, -20, 0)
    assert (volume.modality, volume.notes, volume.name) == ("CT", (), tmp_path.name)
    assert_same_as_simpleitk(tmp_path)


def test_descending_and_oblique_series_agree_with_simpleitk(tmp_path):
    turned = Rotation.from_euler("xyz", [20, -15, 65], degrees=True).as_matrix()
    pixels = dcm.pixels_of(6)
    for index in range(6):
        position = np.array([3, -40, 120]) - index * 3.2 * turned[:, 2]
        orientation = [*turned[:, 0], *turned[:, 1]]
        dcm.slice_file(tmp_path / f"{index}.dcm", pixels[index], position, orientation=orientation, instance=index)
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.array, pixels[::-1])
    assert volume.notes == ()
    assert_same_as_simpleitk(tmp_path)


def test_one_file_stands_for_its_series(tmp_path):
    wanted = dcm.series(tmp_path, [0, 2, 4], names=["b1", "b2", "b3"], uid="1.2.7", description="Wanted")
    dcm.series(tmp_path, [0, 2], uid="1.2.8", description="Other")
    volume = read_volume(tmp_path / "b2")
    np.testing.assert_array_equal(volume.array, wanted)
    assert volume.name == f"{tmp_path.name} Wanted"


def test_a_file_without_the_usual_preamble(tmp_path):
    pixels = dcm.series(tmp_path / "whole", [0, 2, 4])
    for path in sorted((tmp_path / "whole").iterdir()):
        (tmp_path / path.stem).write_bytes(path.read_bytes()[132:])
        path.unlink()
    np.testing.assert_array_equal(read_volume(tmp_path).array, pixels)
    np.testing.assert_array_equal(read_volume(tmp_path / "001").array, pixels)


def test_one_slice_alone(tmp_path):
    dcm.slice_file(tmp_path / "a.dcm", dcm.pixels_of(1)[0], (1, 2, 3), thickness=4)
    volume = read_volume(tmp_path / "a.dcm")
    assert (volume.shape, volume.spacing, volume.name, volume.notes) == ((1, 8, 6), (4, 0.7, 0.5), "a", ())
    dcm.slice_file(tmp_path / "a.dcm", dcm.pixels_of(1)[0], (1, 2, 3), thickness=None)
    assert "does not state its thickness" in read_volume(tmp_path / "a.dcm").notes[0]


def test_several_series_are_listed_and_chosen_by_number_or_uid(tmp_path):
    first = dcm.series(tmp_path / "x", [0, 2, 4], uid="1.2.11", number=4, description="Thorax")
    second = dcm.series(
        tmp_path / "x" / "y", [0, 5], dcm.pixels_of(2, 5, 9), uid="1.2.12", number=2, description="T2", modality="MR"
    )
    found = list_series(tmp_path)
    assert [(s.uid, s.description, s.modality, s.slices, s.shape, s.spacing) for s in found] == [
        ("1.2.12", "T2", "MR", 2, (2, 5, 9), (5, 0.7, 0.5)),
        ("1.2.11", "Thorax", "CT", 3, (3, 8, 6), (2, 0.7, 0.5)),
    ]
    with pytest.raises(BadInput, match=r"2 DICOM series.*1: MR T2, 2 slices; 2: CT Thorax, 3 slices"):
        read_volume(tmp_path)
    for choice in (1, "1", "1.2.12"):
        np.testing.assert_array_equal(read_volume(tmp_path, series=choice).array, second)
    np.testing.assert_array_equal(read_volume(tmp_path, series=2).array, first)
    assert read_volume(tmp_path, series="1.2.12").modality == "MR"


@pytest.mark.parametrize(
    ("heights", "words"),
    [
        ([0, 3, 6, 12, 15, 18], "1 slice is missing between slices 2 and 3 (a gap of 6 mm), where 3 mm is usual"),
        ([0, 3, 6, 15, 18, 24, 27], "3 slices are missing between slices 2 and 3 (a gap of 9 mm), 4 and 5 (a gap of"),
        ([0, 3, 7, 10, 14.5, 17], "unevenly spaced, 2.5 to 4.5 mm apart (the widest gap is between slices 3 and 4)"),
        ([0, 2, 4, 6, 6.5, 8.5], "unevenly spaced, 0.5 to 2 mm apart"),
    ],
)
def test_missing_slices_and_uneven_spacing_are_said_and_nothing_is_invented(tmp_path, heights, words):
    pixels = dcm.series(tmp_path, heights)
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.array, pixels)
    assert len(volume.notes) == 1
    assert words in volume.notes[0]
    even = np.linspace(heights[0], heights[-1], len(heights))
    assert f"up to {np.abs(even - heights).max():.3g} mm off" in volume.notes[0]
    assert_same_as_simpleitk(tmp_path)


def test_positions_rounded_to_a_tenth_are_no_gaps(tmp_path):
    dcm.series(tmp_path, [round(0.625 * n, 1) for n in range(30)])
    assert read_volume(tmp_path).notes == ()


def test_copies_are_left_out_and_other_images_at_one_place_refused(tmp_path):
    pixels = dcm.series(tmp_path, [0, 2, 4])
    dcm.slice_file(tmp_path / "copy.dcm", pixels[1], (-10, -20, 2), instance=8)
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.array, pixels)
    assert volume.notes == ("1 image that is a copy of another was left out.",)
    dcm.slice_file(tmp_path / "copy.dcm", pixels[0], (-10, -20, 2), instance=8)
    with pytest.raises(BadInput, match="2 different images at the place of slice 1"):
        read_volume(tmp_path)


def test_several_images_at_every_place_are_frames(tmp_path):
    pixels = dcm.series(tmp_path, [0, 2, 4, 0, 2, 4])
    assert (list_series(tmp_path)[0].frames, list_series(tmp_path)[0].slices) == (2, 3)
    with pytest.raises(BadInput, match="2 frames; choose one of them, from 0 to 1"):
        read_volume(tmp_path)
    for frame in (0, 1):
        np.testing.assert_array_equal(read_volume(tmp_path, frame=frame).array, pixels[frame * 3 : frame * 3 + 3])


def test_a_whole_series_that_lies_there_twice_is_read_once(tmp_path):
    pixels = dcm.series(tmp_path / "a", [0, 2, 4])
    dcm.series(tmp_path / "b", [0, 2, 4], pixels)
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.array, pixels)
    assert "3 images" in volume.notes[0]


def test_a_tilted_gantry_is_said(tmp_path):
    pixels = dcm.pixels_of(5)
    for index in range(5):
        position = (-10, -20 + 2 * index * np.tan(np.radians(15)), 2 * index)
        dcm.slice_file(tmp_path / f"{index}.dcm", pixels[index], position, instance=index)
    volume = read_volume(tmp_path)
    assert "slant of 15 degrees" in volume.notes[0]
    assert f"up to {8 * np.tan(np.radians(15)):.3g} mm" in volume.notes[0]
    np.testing.assert_array_equal(volume.array, pixels)
    assert volume.spacing == (2, 0.7, 0.5)


def test_a_localizer_in_the_series_is_left_out_and_larger_parts_are_listed(tmp_path):
    pixels = dcm.series(tmp_path, [0, 2, 4, 6])
    scout = dcm.pixels_of(1, 20, 20)[0]
    dcm.slice_file(tmp_path / "scout.dcm", scout, (0, 0, 0), orientation=(0, 1, 0, 0, 0, -1), instance=0)
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.array, pixels)
    assert volume.notes == ("1 image of another size or direction in the same series (a localizer) was left out.",)
    np.testing.assert_array_equal(read_volume(tmp_path / "scout.dcm").array[0], scout)
    for index in range(3):
        orientation, position = (0, 1, 0, 0, 0, -1), (3 * index + 3, 0, 0)
        dcm.slice_file(tmp_path / f"s{index}.dcm", scout, position, orientation=orientation, instance=20 + index)
    with pytest.raises(BadInput, match=r"2 DICOM series.*1: CT Body, 4 slices; 2: CT Body, 4 slices"):
        read_volume(tmp_path)


def test_series_without_an_identifier_are_told_apart_by_number_and_description(tmp_path):
    first = dcm.series(tmp_path / "a", [0, 2, 4], uid="", number=1, description="One")
    dcm.series(tmp_path / "b", [0, 2], uid="", number=1, description="Two")
    assert [s.slices for s in list_series(tmp_path)] == [3, 2]
    np.testing.assert_array_equal(read_volume(tmp_path, series=1).array, first)


def test_slices_scaled_differently_keep_their_values(tmp_path):
    pixels = dcm.pixels_of(3)
    for index, slope in enumerate((1, 0.5, 0.25)):
        dcm.slice_file(tmp_path / f"{index}.dcm", pixels[index], (0, 0, index), slope=slope, instance=index)
    expected = pixels * np.array([1, 0.5, 0.25])[:, None, None]
    np.testing.assert_allclose(read_volume(tmp_path).array, expected)


@pytest.mark.parametrize("heights", [[0, 2.5, 5, 7.5], [7.5, 5, 2.5, 0], [5, 0, 7.5, 2.5]])
@pytest.mark.parametrize("syntax", ["explicit", "implicit"])
def test_frames_of_an_enhanced_file_are_sorted_by_position(tmp_path, heights, syntax):
    pixels = np.random.default_rng(0).integers(0, 500, (4, 8, 6)).astype(np.uint16)
    dcm.enhanced_file(tmp_path / "e.dcm", pixels, [(-10, -20, z) for z in heights], syntax=syntax)
    volume = read_volume(tmp_path / "e.dcm")
    np.testing.assert_array_equal(volume.array, pixels[np.argsort(heights)].astype(int) * 2 - 1024)
    assert (volume.spacing, volume.geometry.origin) == ((2.5, 0.7, 0.5), (-10, -20, 0))
    if heights == sorted(heights):
        image = SimpleITK.ReadImage(str(tmp_path / "e.dcm"))
        expected = Geometry.from_image(image).corners(volume.shape)
        np.testing.assert_allclose(volume.geometry.corners(volume.shape), expected, atol=1e-3)


def test_gaps_between_the_frames_of_an_enhanced_file_are_said(tmp_path):
    """SimpleITK gives such a file a spacing of 1 mm without a word."""
    pixels = np.zeros((4, 8, 6), np.uint16)
    dcm.enhanced_file(tmp_path / "e.dcm", pixels, [(0, 0, z) for z in (0, 2.5, 5, 10)])
    volume = read_volume(tmp_path)
    assert "1 slice is missing between slices 2 and 3" in volume.notes[0]
    assert volume.geometry.spacing[:2] == (0.5, 0.7)


def test_patients_stay_unnamed(tmp_path):
    dcm.series(tmp_path / "scan" / "a", [0, 2, 6])
    dcm.series(tmp_path / "scan" / "b", [0, 2], uid="1.2.8")
    with pytest.raises(BadInput) as caught:
        read_volume(tmp_path / "scan")
    volume = read_volume(tmp_path / "scan", series=1)
    said = f"{caught.value} {volume.name} {volume.notes} {list_series(tmp_path)}"
    assert "SECRET" not in said
    assert "1970" not in said


def test_other_files_in_the_folder_do_not_disturb(tmp_path):
    pixels = dcm.series(tmp_path, [0, 2, 4])
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "Thumbs.db").write_bytes(bytes(600))
    report = dcm.slice_file(tmp_path / "report.dcm", pixels[0], modality="SR", sop="1.2.840.10008.5.1.4.1.1.88.11")
    data = dcm.strip_image(report)
    assert data.is_file()
    np.testing.assert_array_equal(read_volume(tmp_path).array, pixels)


def test_real_series(medssl_data, capfd):
    folders = sorted((medssl_data / "dicom").iterdir())
    assert len(folders) == 4
    for folder in folders:
        capfd.readouterr()
        volume = read_volume(folder)
        assert capfd.readouterr() == ("", "")
        assert volume.notes == ()
        assert_same_as_simpleitk(folder)
    with pytest.raises(BadInput, match=r"4 DICOM series.*1: CT CT Body 3.0, 20 slices"):
        read_volume(medssl_data / "dicom")
    assert read_volume(medssl_data / "dicom", series=1).shape == (20, 512, 512)


def test_an_element_longer_than_its_file_is_not_believed(tmp_path):
    """GDCM would allot its two gigabytes first."""
    path = dcm.slice_file(tmp_path / "a.dcm", dcm.pixels_of(1)[0])
    content = path.read_bytes()
    at = content.index(b"\xe0\x7f\x10\x00OW\0\0") + 8
    path.write_bytes(content[:at] + (2**31 - 2).to_bytes(4, "little") + content[at + 4 :])
    with pytest.raises(BadInput, match="damaged"):
        read_volume(path)
    assert not elements_fit(path)
    for syntax in ("explicit", "implicit", "big"):
        whole = dcm.slice_file(tmp_path / "b" / f"{syntax}.dcm", dcm.pixels_of(1)[0], syntax=syntax)
        assert elements_fit(whole)
        cut = whole.read_bytes()[:-2]
        whole.write_bytes(cut)
        assert not elements_fit(whole)
