"""What propagation is compared with.

From one drawn slice: repeating the mask, and carrying it along by optical flow (DIS). Between several: the interpolated
shape, and optical flow from both sides.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from napari_medssl.propagation.interpolation import ShapeBetween


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


def shape_between(mask: np.ndarray, drawn: Sequence[int], spacing: Sequence[float]) -> np.ndarray:
    """Signed-distance interpolation between the drawn slices, not aligned; nothing beside a slice that is empty."""
    result = np.zeros(mask.shape, dtype=bool)
    result[list(drawn)] = mask[list(drawn)]
    for before, after in itertools.pairwise(drawn):
        if after - before > 1 and mask[before].any() and mask[after].any():
            shape = ShapeBetween(mask[before], mask[after], spacing, aligned=False)
            for index in range(before + 1, after):
                result[index] = shape.mask((index - before) / (after - before))
    return result


class FlowBetween:
    """Optical flow (DIS, medium) from the drawn slices on either side, averaged by distance.

    The flow is computed once, in a box around the label's true extent.
    """

    def __init__(self, volume: np.ndarray, mask: np.ndarray, margin: int = 40) -> None:
        import cv2

        where = np.argwhere(mask)
        self.first, self.last = int(where[:, 0].min()), int(where[:, 0].max())
        self.box = tuple(
            slice(max(0, int(where[:, axis].min()) - margin), int(where[:, axis].max()) + 1 + margin) for axis in (1, 2)
        )
        boxed = volume[(slice(self.first, self.last + 1), *self.box)].astype(np.float32)
        low, high = np.percentile(volume, [0.5, 99.5])
        grey = np.clip((boxed - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)
        flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        pairs = list(itertools.pairwise(grey))
        self._shifts = {
            1: [flow.calc(after, before, None) for before, after in pairs],  # where a pixel was on the slice before
            -1: [flow.calc(before, after, None) for before, after in pairs],
        }
        self._grid = np.mgrid[: grey.shape[1], : grey.shape[2]].astype(np.float32)

    def __call__(self, mask: np.ndarray, drawn: Sequence[int]) -> np.ndarray:
        result = np.zeros(mask.shape, dtype=bool)
        result[list(drawn)] = mask[list(drawn)]
        for before, after in itertools.pairwise(drawn):
            inside = range(before + 1, after)
            ahead = dict(zip(inside, self._carried(mask[before], inside, 1), strict=True))
            back = dict(zip(reversed(inside), self._carried(mask[after], reversed(inside), -1), strict=True))
            for index in inside:
                part = (index - before) / (after - before)
                result[(index, *self.box)] = (1 - part) * ahead[index] + part * back[index] > 0.5
        return result

    def _carried(self, mask: np.ndarray, order: Sequence[int], direction: int) -> list[np.ndarray]:
        import cv2

        current, carried = mask[self.box].astype(np.float32), []
        for index in order:
            shift = self._shifts[direction][min(index, index - direction) - self.first]
            rows, columns = self._grid + shift[..., ::-1].transpose(2, 0, 1)
            current = (cv2.remap(current, columns, rows, cv2.INTER_LINEAR) > 0.5).astype(np.float32)
            carried.append(current)
        return carried
