"""What propagation is compared with: repeating the drawn mask, and carrying it along by optical flow (DIS)."""

from __future__ import annotations

import numpy as np


def copy_everywhere(volume: np.ndarray, mask: np.ndarray, seed: int) -> np.ndarray:
    """The drawn mask on every slice."""
    return np.broadcast_to(mask[seed], mask.shape)


def optical_flow(volume: np.ndarray, mask: np.ndarray, seed: int) -> np.ndarray:
    """The mask warped from slice to slice by dense inverse search flow (OpenCV, medium preset)."""
    import cv2

    low, high = np.percentile(volume, [0.5, 99.5])
    grey = np.clip((volume.astype(np.float32) - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    rows, columns = np.mgrid[: mask.shape[1], : mask.shape[2]].astype(np.float32)
    result = np.zeros(mask.shape, dtype=bool)
    result[seed] = mask[seed]
    for direction in (1, -1):
        current = mask[seed].astype(np.float32)
        index = seed + direction
        while 0 <= index < len(mask) and current.any():
            shift = flow.calc(grey[index], grey[index - direction], None)
            warped = cv2.remap(current, columns + shift[..., 0], rows + shift[..., 1], cv2.INTER_LINEAR)
            current = (warped > 0.5).astype(np.float32)
            result[index] = current > 0
            index += direction
    return result
