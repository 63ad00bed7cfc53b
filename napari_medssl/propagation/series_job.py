"""One scan of several frames without a viewer: from what was drawn on one frame to a mask of each frame."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_medssl.errors import BadInput
from napari_medssl.propagation import session_use
from napari_medssl.propagation.api import propagate
from napari_medssl.propagation.load import load_model
from napari_medssl.propagation.scan_job import Found, Job, OnStep, Report, Settings, propagate_scan, read_seeds
from napari_medssl.propagation.series import FramesPropagation, propagate_frames
from napari_medssl.volumes import Volume
from napari_medssl.volumes.frames import frame_count, read_frames
from napari_medssl.volumes.frames_writing import frame_step, writable_frames, write_frame_labels

Labels = NDArray[np.integer]


def run_job(
    job: Job,
    settings: Settings,
    cancelled: Callable[[], bool],
    *,
    keep_unfinished: bool = True,
    on_step: OnStep | None = None,
) -> Report:
    """`propagate_scan`, or where the settings ask for frames, `propagate_series`."""
    if settings.frames:
        return propagate_series(job, settings, cancelled, on_step=on_step)
    return propagate_scan(job, settings, cancelled, keep_unfinished=keep_unfinished, on_step=on_step)


def propagate_series(
    job: Job, settings: Settings, cancelled: Callable[[], bool], *, on_step: OnStep | None = None
) -> Report:
    """Carry what was drawn through its frame, unless the settings say that it is whole, and then through time.

    A mask of one frame belongs to frame `settings.frame` (0 where it is None); one of several frames to those on which
    it holds a label. After a cancellation nothing is written.

    Raises
    ------
    BadInput
        Anything about the files or the settings that cannot be used; nothing has been written then.
    """
    started = time.monotonic()
    writable_frames(job.output)
    _refuse(settings)
    if frame_count(job.image, series=settings.series) < 2:
        raise BadInput(f"{job.image} holds one frame only, so there is nothing to carry through time.")
    frames, first = read_frames(job.image, series=settings.series)
    seeds = _seeds(job.seeds, frames, first, settings.frame or 0)
    drawn = [int(t) for t in np.flatnonzero(seeds.any(axis=(1, 2, 3)))]
    model = load_model(settings.model, settings.device)
    for t in drawn if settings.frames == "all" else ():
        axis, slices = settings.axis, settings.seed_slices
        if settings.session is not None:
            _, axis, slices = session_use.what_it_says(settings.session, seeds[t], job.seeds)
        volume = Volume(frames[t], first.geometry, first.name)
        whole = propagate(
            volume, seeds[t], seed_slices=slices, axis=axis, model=model,
            verification=settings.verification, cancelled=cancelled,
        )  # fmt: skip
        if not whole.complete:
            return _stopped(job, first, settings, started)
        seeds[t] = whole.labels
    result = propagate_frames(
        frames, seeds, seed_frames=drawn, spacing=first.spacing, cyclic=settings.cyclic, model=model,
        verification=settings.verification, on_step=on_step, cancelled=cancelled,
    )  # fmt: skip
    if not result.complete:
        return _stopped(job, first, settings, started)
    step = 1.0 if job.image.is_dir() else frame_step(job.image)
    write_frame_labels(job.output, result.labels, first.geometry, step=step)
    return _report(job, settings, result, first, time.monotonic() - started)


def _refuse(settings: Settings) -> None:
    """Settings that frames cannot follow."""
    if settings.slice_range is not None or settings.hints is not None or settings.save_session:
        raise BadInput("A range of slices, hints and saving a session are for one frame, not for all frames.")
    if settings.adapt_seconds:
        raise BadInput("Fitting the model to the scan is for one frame, not for all frames.")


def _seeds(path: Path, frames: NDArray[np.generic], first: Volume, frame: int) -> Labels:
    count = frame_count(path)
    if count == 1:
        if not 0 <= frame < len(frames):
            raise BadInput(f"There is no frame {frame} in {first.name}; it has frames 0 to {len(frames) - 1}.")
        drawn = read_seeds(path, first, None)
        seeds = np.zeros(frames.shape, dtype=drawn.array.dtype)
        seeds[frame] = drawn.array
        return seeds
    if count != len(frames):
        raise BadInput(f"{path} has {count} frames and {first.name} has {len(frames)}; they must be of the same scan.")
    from napari_medssl.volumes import read_labels

    each = [read_labels(path, like=first, frame=t).array for t in range(count)]
    found = np.stack([np.asarray(array, dtype=np.result_type(*each)) for array in each])
    if not found.any():
        raise BadInput(f"{path} holds no label; draw the structure on at least one frame.")
    return found


def _stopped(job: Job, first: Volume, settings: Settings, started: float) -> Report:
    return Report(str(job.image), None, False, time.monotonic() - started, settings.axis, notes=first.notes)


def _report(job: Job, settings: Settings, result: FramesPropagation, first: Volume, seconds: float) -> Report:
    millilitres = float(np.prod(first.spacing)) / 1000
    found, each = {}, {}
    for label, confidence in result.confidence.items():
        voxels = (result.labels == label).sum(axis=(2, 3))
        if not voxels.any():
            continue
        on = np.flatnonzero(voxels.any(axis=0))
        sure = np.where(np.isnan(confidence) | (voxels == 0), 1.0, confidence)
        most = int(voxels.sum(axis=1).max())
        least = int(sure.min(axis=0).argmin())
        found[label] = Found(int(on[0]), int(on[-1]), most, most * millilitres, float(sure.min()), least)
        each[label] = [float(v) for v in voxels.sum(axis=1) * millilitres]
    return Report(
        str(job.image), str(job.output), True, seconds, settings.axis, found, notes=first.notes, frame_millilitres=each
    )
