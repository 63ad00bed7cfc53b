"""What a sweep knew when it came to a slice, as a few bytes to compare."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

import numpy as np

from napari_medssl.propagation.hints import Hints
from napari_medssl.propagation.region import bounding_box
from napari_medssl.propagation.seeds import Mask


def digests(
    start: object, order: range, drawn: Mapping[int, Mapping[int, Mask]], hints: Hints | None = None
) -> list[bytes]:
    """A digest for each slice of `order`: of everything that a sweep knows when it has been there.

    That is what it started with (`start`, told apart by its repr) and what was drawn and hinted at on each slice so
    far; two sweeps with the same digest find the same. Contents count, so a drawing changed in place is another one.
    """
    found, last = [], _digest(repr((start, order.step)).encode())
    for index in order:
        parts = [last, repr(index).encode()]
        for label in sorted(drawn):
            if index in drawn[label]:
                parts += [repr(label).encode(), mask_digest(drawn[label][index])]
        if hints is not None:
            parts += hints.digests(index)
        last = _digest(*parts)
        found.append(last)
    return found


def mask_digest(mask: Mask) -> bytes:
    if not mask.any():
        return _digest(repr(mask.shape).encode())
    top, bottom, left, right = box = bounding_box(mask)
    return _digest(repr((mask.shape, box)).encode(), np.packbits(mask[top:bottom, left:right]).tobytes())


def _digest(*parts: bytes) -> bytes:
    whole = blake2b(digest_size=16)
    for part in parts:
        whole.update(len(part).to_bytes(8, "little") + part)
    return whole.digest()
