"""One scan without a viewer: check what can be checked first, propagate what was drawn, write the mask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from napari_medssl.errors import BadInput
from napari_medssl.propagation import session_use
from napari_medssl.propagation.api import propagate
from napari_medssl.propagation.hints_file import read_hints
from napari_medssl.propagation.result import Propagation, SliceResult
from napari_medssl.propagation.survey import labels_by_slice
from napari_medssl.volumes import Volume, read_labels, read_volume, write_labels
from napari_medssl.volumes.dicom_seg import check_dicom_output, is_dicom_name, write_dicom_seg

OnStep = Callable[[int, int], None]


@dataclass(frozen=True)
class Job:
    """What to read and where to write."""

    image: Path
    seeds: Path
    output: Path


@dataclass(frozen=True)
class Settings:
    """How to propagate; names and meanings are those of the command's options."""

    seed_slices: dict[int, tuple[int, ...]] | None = None
    axis: int = 0
    slice_range: tuple[int, int | None] | None = None
    hints: Path | None = None
    session: Path | None = None
    save_session: bool = False
    model: str = "default"
    verification: Literal["none", "paper", "auto"] = "auto"
    adapt_seconds: float = 0.0
    device: str = "auto"
    series: str | None = None
    frame: int | None = None
    frames: Literal["", "all", "as-drawn"] = ""
    cyclic: bool = False


@dataclass(frozen=True)
class Found:
    """One label of the result; slices are counted from 0 along the propagation axis."""

    first: int
    last: int
    voxels: int
    millilitres: float
    lowest_confidence: float
    least_confident_slice: int


@dataclass(frozen=True)
class Report:
    """What came of one scan; `output` is None where nothing was written."""

    image: str
    output: str | None
    complete: bool
    seconds: float
    axis: int
    labels: dict[int, Found] = field(default_factory=dict)
    confidence: dict[int, list[float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    session: str | None = None
    frame_millilitres: dict[int, list[float]] = field(default_factory=dict)


def propagate_scan(
    job: Job,
    settings: Settings,
    cancelled: Callable[[], bool],
    *,
    keep_unfinished: bool = True,
    on_step: OnStep | None = None,
) -> Report:
    """Propagate the seeds of `job` with `settings`; write the mask on the scan's own grid.

    What was done before a cancellation is written too, unless `keep_unfinished` is False. `on_step` is called with the
    slices done and the slices in all.

    Raises
    ------
    BadInput
        Anything about the files or the settings that cannot be used; nothing has been written then.
    """
    if is_dicom_name(job.output):
        check_dicom_output(job.output, job.image)
    volume = read_volume(job.image, series=settings.series, frame=settings.frame)
    drawn_on = read_seeds(job.seeds, volume, settings.frame)
    seeds = cast("NDArray[np.integer]", drawn_on.array)
    session = None
    if settings.session is not None:
        session, axis, drawn = session_use.what_it_says(settings.session, seeds, job.seeds)
        settings = replace(settings, axis=axis, seed_slices=drawn)
    slices = volume.shape[settings.axis]
    _check_seed_slices(settings.seed_slices, seeds, settings.axis, job.seeds)
    slice_range = _checked_range(settings.slice_range, slices, settings.axis, job.image)

    hints = [*(session.hints if session else ()), *(read_hints(settings.hints) if settings.hints else ())]
    reached = set[int]()

    def on_slice(result: SliceResult) -> None:
        reached.add(result.index)
        if on_step is not None:
            on_step(result.done, result.total)

    result = propagate(
        volume,
        seeds,
        seed_slices=settings.seed_slices,
        axis=settings.axis,
        slice_range=slice_range,
        model=settings.model,
        verification=settings.verification,
        adapt_seconds=settings.adapt_seconds,
        device=settings.device,
        hints=hints,
        on_slice=on_slice,
        cancelled=cancelled,
    )
    if not result.complete and not (reached - _drawn(seeds, settings.axis) and keep_unfinished):
        return Report(str(job.image), None, False, result.seconds, settings.axis, notes=volume.notes)
    if session is not None:
        session_use.keep_other_planes(result, session, settings.axis, seeds)
    write_mask(job, replace(volume, array=result.labels, segments=drawn_on.segments), settings)
    beside = None
    if settings.save_session:
        started = settings.seed_slices or _drawn_by_label(seeds, settings.axis)
        beside = session_use.write_beside(job.output, session, result, settings.axis, started, hints)
    return Report(
        str(job.image),
        str(job.output),
        result.complete,
        result.seconds,
        settings.axis,
        _found(result, volume, settings.axis),
        {label: values.tolist() for label, values in result.confidence.items()},
        volume.notes,
        None if beside is None else str(beside),
    )


def write_mask(job: Job, mask: Volume, settings: Settings) -> None:
    """Write a mask in the format that the name of the output says."""
    if is_dicom_name(job.output):
        write_dicom_seg(job.output, mask, job.image, series=settings.series, frame=settings.frame)
    else:
        write_labels(job.output, mask)


def read_seeds(path: Path, volume: Volume, frame: int | None) -> Volume:
    """The mask with what was drawn, on the grid of the scan; refused where it is empty."""
    try:
        seeds = read_labels(path, like=volume)
    except BadInput:
        if frame is None:
            raise
        # Seeds drawn on a 4D scan may be 4D themselves.
        seeds = read_labels(path, like=volume, frame=frame)
    if not np.any(seeds.array):
        raise BadInput(f"{path} holds no label; draw the structure on at least one slice.")
    return seeds


def _check_seed_slices(
    wanted: dict[int, tuple[int, ...]] | None, seeds: NDArray[np.integer], axis: int, path: Path
) -> None:
    slices = seeds.shape[axis]
    for label, indices in (wanted or {}).items():
        if indices[-1] >= slices:
            raise BadInput(
                f"Seed slice {indices[-1]} of label {label} is outside {path}, "
                f"whose slices along axis {axis} are 0 to {slices - 1}."
            )
        drawn = _drawn(seeds == label, axis)
        if not drawn:
            here = ", ".join(str(value) for value in np.unique(seeds) if value)
            raise BadInput(f"Label {label} of --seed-slices is not drawn in {path}, which holds {here}.")
        if drawn.isdisjoint(indices):
            named, has = ", ".join(map(str, indices)), ", ".join(map(str, sorted(drawn)[:10]))
            raise BadInput(f"Label {label} is not drawn on slice {named} of {path}; it is on slice {has}.")


def _drawn(labels: NDArray[np.generic], axis: int) -> set[int]:
    """The slices that hold a label."""
    return set(np.flatnonzero(labels.any(axis=tuple(i for i in range(3) if i != axis))).tolist())


def _drawn_by_label(labels: NDArray[np.integer], axis: int) -> dict[int, tuple[int, ...]]:
    found: dict[int, tuple[int, ...]] = {}
    for index, here in labels_by_slice(labels, axis).items():
        for label in here:
            found[label] = (*found.get(label, ()), index)
    return found


def _checked_range(wanted: tuple[int, int | None] | None, slices: int, axis: int, path: Path) -> tuple[int, int] | None:
    if wanted is None:
        return None
    first, end = wanted[0], slices if wanted[1] is None else wanted[1]
    if end > slices or first >= slices:
        raise BadInput(
            f"--range {first}:{end} reaches outside {path}, which has {slices} slices along axis {axis} (0:{slices})."
        )
    return first, end


def _found(result: Propagation, volume: Volume, axis: int) -> dict[int, Found]:
    millilitres = float(np.prod(volume.spacing)) / 1000
    found = {}
    for label, confidence in result.confidence.items():
        mask = result.labels == label
        on = sorted(_drawn(mask, axis))
        if not on:
            continue
        voxels = int(mask.sum())
        values = np.where(np.isnan(confidence[on]), 1.0, confidence[on])
        least = int(values.argmin())
        found[label] = Found(on[0], on[-1], voxels, voxels * millilitres, float(values[least]), on[least])
    return found
