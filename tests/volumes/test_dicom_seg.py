"""DICOM segmentations: written for a synthetic series, read back with pydicom, highdicom and our own reader."""

from __future__ import annotations

import dicom_files as dcm
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_medssl.errors import BadInput
from napari_medssl.volumes import Volume, dicom_seg, read_labels, read_volume
from napari_medssl.volumes.dicom_seg import write_dicom_seg
from napari_medssl.volumes.dicom_seg_reading import is_dicom_seg
from napari_medssl.volumes.segments import Segment

hd = pytest.importorskip("highdicom")
pydicom = pytest.importorskip("pydicom")

TURN = Rotation.from_euler("xyz", (12, -25, 40), degrees=True).as_matrix()


def oblique_series(folder, depth=7, step=2.5, gaps=None):
    """Slices in an order that is not that of their names, turned in space."""
    folder.mkdir()
    pixels = dcm.pixels_of(depth)
    heights = np.arange(depth) * step if gaps is None else np.asarray(gaps, float)
    for index in range(depth):
        position = np.array([-30.0, 12.0, 88.0]) + TURN[:, 2] * heights[index]
        dcm.slice_file(
            folder / f"{(index * 3) % depth:02d}.dcm", pixels[index], tuple(position), instance=depth - index,
            orientation=(*TURN[:, 0], *TURN[:, 1]), thickness=step,
        )  # fmt: skip
    return read_volume(folder)


def random_labels(shape, values=(1, 5, 61), seed=0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    return rng.choice([0, *values], size=shape).astype(np.uint8)


def world_of(volume: Volume, label: int) -> set[tuple[float, ...]]:
    return {tuple(p) for p in np.round(volume.geometry.world(np.argwhere(volume.array == label)), 2)}


def test_every_voxel_lies_where_simpleitk_has_it(tmp_path):
    scan = oblique_series(tmp_path / "scan")
    labels = random_labels(scan.shape)
    labels[3] = 0  # a slice that the file leaves out
    write_dicom_seg(tmp_path / "seg.dcm", Volume(labels, scan.geometry), tmp_path / "scan")

    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path / "scan")))
    image = reader.Execute()
    truth = {v: {tuple(np.round(image.TransformIndexToPhysicalPoint((int(x), int(y), int(z))), 2))
                 for z, y, x in np.argwhere(labels == v)} for v in (1, 5, 61)}  # fmt: skip

    data = pydicom.dcmread(tmp_path / "seg.dcm")
    found: dict[int, set[tuple[float, ...]]] = {}
    for pixels, frame in zip(data.pixel_array, data.PerFrameFunctionalGroupsSequence, strict=True):
        number = frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        corner = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float)
        shared = data.SharedFunctionalGroupsSequence[0]
        turn = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
        down, right = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
        for row, column in np.argwhere(pixels):
            point = corner + turn[:3] * column * right + turn[3:] * row * down
            found.setdefault([1, 5, 61][number - 1], set()).add(tuple(np.round(point, 2)))
    assert found == truth


def test_highdicom_finds_the_segments_by_the_scans_own_instances(tmp_path):
    scan = oblique_series(tmp_path / "scan")
    labels = random_labels(scan.shape)
    named = {1: Segment("Liver", (1.0, 0.0, 0.0)), 5: Segment("Left kidney"), 61: Segment("my thing")}
    write_dicom_seg(tmp_path / "seg.dcm", Volume(labels, scan.geometry, segments=named), tmp_path / "scan")

    seg = hd.seg.segread(tmp_path / "seg.dcm")
    headers = sorted((pydicom.dcmread(p) for p in (tmp_path / "scan").iterdir()), key=lambda d: -d.InstanceNumber)
    frames = seg.get_pixels_by_source_instance([h.SOPInstanceUID for h in headers], combine_segments=True)
    np.testing.assert_array_equal(frames, np.searchsorted([0, 1, 5, 61], labels))
    assert seg.StudyInstanceUID == headers[0].StudyInstanceUID
    assert seg.FrameOfReferenceUID == headers[0].FrameOfReferenceUID
    one, two, three = (seg.get_segment_description(n) for n in (1, 2, 3))
    assert (one.segment_label, one.segmented_property_type.value) == ("Liver", "10200004")
    assert (two.segmented_property_type.meaning, three.segmented_property_type.meaning) == ("Kidney", "Tissue")
    modifier = seg.SegmentSequence[1].SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence
    assert modifier[0].CodeMeaning == "Left"
    assert three.segmented_property_category.meaning == "Anatomical Structure"


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 4), top=st.sampled_from([3, 200, 60000]))
def test_labels_names_and_places_come_back(tmp_path_factory, seed, count, top):
    folder = tmp_path_factory.mktemp("seg")
    scan = oblique_series(folder / "scan", depth=4)
    rng = np.random.default_rng(seed)
    values = rng.choice(np.arange(1, top + count), count, replace=False)
    labels = rng.choice([0, 0, *values], size=scan.shape).astype(np.uint16)
    labels[1, 2, 3] = values[0]
    named = {int(v): Segment(f"Thing {v}", tuple(rng.uniform(0.1, 0.9, 3))) for v in np.unique(labels) if v}
    write_dicom_seg(folder / "seg.dcm", Volume(labels, scan.geometry, segments=named), folder / "scan")
    back = read_labels(folder / "seg.dcm", like=scan)
    np.testing.assert_array_equal(back.array, labels)
    assert back.geometry == scan.geometry
    assert {v: s.name for v, s in back.segments.items()} == {v: s.name for v, s in named.items()}
    for value, segment in named.items():
        np.testing.assert_allclose(back.segments[value].colour, segment.colour, atol=0.01)
    alone = read_labels(folder / "seg.dcm")  # without its scan, as far as there are slices
    for value in named:
        assert world_of(alone, value) == world_of(Volume(labels, scan.geometry), value)


def test_uneven_slices_keep_their_true_places(tmp_path):
    scan = oblique_series(tmp_path / "scan", depth=5, gaps=[0, 2.4, 5.0, 7.4, 10])
    labels = random_labels(scan.shape)
    write_dicom_seg(tmp_path / "seg.dcm", Volume(labels, scan.geometry), tmp_path / "scan")
    np.testing.assert_array_equal(read_labels(tmp_path / "seg.dcm", like=scan).array, labels)
    data = pydicom.dcmread(tmp_path / "seg.dcm")
    corners = {tuple(f.PlanePositionSequence[0].ImagePositionPatient) for f in data.PerFrameFunctionalGroupsSequence}
    own = {tuple(pydicom.dcmread(p).ImagePositionPatient) for p in (tmp_path / "scan").iterdir()}
    assert corners == own


def test_a_multi_frame_scan_whose_frames_are_out_of_order(tmp_path):
    pixels = dcm.pixels_of(4)
    order = [2, 0, 3, 1]
    dcm.enhanced_file(tmp_path / "scan.dcm", pixels[order], [(-3, 4, 2.5 * z) for z in order])
    scan = read_volume(tmp_path / "scan.dcm")
    labels = random_labels(scan.shape, (2,))
    write_dicom_seg(tmp_path / "seg.dcm", Volume(labels, scan.geometry), tmp_path / "scan.dcm")
    np.testing.assert_array_equal(read_labels(tmp_path / "seg.dcm", like=scan).array, labels)


def others_file(tmp_path, kind, masks, **more):
    """As another program writes it: highdicom with its own settings, from the last slice to the first."""
    headers = sorted((pydicom.dcmread(p) for p in (tmp_path / "scan").iterdir()), key=lambda d: d.InstanceNumber)
    for header in headers:
        header.StudyID = header.AccessionNumber = header.PatientSex = ""
        header.StudyDate = header.StudyTime = header.ReferringPhysicianName = ""
    code = hd.sr.CodedConcept("10200004", "SCT", "Liver")
    described = [
        hd.seg.SegmentDescription(n, f"thing {n}", code, code, hd.seg.SegmentAlgorithmTypeValues.MANUAL)
        for n in range(1, 1 + (masks.shape[-1] if masks.ndim == 4 else int(masks.max())))
    ]
    seg = hd.seg.Segmentation(
        headers, masks, kind, described, hd.UID(), 7, hd.UID(), 1, "other", "other", "1", "1", **more
    )
    seg.save_as(tmp_path / "other.dcm")
    return tmp_path / "other.dcm"


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_others_files_are_read(tmp_path, kind):
    scan = oblique_series(tmp_path / "scan")
    labels = random_labels(scan.shape, (1, 2, 3))
    path = others_file(tmp_path, kind, labels[::-1], omit_empty_frames=False)
    back = read_labels(path, like=scan)
    np.testing.assert_array_equal(back.array, labels)
    assert [s.name for s in back.segments.values()] == ["thing 1", "thing 2", "thing 3"]
    assert "SCT^10200004^Liver" in back.segments[2].tags["TerminologyEntry"]


def test_a_fractional_one_counts_from_a_half(tmp_path):
    scan = oblique_series(tmp_path / "scan")
    shares = np.random.default_rng(1).uniform(0, 1, scan.shape)
    path = others_file(tmp_path, "FRACTIONAL", shares[::-1, :, :, None])
    np.testing.assert_array_equal(read_labels(path, like=scan).array, np.round(shares[::] * 255) / 255 >= 0.5)


def test_overlapping_segments_are_refused(tmp_path):
    scan = oblique_series(tmp_path / "scan")
    masks = np.ones((*scan.shape, 2), dtype=np.uint8)
    with pytest.raises(BadInput, match="segments that overlap"):
        read_labels(others_file(tmp_path, "BINARY", masks), like=scan)


def test_another_scan_is_refused(tmp_path):
    scan = oblique_series(tmp_path / "scan")
    write_dicom_seg(tmp_path / "seg.dcm", Volume(random_labels(scan.shape), scan.geometry), tmp_path / "scan")
    dcm.series(tmp_path / "other", [0, 2.5, 5, 7.5, 10, 12.5, 15])
    other = read_volume(tmp_path / "other")
    with pytest.raises(BadInput, match="does not lie on the slices of this scan"):
        read_labels(tmp_path / "seg.dcm", like=other)
    with pytest.raises(BadInput, match="does not lie where scan lies"):
        write_dicom_seg(tmp_path / "x.dcm", Volume(random_labels(scan.shape), other.geometry), tmp_path / "scan")
    assert not (tmp_path / "x.dcm").exists()


def test_what_cannot_be_is_said_in_a_sentence(tmp_path, monkeypatch):
    scan = oblique_series(tmp_path / "scan")
    empty = Volume(np.zeros(scan.shape, np.uint8), scan.geometry)
    with pytest.raises(BadInput, match="the mask is empty"):
        write_dicom_seg(tmp_path / "x.dcm", empty, tmp_path / "scan")
    with pytest.raises(BadInput, match=r"was not; save it as \.nii\.gz"):
        write_dicom_seg(tmp_path / "x.dcm", empty, None)
    monkeypatch.setattr(dicom_seg.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"pip install 'napari-medssl\[dicom-seg\]'\.$"):
        write_dicom_seg(tmp_path / "x.dcm", empty, tmp_path / "scan")


def test_a_damaged_one_is_refused(tmp_path):
    scan = oblique_series(tmp_path / "scan")
    path = tmp_path / "seg.dcm"
    write_dicom_seg(path, Volume(random_labels(scan.shape), scan.geometry), tmp_path / "scan")
    assert is_dicom_seg(path)
    assert not is_dicom_seg(next((tmp_path / "scan").iterdir()))
    data = pydicom.dcmread(path)
    del data.PerFrameFunctionalGroupsSequence
    data.save_as(path)
    with pytest.raises(BadInput, match="is damaged"):
        read_labels(path, like=scan)


def test_nothing_of_the_patient_is_made_up_and_the_rest_goes_along(tmp_path):
    scan = oblique_series(tmp_path / "scan")
    write_dicom_seg(tmp_path / "seg.dcm", Volume(random_labels(scan.shape), scan.geometry), tmp_path / "scan")
    data = pydicom.dcmread(tmp_path / "seg.dcm")
    assert (str(data.PatientName), data.PatientID, data.PatientSex) == ("SECRET^NAME", "SECRETID", "")
    assert data.Modality == "SEG"
    referred = {i.ReferencedSOPInstanceUID for i in data.ReferencedSeriesSequence[0].ReferencedInstanceSequence}
    assert referred == {pydicom.dcmread(p).SOPInstanceUID for p in (tmp_path / "scan").iterdir()}
