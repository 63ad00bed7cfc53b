"""`segment`: a scan in, how probable a tube is and how thick it is, voxel by voxel, out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from napari_medssl.devices import use_bfloat16
from napari_medssl.errors import BadInput, Cancelled
from napari_medssl.tubes.inference import find
from napari_medssl.tubes.load import TubeModel, load_model
from napari_medssl.volumes import Volume

Polarity = Literal["bright", "dark"]


@dataclass(frozen=True)
class Tubes:
    """What a network sees in a scan.

    Attributes
    ----------
    probability : (z, y, x) float32, 0..1, that a voxel lies in a tube
    radius : (z, y, x) float32, expected distance of a tube's voxel to its surface; on the centre line the radius. In
        mm, or in voxels where no spacing is known. Says something only where tubes are probable.
    seconds : wall time
    """

    probability: NDArray[np.float32]
    radius: NDArray[np.float32]
    seconds: float = 0.0


def segment(
    volume: Volume | NDArray[np.generic],
    *,
    spacing: Sequence[float] | None = None,
    polarity: Polarity = "bright",
    model: str | TubeModel = "default",
    device: str = "auto",
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Tubes:
    """Find tubes: vessels, ducts, airways.

    The scan is looked at block by block, in several resolutions where the model says so. Memory beyond the scan and the
    two results is that of one block.

    Parameters
    ----------
    volume : a Volume, or a (z, y, x) array, which may be lazy
    spacing : mm in array order (z, y, x); a Volume has its own, and an array without one is taken as cubic voxels
    polarity : "bright" for tubes brighter than what surrounds them, "dark" for darker ones (airways, black blood)
    model : a model's name (``napari-medssl models list``), or a loaded one, with which `device` does not count. A model
        trained on one's own scans finds what was drawn there, and `polarity` does not count.
    device : "auto", "cpu", "cuda" or "mps"
    on_progress : told (blocks done, all blocks)
    cancelled : polled several times within a block

    Raises
    ------
    BadInput
        Not a volume, not a spacing, an unknown polarity, model or device.
    Cancelled
        `cancelled` answered True.
    """
    started = time.monotonic()
    if polarity not in get_args(Polarity):
        raise BadInput(f"The polarity must be bright or dark, not {polarity!r}.")
    array, sides = _scan(volume, spacing)
    loaded = load_model(model, device) if isinstance(model, str) else model

    def pause() -> None:
        if cancelled is not None and cancelled():
            raise Cancelled("Looking for tubes was stopped.")

    quick = use_bfloat16("auto", loaded.device)  # three times as quick where the hardware has it, as in training
    with torch.autocast(loaded.device.type, torch.bfloat16, enabled=quick):
        probability, radius = find(
            loaded.network, loaded.plan, array, sides, loaded.device,
            inverted=polarity == "dark" and loaded.plan.tubes == "bright",
            pause=pause, on_block=on_progress or (lambda done, total: None),
        )  # fmt: skip
    return Tubes(probability, radius, time.monotonic() - started)


def _scan(volume: Volume | NDArray[np.generic], spacing: Sequence[float] | None) -> tuple[Any, tuple[float, ...]]:
    """The array, checked, and its spacing; ones where nobody knows it."""
    own = volume.spacing if isinstance(volume, Volume) else None
    array = volume.array if isinstance(volume, Volume) else volume
    if array.ndim != 3 or 0 in array.shape:
        raise BadInput(f"The scan must have three dimensions (z, y, x), not the shape {tuple(array.shape)}.")
    if np.issubdtype(array.dtype, np.complexfloating):
        raise BadInput("The scan holds complex numbers; give their magnitude.")
    if spacing is None:
        return array, own or (1.0, 1.0, 1.0)
    sides = tuple(float(side) for side in spacing)
    if len(sides) != 3 or not all(np.isfinite(side) and side > 0 for side in sides):
        raise BadInput(f"The spacing must be three numbers of mm above 0 (z, y, x), not {tuple(spacing)}.")
    if own is not None and not np.allclose(sides, own, rtol=1e-3):
        raise BadInput(f"The spacing {sides} is not that of the scan, {tuple(own)}.")
    return array, sides
