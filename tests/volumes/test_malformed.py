"""Whatever is wrong with an input, reading it ends in one clear sentence and leaves nothing behind."""

from __future__ import annotations

import random
import re
from pathlib import Path

import dicom_files as dcm
import numpy as np
import pytest
import SimpleITK
from malformed import build_malformed, build_wrong_seeds

from napari_medssl import read_labels, read_volume
from napari_medssl.errors import BadInput


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return build_malformed(tmp_path_factory.mktemp("malformed"))


def complaint(error: BadInput, path: Path) -> str:
    """What is wrong with an error message, as opposed to with the file; empty when nothing is."""
    text = str(error)
    if str(path) not in text and path.stem not in text:
        return "does not name the file"
    if "\n" in text or not text.endswith(".") or len(text.replace(str(path.parent), "")) > 260:
        return "is not one short sentence"
    if re.search(r"Traceback|Exception|ITK ERROR|SimpleITK|gdcm|0x[0-9a-f]{6}", text):
        return "speaks of the program's insides"
    return ""


@pytest.mark.parametrize("read", [read_volume, read_labels])
def test_every_malformed_input_is_refused_in_one_sentence(corpus, capfd, read):
    capfd.readouterr()
    before = {path: path.stat().st_mtime_ns for path in corpus["missing"].parent.rglob("*")}
    wrong = {}
    for name, path in corpus.items():
        try:
            volume = read(path)
        except BadInput as error:
            wrong[name] = complaint(error, path) and f"{complaint(error, path)}: {error}"
        else:
            wrong[name] = f"was read as {volume.shape}, {volume.notes}"
    assert not {name: what for name, what in wrong.items() if what}
    assert len(wrong) > 80
    noise = capfd.readouterr()
    assert noise.out + noise.err == ""
    assert before == {path: path.stat().st_mtime_ns for path in corpus["missing"].parent.rglob("*")}


@pytest.mark.parametrize("suffix", ["nii", "nii.gz", "nrrd", "mha", "dcm"])
def test_damage_anywhere_ends_in_a_sentence_or_a_volume(tmp_path, capfd, suffix):
    """Bytes changed, lost, put in or cut off at random places, most of them in the header."""
    draw = random.Random(5)
    path = tmp_path / f"a.{suffix}"
    if suffix == "dcm":
        dcm.slice_file(path, dcm.pixels_of(1)[0])
    else:
        noise = np.random.default_rng(0).normal(size=(5, 6, 7)).astype(np.float32)
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(noise), str(path), True)
    whole = path.read_bytes()
    said = []
    for _ in range(250):
        content = bytearray(whole)
        place = draw.randrange(min(len(content), 400) if suffix != "dcm" and draw.random() < 0.8 else len(content))
        change = draw.choice(["set", "set", "set", "digit", "lose", "add", "cut"])
        if change == "set":
            content[place] = draw.randrange(256)
        elif change == "digit":
            content[place] = ord(draw.choice("0123456789-. ()"))
        elif change == "lose":
            del content[place : place + draw.randrange(1, 9)]
        elif change == "add":
            content[place:place] = draw.randbytes(3)
        else:
            del content[place:]
        path.write_bytes(content)
        try:
            read_volume(path)
        except BadInput as error:
            said.append(error)
    assert len(said) > 30
    assert [str(error) for error in said if complaint(error, path)] == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cut_nii_gz", "cut short"),
        ("short_inside_nii_gz", "cut short"),
        ("damaged_mha", "damaged"),
        ("zero_spacing_nii_big_endian", "spacing of 1 x 1 x 0 mm"),
        ("skewed_nii", "17 degrees"),
        ("huge_nrrd_raw", "cut short"),
        ("rgb_nii_gz", "colour"),
        ("frames_nii_gz", "5 frames; choose one of them, from 0 to 4"),
        ("gz_named_nii", "rename it to packed.nii.gz"),
        ("mha_named_nii_gz", "rename it to really_mha.mha"),
        ("mhd_without_voxels", "lonely.zraw"),
        ("folder_of_nifti", "it holds a.nii.gz"),
        ("dicom_two_series", "1: CT First, 3 slices; 2: CT Second, 3 slices"),
        ("dicom_cut", "003.dcm is damaged"),
        ("dicom_one_place_twice", "the place of slice 1"),
    ],
)
def test_the_sentence_says_what_is_wrong(corpus, name, words):
    with pytest.raises(BadInput, match=re.escape(words)):
        read_volume(corpus[name])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fractions", "not whole"),
        ("not_numbers", "not whole"),
        ("negative", "negative number -1"),
        ("other_shape", "(7, 10, 12) and scan has (8, 10, 12)"),
        ("other_spacing", "3 x 0.8 x 0.8 mm instead of 2.5 x 0.8 x 0.8 mm"),
        ("other_origin", "its origin is 10 mm away"),
        ("turned", "turned by 36.9 degrees"),
    ],
)
def test_labels_that_do_not_fit_the_scan(tmp_path, name, words):
    scan, wrong = build_wrong_seeds(tmp_path)
    with pytest.raises(BadInput, match=re.escape(words)) as caught:
        read_labels(wrong[name], like=read_volume(scan))
    assert not complaint(caught.value, wrong[name])


def test_a_file_that_may_not_be_opened(tmp_path, corpus):
    path = tmp_path / "closed.nii"
    path.write_bytes(b"x")
    path.chmod(0)
    try:
        path.read_bytes()
    except PermissionError:
        with pytest.raises(BadInput, match="permission denied"):
            read_volume(path)
    else:
        pytest.skip("this user may open every file")


@pytest.mark.parametrize("name", ["y" * 300 + ".nii", "a\0b.nii", "no/such/folder"])
def test_names_that_no_file_can_have(tmp_path, name):
    for read in (read_volume, read_labels):
        with pytest.raises(BadInput, match="no file or folder"):
            read(tmp_path / name)


def test_choices_that_are_out_of_range(corpus, tmp_path):
    for frame in (5, -1):
        with pytest.raises(BadInput, match=f"no frame {frame}; it holds 5 frames, counted from 0 to 4"):
            read_volume(corpus["frames_nii_gz"], frame=frame)
    with pytest.raises(BadInput, match="series 3 is not there; choose one by its number: 1: CT First"):
        read_volume(corpus["dicom_two_series"], series=3)
    with pytest.raises(BadInput, match="no series to choose"):
        read_volume(corpus["frames_nii_gz"], series=1)
