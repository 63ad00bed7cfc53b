import numpy as np
from PIL import Image

from napari_medssl.training.pictures import read_captions, write_pictures
from napari_medssl.training.strategy import Picture


def test_panels_stand_side_by_side_with_their_captions(tmp_path):
    left, right = np.zeros((50, 40)), np.full((100, 20), 0.5)
    right[0, 0] = np.nan
    (name,) = write_pictures(tmp_path / "pictures", 70, [Picture((("scan", left), ("truth", right)))])
    assert name == "step-000070-0.png"
    image = np.asarray(Image.open(tmp_path / "pictures" / name))
    captions = read_captions(tmp_path / "pictures" / name)
    assert [text for text, _, _ in captions] == ["scan", "truth"]
    (_, first, width), (_, second, other) = captions
    assert (first, width, other) == (0, 40, 20)
    assert image.shape == (100, second + other)
    assert (image[:, :width] == 0).all()
    assert (image[1:, second:] == 128).all()
    assert image[0, second] == 0  # what is not a number is black


def test_small_slices_are_enlarged_by_whole_numbers(tmp_path):
    pattern = np.random.default_rng(0).random((40, 30)).round()
    (name,) = write_pictures(tmp_path, 1, [Picture((("a", pattern),))])
    image = np.asarray(Image.open(tmp_path / name))
    assert image.shape == (160, 120)
    assert (image == (pattern * 255).repeat(4, 0).repeat(4, 1)).all()
