"""Skeletons of masks, for a loss and for judging."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, generate_binary_structure
from skimage import morphology


def skeleton_of(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The centre lines (z, y, x) of a mask."""
    line: NDArray[np.bool_] = np.asarray(morphology.skeletonize(mask), dtype=np.bool_)  # type: ignore[no-untyped-call]
    return line


def thick_skeleton(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The skeleton (z, y, x) of a mask, dilated by a voxel but not beyond the mask: what skeleton recall asks for."""
    thick: NDArray[np.bool_] = binary_dilation(skeleton_of(mask), generate_binary_structure(3, 3)) & mask
    return thick


def centre_line_dice(prediction: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """clDice of two masks: harmonic mean of how much of each one's skeleton lies in the other; nan if one is empty."""
    if not prediction.any() or not truth.any():
        return float("nan")
    of_prediction, of_truth = skeleton_of(prediction), skeleton_of(truth)
    precision = int(np.count_nonzero(of_prediction & truth)) / max(int(np.count_nonzero(of_prediction)), 1)
    sensitivity = int(np.count_nonzero(of_truth & prediction)) / max(int(np.count_nonzero(of_truth)), 1)
    return 2 * precision * sensitivity / (precision + sensitivity) if precision + sensitivity else 0.0
