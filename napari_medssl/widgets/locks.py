"""Locked labels: napari's brushes neither change nor add to them.

napari's own "preserve labels" spares every label but the one in hand. So each brush stroke is asked here what it may
change, just before it does. Undo and redo go back and forth through time as ever. Should a later napari hide the place
where strokes come by, its "preserve labels" is switched on while something is locked.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Labels

_GUARDS: weakref.WeakKeyDictionary[Any, Guard] = weakref.WeakKeyDictionary()


class Guard:
    """Stands before the voxels of the `locked` labels of one layer.

    `refused` is called with a label when a stroke did nothing since that label is locked.
    """

    def __init__(self, layer: Labels) -> None:
        self._locked: frozenset[int] = frozenset()
        self._layer = weakref.ref(layer)
        self.refused: Callable[[int], None] = lambda _: None
        self._stands = all(hasattr(layer, name) for name in ("_apply_mask_to_data", "data_setitem"))
        if self._stands:
            _stand_before(layer, self)

    @property
    def locked(self) -> frozenset[int]:
        return self._locked

    @locked.setter
    def locked(self, labels: frozenset[int]) -> None:
        layer = self._layer()
        if layer is not None and not self._stands and bool(labels) != bool(self._locked):
            layer.preserve_labels = bool(labels)
        self._locked = labels

    def open(self, values: Any, new: Any) -> Any:
        """Which of some voxels with these values may become `new` (one value, or one for each)."""
        locked = list(self._locked)
        return ~(np.isin(values, locked) | np.isin(new, locked))

    def refuse(self, values: Any, new: Any) -> None:
        """Tell that nothing was done, since all of it was locked."""
        met = sorted(self._locked & {int(label) for label in np.unique([*np.unique(values), *np.unique(new)])})
        if met:
            self.refused(met[-1] if len(met) == 1 else next((n for n in met if n == np.max(new)), met[0]))


def guard(layer: Labels) -> Guard:
    """The one guard of a layer."""
    if layer not in _GUARDS:
        _GUARDS[layer] = Guard(layer)
    return _GUARDS[layer]


def _stand_before(layer: Labels, made: Guard) -> None:
    # weakly: what hangs on the layer must not keep it, nor the guard what holds the guard
    weak_layer, weak_guard, kind = weakref.ref(layer), weakref.ref(made), type(layer)

    def apply_mask(data: Any, mask: Any, new_label: int, volume_slice: Any) -> Any:
        layer, guard = weak_layer(), weak_guard()
        if guard is not None and guard.locked:
            allowed = mask & guard.open(data, new_label)
            changing = mask & (data != new_label)
            if changing.any() and not (changing & allowed).any():
                guard.refuse(data[changing], new_label)
                return None
            mask = allowed
        return kind._apply_mask_to_data(layer, data, mask, new_label, volume_slice)

    def data_setitem(indices: Any, value: Any, refresh: bool = True) -> None:
        layer, guard = weak_layer(), weak_guard()
        if guard is not None and guard.locked:
            values = np.asarray(layer.data[indices])
            changing, allowed = values != value, guard.open(values, value)
            if changing.any() and not (changing & allowed).any():
                guard.refuse(values[changing], value)
                return
            indices = tuple(np.broadcast_to(part, allowed.shape)[allowed] for part in indices)
            value = np.asarray(value)[allowed] if np.shape(value) else value
        kind.data_setitem(layer, indices, value, refresh)

    layer._apply_mask_to_data = apply_mask
    layer.data_setitem = data_setitem
