"""What is done to patches so that other scanners are known, too."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import center_of_mass

from napari_medssl.nodules.learning.patches import coarsened


@pytest.mark.parametrize("seed", range(4))
def test_a_nodule_in_coarse_voxels_is_blurred_and_stays_where_it_was(seed: int) -> None:
    rng = np.random.default_rng(seed)
    grid = np.indices((48, 48, 48)) - np.array([30, 20, 25]).reshape(3, 1, 1, 1)
    image = ((grid**2).sum(axis=0) <= 36).astype(np.float32)
    coarse = coarsened(rng, image)
    assert coarse.shape == image.shape
    assert center_of_mass(coarse) == pytest.approx([30, 20, 25], abs=0.2)
    assert coarse.sum() == pytest.approx(image.sum(), rel=0.06)
    assert np.abs(np.diff(coarse, axis=0)).max() < 1 or np.abs(np.diff(coarse, axis=1)).max() < 1
    np.testing.assert_allclose(coarsened(rng, np.full_like(image, 0.3)), 0.3, atol=1e-6)
