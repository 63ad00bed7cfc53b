"""The session beside its mask: what was drawn by hand and what was propagated, so that tomorrow's work goes on.

A mask ``scan_labels.nii.gz`` has its session in ``scan_labels.session.json``. Slices are counted in the order of the
mask's own file, and nothing in it names a patient or a place on the disk.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from napari_medssl.errors import BadInput
from napari_medssl.files import write_text
from napari_medssl.propagation.digests import mask_digest
from napari_medssl.propagation.seeds import along
from napari_medssl.propagation.session import Session
from napari_medssl.propagation.session_records import VERSION, SessionState, Versioned
from napari_medssl.propagation.session_state import session_of, state_of
from napari_medssl.propagation.strokes import Stroke
from napari_medssl.propagation.survey import labels_by_slice
from napari_medssl.volumes.formats import plain_name

Labels = NDArray[np.integer]
Digests = dict[int, dict[int, str]]  # {label: {slice index: digest}}

ENDING = ".session.json"
_LARGEST = 512 * 2**20  # bytes; far beyond what a session takes


def session_path(mask: str | os.PathLike[str]) -> Path:
    """Where the session of a mask lies: beside it."""
    return Path(mask).with_name(plain_name(mask) + ENDING)


def save_session(path: str | os.PathLike[str], session: Session, labels: Labels) -> None:
    """Write what is worth keeping of a session, atomically.

    Parameters
    ----------
    path : see `session_path`
    session : in the order of the mask's file (see `session_turn`); `session_state.frozen` gives one that other threads
        may write
    labels : (z, y, x) the label volume that the session is about, as it is in its file

    Raises
    ------
    BadInput
        The folder does not exist or cannot be written to.
    """
    state = state_of(session, _shape(labels))
    axes = {run.axis: {label for other in state.runs for label in other.seeds} for run in state.runs}
    found = {axis: _digests(labels, axis, among) for axis, among in axes.items()}
    try:
        write_text(path, state.model_copy(update={"digests": found}).model_dump_json())
    except OSError as error:
        raise BadInput(f"Cannot write {path}: {(error.strerror or str(error)).lower()}.") from error


def load_session(path: str | os.PathLike[str], labels: Labels) -> Session:
    """Read a session, and see what of it still holds for the mask.

    Slices of a propagated label that were changed elsewhere, after the session was saved, count as drawn by hand. Of a
    label of which nothing is as it was, only what was drawn is kept.

    Parameters
    ----------
    path : of a file that `save_session` wrote
    labels : (z, y, x) the label volume, in the order of its file

    Raises
    ------
    BadInput
        There is no such file, it is damaged or of a later version, or it is the session of another mask.
    """
    return fitted(read_state(path), labels, Path(path).name)


def read_state(path: str | os.PathLike[str]) -> SessionState:
    """A session file, checked on its own; raises as `load_session` does."""
    try:
        if os.path.getsize(path) > _LARGEST:
            raise BadInput(f"{path} is too large for a session; delete it, or choose another.")
        content = Path(path).read_bytes()
    except OSError as error:
        raise BadInput(f"Cannot read {path}: {(error.strerror or str(error)).lower()}.") from error
    return parse_state(content, str(path))


def parse_state(content: bytes, name: str) -> SessionState:
    """A session from what its file `name` holds."""
    try:
        later = Versioned.model_validate_json(content).version > VERSION
    except ValidationError:
        later = False
    if later:
        raise BadInput(f"{name} was written by a later version of napari-medssl; update this one to read it.")
    try:
        return SessionState.model_validate_json(content)
    except ValidationError as error:
        raise BadInput(f"{name} is not a session of napari-medssl, or is damaged; delete it, or choose another.") from (
            error
        )


def fitted(state: SessionState, labels: Labels, name: str) -> Session:
    """The session of a state on the mask as it is now; see `load_session`."""
    if tuple(state.shape) != labels.shape:
        theirs, ours = (" x ".join(map(str, shape)) for shape in (state.shape, labels.shape))
        raise BadInput(f"{name} is the session of another mask: that has {theirs} voxels (z, y, x), this one {ours}.")
    session = session_of(state)
    for axis, then in state.digests.items():
        now = _digests(labels, axis, set(then))
        for label, slices in then.items():
            changed = differing(slices, now.get(label, {}))
            if slices and not slices.keys() - changed:
                _forget(session, label)
            elif changed:
                session.strokes.append(_as_if_drawn(labels, axis, label, changed))
    session.runs = [run for run in session.runs if run.confidence]
    return session


def differing(then: dict[int, str], now: dict[int, str]) -> set[int]:
    """The slices that are not what they were, come or gone among them."""
    return {index for index in then.keys() | now.keys() if then.get(index) != now.get(index)}


def _as_if_drawn(labels: Labels, axis: int, label: int, changed: set[int]) -> Stroke:
    parts = []
    for index in sorted(changed):
        where = tuple(slice(index, index + 1) if other == axis else slice(0, labels.shape[other]) for other in range(3))
        parts.append((where, np.asarray(labels[where] == label)))
    slices = {other: {label: frozenset(changed)} if other == axis else {} for other in range(3)}
    return Stroke(axis, tuple(parts), slices)


def _forget(session: Session, label: int) -> None:
    for run in session.runs:
        for found in (run.seeds, run.confidence, run.areas):
            found.pop(label, None)


def _digests(labels: Labels, axis: int, among: set[int]) -> Digests:
    view, found = along(labels, axis), Digests()
    for index, here in labels_by_slice(labels, axis).items():
        for label in among.intersection(here):
            found.setdefault(label, {})[index] = mask_digest(np.asarray(view[index] == label)).hex()[:16]
    return found | {label: {} for label in among if label not in found}


def _shape(labels: Labels) -> tuple[int, int, int]:
    z, y, x = labels.shape
    return z, y, x
