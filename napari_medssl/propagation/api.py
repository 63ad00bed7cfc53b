"""Propagation: one drawn slice (or a few) to a whole volume."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_medssl.errors import BadInput, Cancelled
from napari_medssl.propagation.groups import group_labels
from napari_medssl.propagation.hints import Hint, Hints
from napari_medssl.propagation.kept import KeptWork
from napari_medssl.propagation.load import load_model
from napari_medssl.propagation.model import PropagationModel
from napari_medssl.propagation.patch import Patch, compose
from napari_medssl.propagation.result import Propagation, SliceResult
from napari_medssl.propagation.run import GroupRun
from napari_medssl.propagation.seeds import Seeds, along, check_range, collect_seeds
from napari_medssl.propagation.slices import Slices
from napari_medssl.propagation.verification import CHOICES, Verification
from napari_medssl.volumes import Volume

SeedSlices = Mapping[int, Iterable[int]]


def propagate(
    volume: Volume | NDArray[np.generic],
    seeds: NDArray[np.integer],
    *,
    seed_slices: SeedSlices | None = None,
    spacing: Sequence[float] | None = None,
    axis: int = 0,
    slice_range: tuple[int, int] | None = None,
    model: str | PropagationModel = "default",
    verification: Verification = "auto",
    adapt_seconds: float = 0.0,
    device: str = "auto",
    hints: Iterable[Hint] = (),
    kept: KeptWork | None = None,
    on_slice: Callable[[SliceResult], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Propagation:
    """Carry drawn slices through a volume (Sli2Vol: Yeung, Namburete, Xie, MICCAI 2021).

    Parameters
    ----------
    volume : a Volume, or a (z, y, x) array with `spacing`; it is read slice by slice and may be a dask array
    seeds : (z, y, x) integer labels, 0 where nothing is drawn
    seed_slices : {label: slice indices} where that label was drawn by hand, which come back unchanged; an empty slice
        among them says "it is not here" and is a stop. None means each label's non-empty slices.
    spacing : mm in array order (z, y, x); with a Volume it may be left out, and must agree with the Volume's
    axis : the axis that counts the slices
    slice_range : half-open range of slices to fill; drawn slices outside it come back unchanged and are not used
    model : a model's name (``napari-medssl models list``), or a loaded one, with which `device` does not count
    verification : "none"; "paper", the published one; "auto", none with a model that has a refiner, else the published
        one for labels whose drawn slices it would leave intact
    adapt_seconds : time for a fit of the model to this very volume first (see `adapt`)
    device : "auto", "cpu", "cuda" or "mps"
    hints : single voxels that belong to a label, or do not, in any plane: each steers the slice along `axis` that it
        lies on, where it is not a drawn one, and what comes of it is carried on
    kept : give the same `KeptWork` to every run on a volume, and a correction computes only what depends on it; the
        result is the same
    on_slice : called with each finished slice
    cancelled : polled several times within a slice; when it answers True, what is done so far is returned

    Raises
    ------
    BadInput
        Shapes or spacings that do not agree, nothing drawn, an unknown model or device.
    """
    started = time.monotonic()
    job = Job.prepare(
        volume, seeds, seed_slices=seed_slices, spacing=spacing, axis=axis, slice_range=slice_range, model=model,
        verification=verification, adapt_seconds=adapt_seconds, device=device, hints=hints, kept=kept,
        cancelled=cancelled,
    )  # fmt: skip
    complete = True
    try:
        for result in job.run():
            if on_slice is not None:
                on_slice(result)
    except Cancelled:
        complete = False
    return Propagation(job.labels, job.confidence, time.monotonic() - started, complete)


def iter_propagate(
    volume: Volume | NDArray[np.generic],
    seeds: NDArray[np.integer],
    *,
    seed_slices: SeedSlices | None = None,
    spacing: Sequence[float] | None = None,
    axis: int = 0,
    slice_range: tuple[int, int] | None = None,
    model: str | PropagationModel = "default",
    verification: Verification = "auto",
    adapt_seconds: float = 0.0,
    device: str = "auto",
    hints: Iterable[Hint] = (),
    kept: KeptWork | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[SliceResult]:
    """Like `propagate`, but hand out each slice as it is finished.

    A later result for the same slice replaces the earlier one. Ends early, without an error, when `cancelled` answers
    True.
    """
    job = Job.prepare(
        volume, seeds, seed_slices=seed_slices, spacing=spacing, axis=axis, slice_range=slice_range, model=model,
        verification=verification, adapt_seconds=adapt_seconds, device=device, hints=hints, kept=kept,
        cancelled=cancelled,
    )  # fmt: skip
    try:
        yield from job.run()
    except Cancelled:
        return


@dataclass
class Job:
    """A propagation under way: what goes in, checked, and what has come out so far."""

    runs: list[GroupRun]
    slice_range: tuple[int, int]
    labels: NDArray[np.integer]
    confidence: dict[int, NDArray[np.float64]]
    axis: int
    adapt_seconds: float = 0.0
    _patches: dict[int, dict[int, Patch]] = field(default_factory=dict)

    @classmethod
    def prepare(
        cls,
        volume: Volume | NDArray[np.generic],
        seeds: NDArray[np.integer],
        *,
        seed_slices: SeedSlices | None,
        spacing: Sequence[float] | None,
        axis: int,
        slice_range: tuple[int, int] | None,
        model: str | PropagationModel,
        verification: Verification,
        adapt_seconds: float,
        device: str,
        cancelled: Callable[[], bool] | None,
        hints: Iterable[Hint] = (),
        kept: KeptWork | None = None,
    ) -> Job:
        """Check everything before anything is computed."""
        array, spacing = _array_and_spacing(volume, spacing)
        _check_seeds(array, seeds)
        if verification not in CHOICES:
            raise BadInput(f"Verification must be one of {', '.join(CHOICES)}, not {verification!r}.")
        if not adapt_seconds >= 0:
            raise BadInput(f"adapt_seconds must be 0 or more, not {adapt_seconds}.")
        drawn = collect_seeds(seeds, seed_slices=seed_slices, axis=axis, slice_range=slice_range)
        matcher = load_model(model, device) if isinstance(model, str) else model
        slices = Slices(array, axis, spacing)
        groups = group_labels(_with_content(drawn))
        # A fit to the volume takes another course each time, so there is nothing of it to keep.
        kept = None if adapt_seconds else kept
        known = Hints.along(axis, hints, array.shape)
        runs = [
            GroupRun(slices, drawn.of(group), matcher, verification, cancelled, kept, known.of(group))
            for group in groups
        ]
        labels = np.zeros(seeds.shape, dtype=seeds.dtype)
        everything = collect_seeds(seeds, seed_slices=seed_slices, axis=axis)
        for label, masks in everything.drawn.items():
            for index, mask in masks.items():
                along(labels, axis)[index][mask] = label
        confidence = {label: np.full(len(slices), np.nan) for label in everything.drawn}
        for label, masks in everything.drawn.items():
            confidence[label][list(masks)] = 1.0
        return cls(runs, check_range(slice_range, len(slices)), labels, confidence, axis, adapt_seconds)

    def run(self) -> Iterator[SliceResult]:
        """Compute; `labels` and `confidence` always hold what was handed out last."""
        if self.adapt_seconds:
            self._adapt()
        orders = [run.orders(*self.slice_range) for run in self.runs]
        total = sum(len(order) for both in orders for order in both)
        before = 0
        for run, both in zip(self.runs, orders, strict=True):
            steps = [*both[0], *both[1]]
            position = 0
            for swept in run.run(*self.slice_range):
                position = steps.index(swept.index, position) + 1
                patches = self._patches.setdefault(swept.index, {})
                patches.update(swept.patches)
                view = along(self.labels, self.axis)[swept.index]
                view[...] = compose(patches, view.shape, self.labels.dtype)
                self._keep_hints(run, swept.index, view)
                for label, value in swept.confidence.items():
                    self.confidence[label][swept.index] = value
                yield SliceResult(swept.index, view.copy(), dict(swept.confidence), before + position, total)
            before += len(steps)

    @staticmethod
    def _keep_hints(run: GroupRun, index: int, view: NDArray[np.integer]) -> None:
        """What was said of single voxels holds to the voxel, but for other labels and what was drawn."""
        for label, masks in run.drawn.items():
            found = run.hints.on(label, index)
            if found is not None and index not in masks:
                mask = view == label
                found.apply(mask)
                view[(view == label) & ~mask] = 0
                view[(view == 0) & mask] = label

    def _adapt(self) -> None:
        from napari_medssl.propagation.adapt import adapt

        first = self.runs[0]
        drawn = {label: masks for run in self.runs for label, masks in run.drawn.items()}
        model = adapt(first.model, first.slices, drawn, seconds=self.adapt_seconds, cancelled=first.cancelled)
        for run in self.runs:
            run.model = model


def _array_and_spacing(
    volume: Volume | NDArray[np.generic], spacing: Sequence[float] | None
) -> tuple[NDArray[np.generic], tuple[float, ...]]:
    array = volume.array if isinstance(volume, Volume) else volume
    if array.ndim != 3:
        raise BadInput(f"Propagation needs a volume with three dimensions (z, y, x); this one has {array.ndim}.")
    if isinstance(volume, Volume):
        if spacing is not None and not np.allclose(spacing, volume.spacing, rtol=1e-3):
            raise BadInput(
                f"The spacing given, {tuple(spacing)} mm, is not that of {volume.name}, {volume.spacing} mm."
            )
        return array, volume.spacing
    spacing = (1.0, 1.0, 1.0) if spacing is None else tuple(float(s) for s in spacing)
    if len(spacing) != 3 or not all(np.isfinite(s) and s > 0 for s in spacing):
        raise BadInput(f"The spacing must be three positive numbers in mm (z, y, x), not {spacing}.")
    return array, spacing


def _check_seeds(array: NDArray[np.generic], seeds: NDArray[np.integer]) -> None:
    if seeds.shape != array.shape:
        raise BadInput(f"The seeds have shape {seeds.shape} but the volume has {array.shape}; they must be the same.")
    if not np.issubdtype(seeds.dtype, np.integer):
        raise BadInput(f"The seeds must be whole-number labels, not {seeds.dtype}.")


def _with_content(seeds: Seeds) -> dict[int, dict[int, NDArray[np.bool_]]]:
    return {label: {i: m for i, m in masks.items() if m.any()} for label, masks in seeds.drawn.items()}
