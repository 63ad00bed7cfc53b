import json

import pytest

from napari_medssl.errors import BadInput
from napari_medssl.training.data import find_cases


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
