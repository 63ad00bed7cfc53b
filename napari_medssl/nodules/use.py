"""`detect`: a chest CT in, a ranked list of nodules out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from napari_medssl.devices import use_bfloat16
from napari_medssl.errors import BadInput, Cancelled
from napari_medssl.nodules.boxes import in_scan, inside
from napari_medssl.nodules.finding import Nodule
from napari_medssl.nodules.inference import find_balls
from napari_medssl.nodules.load import DetectorModel, load_detector
from napari_medssl.nodules.lungs import Lungs, find_lungs
from napari_medssl.volumes import Geometry, Volume
from napari_medssl.volumes.orientation import display_for, displayed_geometry

BESIDE_MM = 5.0  # marks further than this from the lungs are dropped


@dataclass(frozen=True)
class Detection:
    """What was found in a scan.

    Attributes
    ----------
    nodules : the surest first
    lungs : where was looked
    threshold : the score from which on marks are in the list
    notes : sentences that the person should see
    seconds : wall time
    """

    nodules: tuple[Nodule, ...]
    lungs: Lungs
    threshold: float
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


def detect(
    volume: Volume | NDArray[np.generic],
    *,
    geometry: Geometry | None = None,
    model: str | DetectorModel = "default",
    device: str = "auto",
    threshold: float | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list[Nodule]:
    """Find nodules in a chest CT, the surest first. For research, not for diagnosis.

    Parameters
    ----------
    volume : a Volume, or a (z, y, x) array in HU with `geometry`
    geometry : where the array lies; a Volume has its own
    model : a model's name (``napari-medssl models list``), or a loaded one, with which `device` does not count
    device : "auto", "cpu", "cuda" or "mps"
    threshold : score (0 to 1) from which on a mark is returned; None takes the model's own
    on_progress : told (tiles done, all tiles)
    cancelled : polled several times within a tile

    Raises
    ------
    BadInput
        No volume, no geometry, no CT in HU, no lungs in view, an unknown model or device.
    Cancelled
        `cancelled` answered True.
    """
    return list(
        detection(
            volume, geometry=geometry, model=model, device=device, threshold=threshold, on_progress=on_progress,
            cancelled=cancelled,
        ).nodules
    )  # fmt: skip


def detection(
    volume: Volume | NDArray[np.generic],
    *,
    geometry: Geometry | None = None,
    model: str | DetectorModel = "default",
    device: str = "auto",
    threshold: float | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Detection:
    """As `detect`, with what else is known afterwards: where the lungs are, and what the person should be told."""
    started = time.monotonic()
    if threshold is not None and not 0 <= threshold <= 1:
        raise BadInput(f"The threshold must be a number from 0 to 1, not {threshold}.")
    scan = _as_volume(volume, geometry)

    def pause() -> None:
        if cancelled is not None and cancelled():
            raise Cancelled("Looking for nodules was stopped.")

    pause()
    lungs = find_lungs(scan)  # first, so that nobody waits for a model to hear that this is a brain
    loaded = load_detector(model, device) if isinstance(model, str) else model
    least = loaded.settings.threshold if threshold is None else threshold
    display = display_for(scan.geometry)
    placed = displayed_geometry(scan.geometry, display, scan.shape)
    quick = use_bfloat16("auto", loaded.device)  # three times as quick where the hardware has it, as in training
    with torch.autocast(loaded.device.type, torch.bfloat16, enabled=quick):
        balls, scores = find_balls(
            loaded, display.forward(scan.array), placed.spacing_zyx, lungs.within(BESIDE_MM),
            lungs.geometry.spacing_zyx, least=least, offset=lungs.hounsfield_offset, pause=pause,
            on_tile=on_progress or (lambda done, total: None),
        )  # fmt: skip
    places = placed.world(balls[:, :3] / np.array(placed.spacing_zyx))
    marks = [
        Nodule((float(x), float(y), float(z)), float(ball[3]), float(score))
        for (x, y, z), ball, score in zip(places, balls, scores, strict=True)
    ]
    kept = inside(marks, scan.geometry, scan.shape) & (lungs.distance(places) <= BESIDE_MM)
    nodules = tuple(in_scan(mark, scan.geometry, scan.shape) for mark, stays in zip(marks, kept, strict=True) if stays)
    return Detection(nodules, lungs, least, scan.notes + lungs.notes, time.monotonic() - started)


def _as_volume(volume: Volume | NDArray[np.generic], geometry: Geometry | None) -> Volume:
    if isinstance(volume, Volume):
        if geometry is not None and not geometry.same_grid(volume.geometry):
            raise BadInput(f"The geometry given is not that of {volume.name}; leave it out.")
        scan = volume
    else:
        if geometry is None:
            raise BadInput("An array needs its geometry, since nodules are measured in mm; give one, or a Volume.")
        scan = Volume(volume, geometry, "the scan")
    if scan.array.dtype.kind not in "iuf":
        raise BadInput(f"{scan.name} does not hold grey values but {scan.array.dtype}; open the CT itself.")
    if scan.array.dtype.kind == "f" and not np.isfinite(scan.array).all():
        scan = replace(scan, array=np.nan_to_num(scan.array, nan=-1024.0, posinf=3071.0, neginf=-1024.0))
    return scan
