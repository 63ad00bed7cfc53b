import numpy as np
from scipy import ndimage

from napari_medssl.propagation.verification import Verifier, region_means, verify


def disc(shape=(40, 40), centre=(20, 20), radius=9):
    y, x = np.indices(shape)
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2


def test_means_are_those_of_the_mask_and_of_five_dilations_around_it():
    rng = np.random.default_rng(0)
    image, mask = rng.random((40, 40)), disc()
    means = region_means(image, mask)
    ring = ndimage.binary_dilation(mask, iterations=5) & ~mask
    assert means is not None
    np.testing.assert_allclose((means.inside, means.ring), (image[mask].mean(), image[ring].mean()))
    assert region_means(image, np.zeros_like(mask)) is None


def test_pixels_of_the_surroundings_are_rejected():
    mask = disc()
    image = np.where(mask, 1.0, 0.0)
    too_large = ndimage.binary_dilation(mask, iterations=4)
    np.testing.assert_array_equal(verify(too_large, image, mask, image), mask)


def test_the_result_is_rejection_filling_closing_filling():
    rng = np.random.default_rng(1)
    mask = disc()
    image = np.where(mask, 0.6, 0.4) + rng.normal(0, 0.1, mask.shape)
    p, n = image[mask].mean(), image[ndimage.binary_dilation(mask, iterations=5) & ~mask].mean()
    kept = mask & (np.abs(image - p) < np.abs(image - n))
    steps = ndimage.binary_fill_holes(kept)
    steps = ndimage.binary_erosion(ndimage.binary_dilation(steps, iterations=2), iterations=2)
    np.testing.assert_array_equal(verify(mask, image, mask, image), ndimage.binary_fill_holes(steps))


def test_a_mask_at_the_border_is_not_eroded_by_the_closing():
    mask = np.zeros((20, 20), dtype=bool)
    mask[:, :8] = True
    np.testing.assert_array_equal(verify(mask, mask.astype(float), mask, mask.astype(float)), mask)


def verified(mode, drawn_image, drawn, image, mask):
    """What a verifier that set out from a drawn slice makes of a propagated mask."""
    verifier = Verifier(mode)
    verifier.start(1, drawn_image, drawn)
    return verifier(1, mask, image, drawn, drawn_image)


def test_auto_verifies_clear_structures_as_the_paper_does():
    mask = disc()
    image = np.where(mask, 1.0, 0.0) + np.random.default_rng(2).normal(0, 0.05, mask.shape)
    leaked = ndimage.binary_dilation(mask, iterations=2)
    np.testing.assert_array_equal(verified("auto", image, mask, image, leaked), verify(leaked, image, mask, image))
    np.testing.assert_array_equal(verified("paper", image, mask, image, leaked), verify(leaked, image, mask, image))
    assert verified("none", image, mask, image, leaked) is leaked


def test_auto_stays_out_where_the_drawn_slice_would_be_harmed():
    rng, mask = np.random.default_rng(2), disc()
    leaked = ndimage.binary_dilation(mask, iterations=2)
    mixed = np.where(mask & (np.indices(mask.shape)[0] > 20), 1.0, 0.0)
    hollow = mask & ~disc(radius=4)
    for image, drawn in ((mixed, mask), (rng.random(mask.shape), mask), (hollow.astype(float), hollow)):
        assert verified("auto", image, drawn, image, leaked) is leaked
        assert verified("paper", image, drawn, image, leaked) is not leaked


def test_auto_stays_out_where_the_contrast_is_gone_or_too_much_would_go():
    mask = disc()
    image = np.where(mask, 1.0, 0.0)
    verifier = Verifier("auto")
    verifier.start(1, image, mask)
    bright_around = np.where(mask, 1.0, 2.0)
    assert verifier(1, mask, image, mask, bright_around) is mask
    assert verifier(1, mask, np.where(disc(radius=5), 1.0, 0.0), mask, image) is mask
    assert verifier(2, mask, image, mask, image) is mask  # a label that was never drawn
