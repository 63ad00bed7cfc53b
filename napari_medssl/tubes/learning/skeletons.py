"""Skeletons of masks, for a loss and for judging."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, generate_binary_structure
from skimage.morphology import skeletonize


def thick_skeleton(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The skeleton (z, y, x) of a mask, dilated by a voxel but not beyond the mask: what skeleton recall asks for."""
    thick: NDArray[np.bool_] = binary_dilation(skeletonize(mask), generate_binary_structure(3, 3)) & mask
    return thick


def centre_line_dice(prediction: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """clDice of two masks: harmonic mean of how much of each one's skeleton lies in the other; nan if one is empty."""
    if not prediction.any() or not truth.any():
        return float("nan")
    of_prediction, of_truth = skeletonize(prediction), skeletonize(truth)
    precision = np.count_nonzero(of_prediction & truth) / max(np.count_nonzero(of_prediction), 1)
    sensitivity = np.count_nonzero(of_truth & prediction) / max(np.count_nonzero(of_truth), 1)
    return 2 * precision * sensitivity / (precision + sensitivity) if precision + sensitivity else 0.0
