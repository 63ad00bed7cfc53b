"""A dictionary that holds arrays and stays within a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from threading import Lock
from typing import Any, Generic, TypeVar

import numpy as np
from torch import Tensor

Key = TypeVar("Key", bound=Hashable)
Thing = TypeVar("Thing")


class Bounded(Generic[Key, Thing]):
    """A dictionary of at most so many bytes, the least recently used dropped first; safe to use from several threads.

    The last two things put in stay however large they are, since a step needs both.
    """

    def __init__(self, most: int) -> None:
        self.most, self.bytes = most, 0
        self._things: OrderedDict[Key, tuple[Thing, int]] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._things)

    def get(self, key: Key) -> Thing | None:
        with self._lock:
            if key not in self._things:
                return None
            self._things.move_to_end(key)
            return self._things[key][0]

    def put(self, key: Key, thing: Thing) -> None:
        size = bytes_in(thing)
        with self._lock:
            if key in self._things:
                self.bytes -= self._things.pop(key)[1]
            self._things[key] = (thing, size)
            self.bytes += size
            while self.bytes > self.most and len(self._things) > 2:
                self.bytes -= self._things.popitem(last=False)[1][1]

    def clear(self) -> None:
        with self._lock:
            self._things.clear()
            self.bytes = 0


def bytes_in(thing: Any) -> int:
    """The memory that the arrays and tensors in something take, whatever holds them."""
    if isinstance(thing, np.ndarray):
        return int(thing.nbytes)
    if isinstance(thing, Tensor):
        return thing.element_size() * thing.nelement()
    if isinstance(thing, Mapping):
        return sum(bytes_in(value) for value in thing.values()) + 100
    if isinstance(thing, list | tuple | set | frozenset):
        return sum(bytes_in(value) for value in thing) + 100
    return sum(bytes_in(value) for value in vars(thing).values()) + 200 if hasattr(thing, "__dict__") else 30
