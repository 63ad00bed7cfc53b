"""A network's labels for a whole scan, on the scan's own grid. Used while training and after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_medssl.segmentation.grids import to_own_grid, to_working_grid, working_shape
from napari_medssl.segmentation.plan import Plan
from napari_medssl.segmentation.windows import OVERLAP, Windows, slide


def predict(
    network: nn.Module, plan: Plan, array: Any, spacing: Sequence[float], on: torch.device, *,
    overlap: float = OVERLAP, pause: Callable[[], None] = lambda: None, on_window: Windows = lambda done, total: None,
    probability: NDArray[np.float32] | None = None,
) -> NDArray[np.unsignedinteger]:  # fmt: skip
    """Labels (z, y, x), as in files, of a scan (z, y, x) with its spacing in mm.

    `network` is in evaluation mode on its device. `pause` is called often and may raise. `probability`: an array of
    the scan's shape, to be filled with the probability (0..1) that a voxel belongs to any of the structures.
    """
    shape = working_shape(array.shape, spacing, plan.spacing)
    values = plan.values()
    labels = np.empty(array.shape, dtype=values.dtype)
    with torch.inference_mode():
        scan = to_working_grid(array, shape, plan.intensities.scale_for(array), pause)
        slices = slide(network, scan, plan, on, overlap=overlap, pause=pause, on_window=on_window)
        for z, found in enumerate(to_own_grid(slices, shape[0], array.shape)):
            labels[z] = values[found.argmax(0).numpy()]
            if probability is not None:
                probability[z] = 1 - found[0].numpy()
    return labels
