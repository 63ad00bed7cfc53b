"""Propagation through time: the mask of one frame of a 4D scan, such as a beating heart, carried to all frames.

Each slice of the scan, seen over time, is a stack of images like any other: what was drawn on one of them is carried to
the others by the same sweeps that carry a drawn slice through a volume.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medssl.errors import BadInput
from napari_medssl.propagation.api import iter_propagate
from napari_medssl.propagation.load import load_model
from napari_medssl.propagation.model import PropagationModel
from napari_medssl.propagation.verification import Verification


@dataclass(frozen=True)
class FramesPropagation:
    """A finished (or cancelled) propagation through time.

    Attributes
    ----------
    labels : (t, z, y, x), shape and dtype of the seeds
    confidence : {label: (t, z) float} in 0..1, 1 where it was drawn, nan where the label did not get to
    seconds : wall time
    complete : False when it was cancelled; whole slices are done then and others are as they were drawn
    """

    labels: NDArray[np.integer]
    confidence: dict[int, NDArray[np.float64]]
    seconds: float
    complete: bool = True


def propagate_frames(
    frames: NDArray[np.generic],
    seeds: NDArray[np.integer],
    *,
    seed_frames: Iterable[int] | None = None,
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
    cyclic: bool = False,
    model: str | PropagationModel = "default",
    verification: Verification = "auto",
    device: str = "auto",
    on_step: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> FramesPropagation:
    """Carry the masks of one or a few frames to all frames, both ways in time, slice by slice.

    Parameters
    ----------
    frames : (t, z, y, x)
    seeds : (t, z, y, x) integer labels: the whole mask of the frames it was drawn on, 0 elsewhere
    seed_frames : the frames that were drawn, which come back unchanged; a slice that is empty on one of them says that
        the structure is not there. None means the frames that hold a label.
    spacing : mm in array order (z, y, x)
    cyclic : whether the first frame follows the last one, as in one heart beat: each frame is then reached by the
        shorter way around
    model, verification, device : as for `propagate`
    on_step : called with the steps done and the steps in all
    cancelled : polled several times within a step

    Raises
    ------
    BadInput
        Shapes that do not agree, nothing drawn, frames out of range, an unknown model or device.
    """
    started = time.monotonic()
    drawn = _check(frames, seeds, seed_frames)
    matcher = load_model(model, device) if isinstance(model, str) else model
    result = np.zeros_like(seeds)
    result[drawn] = seeds[drawn]
    labels = [int(value) for value in np.unique(result) if value]
    if not labels:
        raise BadInput("Nothing is drawn on the frames to start from; draw the structure on one of them.")
    confidence = {label: np.full(seeds.shape[:2], np.nan) for label in labels}
    for label in labels:
        there = (result[drawn] == label).any(axis=(2, 3))
        confidence[label][drawn] = np.where(there, 1.0, np.nan)
    order = _order(len(frames), drawn[0], cyclic)
    slices = [int(z) for z in np.flatnonzero(result.any(axis=(0, 2, 3)))]
    steps = 2 * (len(order) - 1)
    complete = True
    for number, z in enumerate(slices):
        wanted = {label: _places(order, drawn) for label in labels if (result[drawn, z] == label).any()}
        shown = np.stack([np.asarray(frames[t, z]) for t in order])
        ended = cancelled is not None and cancelled()
        for at, found in enumerate(() if ended else iter_propagate(
            shown, result[order, z], seed_slices=wanted, spacing=(1.0, *spacing[1:]), model=matcher,
            verification=verification, cancelled=cancelled,
        ), 1):  # fmt: skip
            t = order[found.index]
            if t not in drawn:
                result[t, z] = found.labels
                for label, value in found.confidence.items():
                    confidence[label][t, z] = value
            if on_step is not None:
                on_step(number * steps + min(at, steps), len(slices) * steps)
        if cancelled is not None and cancelled():
            complete = False
            break
    return FramesPropagation(result, confidence, time.monotonic() - started, complete)


def _order(count: int, first: int, cyclic: bool) -> list[int]:
    """The frames as they follow each other; in a circle the drawn frame `first` lies in the middle."""
    start = first - (count - 1) // 2 if cyclic else 0
    return [(start + place) % count for place in range(count)]


def _places(order: Sequence[int], drawn: Sequence[int]) -> list[int]:
    return [place for place, t in enumerate(order) if t in drawn]


def _check(frames: NDArray[np.generic], seeds: NDArray[np.integer], seed_frames: Iterable[int] | None) -> list[int]:
    if frames.ndim != 4:
        raise BadInput(f"Frames have four dimensions (t, z, y, x); this scan has {frames.ndim}.")
    if seeds.shape != frames.shape:
        raise BadInput(f"The seeds have shape {seeds.shape} but the frames have {frames.shape}; they must be the same.")
    if not np.issubdtype(seeds.dtype, np.integer):
        raise BadInput(f"The seeds must be whole-number labels, not {seeds.dtype}.")
    if seed_frames is None:
        drawn = [int(t) for t in np.flatnonzero(seeds.any(axis=(1, 2, 3)))]
    else:
        drawn = sorted(set(seed_frames))
    if not drawn:
        raise BadInput("Nothing is drawn on any frame; draw the structure on one of them.")
    if drawn[0] < 0 or drawn[-1] >= len(frames):
        wrong = drawn[0] if drawn[0] < 0 else drawn[-1]
        raise BadInput(f"There is no frame {wrong}; the scan has frames 0 to {len(frames) - 1}.")
    return drawn
