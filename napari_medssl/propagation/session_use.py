"""A session for one scan without a viewer: what was drawn by hand comes from one, and what was done goes into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_medssl.errors import BadInput
from napari_medssl.propagation.hints import Hint
from napari_medssl.propagation.result import Propagation
from napari_medssl.propagation.seeds import along
from napari_medssl.propagation.session import Session
from napari_medssl.propagation.session_file import load_session, save_session, session_path

Slices = dict[int, tuple[int, ...]]


def what_it_says(path: Path, seeds: NDArray[np.integer], mask: Path) -> tuple[Session, int, Slices]:
    """A session, the axis that counts its slices, and {label: slices drawn by hand}, stops among them.

    Parameters
    ----------
    path : of the session
    seeds : (z, y, x) the mask that it belongs to, from the file `mask`

    Raises
    ------
    BadInput
        It cannot be read, it is that of another mask, or nothing counts as drawn.
    """
    session = load_session(path, seeds)
    axis = session.plane(seeds)
    drawn = {} if axis is None else session.drawn(axis, seeds)
    if axis is None or not drawn:
        raise BadInput(f"By {path} nothing in {mask} was drawn by hand; draw the structure on at least one slice.")
    return session, axis, {label: tuple(slices) for label, slices in drawn.items()}


def keep_other_planes(result: Propagation, session: Session, axis: int, seeds: NDArray[np.integer]) -> None:
    """Leave what was drawn in other planes as it is in the mask."""
    kept = session.kept_voxels(axis, seeds.shape)
    if kept is not None:
        result.labels[kept] = seeds[kept]


def write_beside(
    output: Path, session: Session | None, result: Propagation, axis: int, drawn: Mapping[int, Sequence[int]],
    hints: Sequence[Hint],
) -> Path:  # fmt: skip
    """Write the session of a mask that has been written to `output`, beside it; its path.

    Parameters
    ----------
    session : that the propagation began with, if with any
    drawn : {label: slices drawn by hand} that it began with
    """
    session = session or Session()
    session.hints = tuple(hints)
    run = session.start(axis, drawn)
    view = along(result.labels, axis)
    for index in range(len(view)):
        sure = {label: float(values[index]) for label, values in result.confidence.items()}
        run.note(index, {label: value for label, value in sure.items() if np.isfinite(value)}, view[index])
    run.outcome, run.seconds = "done" if result.complete else "cancelled", result.seconds
    path = session_path(output)
    save_session(path, session, result.labels)
    return path
