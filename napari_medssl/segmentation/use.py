"""`segment`: a scan and a trained model in, labels on the scan's own grid out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from napari_medssl.devices import use_bfloat16
from napari_medssl.errors import BadInput, Cancelled
from napari_medssl.segmentation.inference import predict
from napari_medssl.segmentation.load import SegmentationModel, load_model
from napari_medssl.volumes import Geometry, Volume
from napari_medssl.volumes.orientation import display_for


@dataclass(frozen=True)
class Segmented:
    """What was found in a scan.

    Attributes
    ----------
    labels : (z, y, x) on the scan's grid, with the values that the training labels had
    names : {label: what it is}, where the model knows
    probability : (z, y, x) that a voxel belongs to any of the structures, 0..1; None unless asked for
    seconds : wall time
    """

    labels: NDArray[np.unsignedinteger]
    names: dict[int, str]
    seconds: float
    probability: NDArray[np.float32] | None = None


def segment(
    volume: Volume | NDArray[np.generic],
    *,
    model: str | SegmentationModel,
    spacing: Sequence[float] | None = None,
    device: str = "auto",
    probability: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Segmented:
    """Find the structures that a model was trained on.

    The scan is resampled to the model's spacing and looked at through overlapping windows, whose probabilities are
    averaged and resampled back. Memory beyond the resampled scan is that of one row of windows.

    Parameters
    ----------
    volume : a Volume, or a (z, y, x) array with `spacing`; it is read slice by slice and may be lazy. Of a Volume the
        directions are known, and the model sees it turned like the scans it was trained on; an array is taken to run
        foot to head, front to back and patient's right to left.
    model : a model's name (``napari-medssl models list``), or a loaded one, with which `device` does not count
    spacing : mm in array order (z, y, x); with a Volume it may be left out, and must agree with the Volume's
    device : "auto", "cpu", "cuda" or "mps"
    probability : return that, too
    on_progress : told (windows done, all windows)
    cancelled : polled several times within a window

    Raises
    ------
    BadInput
        Not a volume, no spacing, an unknown model or device.
    Cancelled
        `cancelled` answered True.
    """
    started = time.monotonic()
    scan = _with_geometry(volume, spacing)
    loaded = load_model(model, device) if isinstance(model, str) else model
    display = display_for(scan.geometry)
    array = display.forward(scan.array)
    chance = np.zeros(array.shape, dtype=np.float32) if probability else None

    def pause() -> None:
        if cancelled is not None and cancelled():
            raise Cancelled("The segmentation was stopped.")

    quick = use_bfloat16("auto", loaded.device)  # three times as quick where the hardware has it, as in training
    with torch.autocast(loaded.device.type, torch.bfloat16, enabled=quick):
        labels = predict(
            loaded.network, loaded.plan, array, [scan.spacing[axis] for axis in display.permutation], loaded.device,
            pause=pause, on_window=on_progress or (lambda done, total: None), probability=chance,
        )  # fmt: skip
    return Segmented(
        np.ascontiguousarray(display.back(labels)),
        dict(loaded.plan.names),
        time.monotonic() - started,
        None if chance is None else np.ascontiguousarray(display.back(chance)),
    )


def _with_geometry(volume: Volume | NDArray[np.generic], spacing: Sequence[float] | None) -> Volume:
    if isinstance(volume, Volume):
        if spacing is not None and not np.allclose(spacing, volume.spacing, rtol=1e-3):
            raise BadInput(f"The spacing {tuple(spacing)} is not that of {volume.name} ({volume.spacing}).")
        return volume
    if spacing is None or len(spacing) != 3:
        raise BadInput("An array needs its spacing in mm (z, y, x); give one, or a Volume.")
    if np.issubdtype(volume.dtype, np.complexfloating):
        raise BadInput("The array holds complex numbers; give their magnitude.")
    return Volume(volume, Geometry.from_spacing(spacing), "the array")
