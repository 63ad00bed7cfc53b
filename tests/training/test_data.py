import json

import pytest

from napari_medssl.errors import BadInput
from napari_medssl.training.data import find_cases, orphan_labels


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def test_images_without_a_label_of_their_name_are_unlabelled(tmp_path):
    for name in ("images/a.nii.gz", "images/b.nrrd", "images/.hidden.nii", "images/notes.txt", "labels/a.nrrd"):
        touch(tmp_path / name)
    cases = find_cases(tmp_path)
    assert [(case.name, case.label and case.label.name) for case in cases] == [("a", "a.nrrd"), ("b", None)]


def test_a_plain_folder_of_scans_will_do(tmp_path):
    touch(tmp_path / "one.mha")
    assert [case.name for case in find_cases(tmp_path)] == ["one"]


def test_a_decathlon_list_is_read(tmp_path):
    for name in ("imagesTr/a.nii.gz", "labelsTr/a.nii.gz", "imagesTs/b.nii.gz"):
        touch(tmp_path / name)
    listing = {
        "training": [
            {"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"},
            {"image": "./imagesTr/gone.nii.gz", "label": "./labelsTr/gone.nii.gz"},
        ],
        "test": ["./imagesTs/b.nii.gz"],
    }
    (tmp_path / "dataset.json").write_text(json.dumps(listing))
    assert [(case.name, case.label is not None) for case in find_cases(tmp_path)] == [("a", True), ("b", False)]


@pytest.mark.parametrize("content", ["{", "[]", '{"training": 3}', '{"training": [{"label": "x"}]}'])
def test_a_broken_list_is_refused(tmp_path, content):
    (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(BadInput, match=r"dataset\.json|None of the scans"):
        find_cases(tmp_path)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(BadInput, match="no scan"):
        find_cases(tmp_path)


@pytest.mark.parametrize("listing", [None, {"channel_names": {"0": "MR"}, "labels": {"left": 1}, "numTraining": 2}])
def test_a_folder_for_nnunet_is_read(tmp_path, listing):
    for name in ("imagesTr/la_001_0000.nii.gz", "imagesTr/la_002_0000.nii.gz", "labelsTr/la_001.nii.gz"):
        touch(tmp_path / name)
    if listing is not None:
        (tmp_path / "dataset.json").write_text(json.dumps(listing))
    cases = find_cases(tmp_path)
    assert [(case.name, case.label and case.label.name) for case in cases] == [
        ("la_001_0000", "la_001.nii.gz"), ("la_002_0000", None),
    ]  # fmt: skip
    assert [case.patient for case in cases] == ["la_001", "la_002"]


def test_a_label_of_the_very_name_goes_before_one_without_the_channel(tmp_path):
    for name in ("images/a_0000.nii", "images/a_0001.nii", "labels/a.nii", "labels/a_0001.nii"):
        touch(tmp_path / name)
    assert [case.label.name for case in find_cases(tmp_path)] == ["a.nii", "a_0001.nii"]


def test_segmentations_of_3d_slicer_are_labels(tmp_path):
    for name in ("images/a.nrrd", "labels/a.seg.nrrd"):
        touch(tmp_path / name)
    assert find_cases(tmp_path)[0].label == tmp_path / "labels" / "a.seg.nrrd"


def test_labels_without_an_image_are_counted(tmp_path):
    for name in ("images/a.nii", "labels/a.nii", "labels/b.nii", "labels/c.nrrd"):
        touch(tmp_path / name)
    assert orphan_labels(find_cases(tmp_path)) == 2
    assert orphan_labels([]) == 0
