"""Grey value windows."""

from __future__ import annotations

import numpy as np
import pytest

from napari_medssl import Volume, read_volume
from napari_medssl.volumes.windows import CT_WINDOWS, Window, auto_window, is_ct, limits


def test_presets_show_what_they_are_for():
    spans = {window.name: limits(window) for window in CT_WINDOWS}
    assert spans == {
        "soft tissue": (-160, 240),
        "lung": (-1350, 150),
        "bone": (-500, 1300),
        "brain": (0, 80),
    }


def test_auto_window_spans_percentiles():
    array = np.random.default_rng(0).normal(50, 10, (40, 50, 60))
    low, high = limits(auto_window(array, (1, 99)))
    np.testing.assert_allclose((low, high), np.percentile(array, (1, 99)), atol=0.2)
    low, high = limits(auto_window(array.astype(np.int16), (0, 100)))
    assert (low, high) == (array.astype(np.int16).min(), array.astype(np.int16).max())


def test_auto_window_of_arrays_with_little_in_them():
    mask = np.zeros((20, 20, 20))
    mask[0, 0, 0] = 5
    assert limits(auto_window(mask)) == (0, 5)
    assert limits(auto_window(np.full((2, 2, 2), 7))) == (7, 8)
    assert limits(auto_window(np.full((2, 2, 2), np.nan))) == (0, 1)
    assert limits(auto_window(np.array([[[np.nan, 1.0, 2.0]]]), (0, 100))) == (1, 2)
    assert limits(auto_window(np.array([[[True, False]]]), (0, 100))) == (0, 1)


def test_auto_window_of_a_large_array_samples_it():
    array = np.arange(4_000_000, dtype=np.int32).reshape(100, 200, 200)
    np.testing.assert_allclose(limits(auto_window(array, (10, 90))), (400_000, 3_600_000), rtol=1e-3)


@pytest.mark.parametrize(
    ("array", "modality", "expected"),
    [
        (np.linspace(-1024, 1500, 1000), "", True),
        (np.linspace(-1024, 1500, 1000).astype(np.int16), "", True),
        (np.linspace(-2000, 3071, 1000), "", True),
        (np.linspace(0, 255, 1000).astype(np.uint8), "", False),
        (np.linspace(0, 1200, 1000).astype(np.int16), "", False),
        (np.random.default_rng(0).normal(0, 1, 1000), "", False),
        (np.linspace(-1e6, 1e6, 1000), "", False),
        (np.linspace(0, 200, 1000), "CT", True),
        (np.linspace(-1024, 1500, 1000), "MR", False),
    ],
)
def test_ct_is_known_by_modality_or_range(array, modality, expected):
    assert is_ct(Volume(array.reshape(10, 10, 10), modality=modality)) is expected


def test_real_scans(medssl_data):
    for path, expected in (
        ("organ_ct/images/abdomen_3mm.nii.gz", True),
        ("lung_ct/images/lung_1.nii.gz", True),
        ("unlabelled_ct/images/chest_abdomen.nii.gz", True),
        ("dicom/ct_20_slices", True),
        ("odd/thick_slices_brain.nrrd", False),
        ("dicom/hippocampus_study1", False),
        ("vessels/images/brain_tof_mra_unlabelled.nii.gz", False),
    ):
        assert is_ct(read_volume(medssl_data / path)) is expected, path


def test_a_window_is_what_it_says():
    assert limits(Window("liver", 100, 150)) == (25, 175)
