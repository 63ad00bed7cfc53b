"""What a click or a key does to the slice on screen: it is right, the label is not here, forget its drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_medssl.errors import BadInput
from napari_medssl.propagation.marks import forgotten, right_as_it_is
from napari_medssl.widgets import brush_history
from napari_medssl.widgets.planes import NAMES, shown_axis, shown_slice

if TYPE_CHECKING:
    from napari_medssl.widgets.propagate_job import Work


def slice_on_screen(work: Work, axis: int) -> int | None:
    """The index along `axis` of the slice that is shown; None in another plane or beside the volume."""
    index = shown_slice(work.viewer, work.labels, axis)
    shown = shown_axis(work.viewer, work.labels) == axis and 0 <= index < work.labels.data.shape[axis]
    return index if shown else None


def rub_out(work: Work, axis: int) -> None:
    """Erase the selected label on the slice that is shown, as a stroke by hand.

    Raises
    ------
    BadInput
        It is not on that slice, or a line is being drawn.
    """
    index, label = _ready(work, axis), _open_label(work)
    rows, columns = np.nonzero(np.moveaxis(work.labels.data, axis, 0)[index] == label)
    if not len(rows):
        raise BadInput(f"Label {label} is not on the {NAMES[axis]} slice that is shown; select the one to rub out.")
    work.labels.data_setitem((*(rows, columns)[:axis], np.full(len(rows), index), *(rows, columns)[axis:]), 0)


def accept(work: Work, axis: int, *, only_selected: bool = False) -> int:
    """Let the slice that is shown count as drawn by hand as it is, for all labels that were carried to it, or one.

    Returns its index.

    Raises
    ------
    BadInput
        None was carried there, all count there already, or a line is being drawn.
    """
    index, session = _ready(work, axis), work.session
    reached = [label for label in session.reached(axis, index) if label not in work.structures.locked]
    if only_selected:
        reached = [label for label in reached if label == work.labels.selected_label]
    if not reached:
        raise BadInput(f"No propagation has come to {NAMES[axis]} slice {index}; there is nothing to call right.")
    drawn = session.drawn(axis, work.labels.data)
    open_to_doubt = [label for label in reached if index not in drawn.get(label, ())]
    if not open_to_doubt:
        raise BadInput(f"{NAMES[axis].capitalize()} slice {index} counts as drawn by hand already.")
    brush_history.make(work.labels, right_as_it_is(work.labels.data, axis, index, open_to_doubt))
    return index


def forget(work: Work, axis: int) -> int:
    """Let what was drawn of the selected label on the slice that is shown no longer count, and clear it.

    A slice that was only said to be right keeps what the propagation had put there. Returns its index.

    Raises
    ------
    BadInput
        The label was not drawn there, or a line is being drawn.
    """
    index, label = _ready(work, axis), _open_label(work)
    if index not in work.session.drawn(axis, work.labels.data).get(label, ()):
        raise BadInput(
            f"Label {label} was not drawn by hand on {NAMES[axis]} slice {index}; select the label to forget there."
        )
    cleared = not work.session.only_accepted(axis, label, index)
    brush_history.make(work.labels, forgotten(work.labels.data, axis, index, label, cleared=cleared))
    return index


def _open_label(work: Work) -> int:
    """The selected label, which must not be locked."""
    label = int(work.labels.selected_label)
    if label in work.structures.locked:
        raise BadInput(f"{work.structures.called(label)} is locked and stays as it is; unlock it to change it.")
    return label


def _ready(work: Work, axis: int) -> int:
    if brush_history.drawing(work.labels):
        raise BadInput("Finish the line that you are drawing first, or press Esc.")
    index = slice_on_screen(work, axis)
    if index is None:
        raise BadInput(f"Turn to the {NAMES[axis]} plane, in which the slices are drawn, and to a slice of the scan.")
    return index
