"""The slices a person drew: checked, and sorted by label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_medssl.errors import BadInput

Mask = NDArray[np.bool_]
Scalar = TypeVar("Scalar", bound=np.generic)
Drawn = dict[int, dict[int, Mask]]


@dataclass(frozen=True)
class Seeds:
    """What was drawn, along one axis.

    Attributes
    ----------
    drawn : {label: {slice index: 2D mask}}; an empty mask says that the label is not there, and is a stop
    shape : (slices, height, width)
    axis : the axis of the volume that counts the slices
    """

    drawn: Drawn
    shape: tuple[int, int, int]
    axis: int

    @property
    def labels(self) -> list[int]:
        return sorted(self.drawn)

    def of(self, labels: Iterable[int]) -> Drawn:
        """The drawn slices of some labels."""
        return {label: self.drawn[label] for label in labels}


def along(array: NDArray[Scalar], axis: int) -> NDArray[Scalar]:
    """A view of a volume with `axis` first, so that array[i] is slice i."""
    return np.moveaxis(array, axis, 0)


def collect_seeds(
    seeds: NDArray[np.integer],
    *,
    seed_slices: Mapping[int, Iterable[int]] | None = None,
    axis: int = 0,
    slice_range: tuple[int, int] | None = None,
) -> Seeds:
    """Read the drawn slices out of a label volume.

    Parameters
    ----------
    seeds : (z, y, x) integer labels, 0 where nothing is drawn
    seed_slices : {label: slice indices} drawn by hand; an empty slice among them is a stop. None takes every slice that
        holds the label. Labels that are not named are left out.
    axis : 0, 1 or 2
    slice_range : half-open; seeds outside it are left out

    Raises
    ------
    BadInput
        Nothing is drawn, a slice does not exist, or a label has only stops.
    """
    if axis not in (0, 1, 2):
        raise BadInput(f"The axis must be 0, 1 or 2, not {axis}.")
    view = along(seeds, axis)
    first, last = check_range(slice_range, len(view))
    wanted = _slices_with_labels(view) if seed_slices is None else _checked(seed_slices, len(view))
    drawn: Drawn = {}
    for label, indices in wanted.items():
        masks = {i: np.asarray(view[i] == label) for i in indices if first <= i < last}
        if any(mask.any() for mask in masks.values()):
            drawn[label] = masks
        elif seed_slices is not None:
            raise BadInput(
                f"Label {label} is not drawn on any of its seed slices"
                f" ({', '.join(map(str, indices)) or 'none named'}) within slices {first} to {last - 1}; draw it there."
            )
    if not drawn:
        where = "" if slice_range is None else f" within slices {first} to {last - 1}"
        raise BadInput(f"Nothing is drawn{where}: draw the structure on at least one slice first.")
    slices, height, width = view.shape
    return Seeds(drawn, (slices, height, width), axis)


def check_range(slice_range: tuple[int, int] | None, slices: int) -> tuple[int, int]:
    """The half-open range to work in, checked against the number of slices."""
    if slice_range is None:
        return 0, slices
    first, last = slice_range
    if not 0 <= first < last <= slices:
        raise BadInput(
            f"The slice range {first}:{last} does not fit: give a first and an end slice with"
            f" 0 <= first < end <= {slices}."
        )
    return first, last


def _slices_with_labels(view: NDArray[np.integer]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for index in np.flatnonzero(view.any(axis=(1, 2))):
        for label in np.unique(view[index]):
            if label:
                found.setdefault(int(label), []).append(int(index))
    return found


def _checked(seed_slices: Mapping[int, Iterable[int]], slices: int) -> dict[int, list[int]]:
    checked: dict[int, list[int]] = {}
    for label, indices in seed_slices.items():
        if int(label) <= 0:
            raise BadInput(f"Label {label} cannot be propagated: labels are positive whole numbers.")
        checked[int(label)] = sorted({int(i) for i in indices})
        for index in checked[int(label)]:
            if not 0 <= index < slices:
                raise BadInput(
                    f"Seed slice {index} of label {label} does not exist: the volume has slices 0 to {slices - 1}."
                )
    return checked
