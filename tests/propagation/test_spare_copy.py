"""Copies into memory made ready beforehand: the same as any copy, and never one that somebody else still has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medssl.propagation.spare_copy import SpareCopy


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(*[st.integers(0, 9)] * 3),
    order=st.permutations((0, 1, 2)),
    steps=st.tuples(*[st.sampled_from((1, -1, 2))] * 3),
    dtype=st.sampled_from(("u1", "<i2", ">i4", "i8")),
)
def test_a_copy_is_a_copy(shape: Any, order: Any, steps: Any, dtype: str) -> None:
    array = np.random.default_rng(0).integers(0, 100, shape).astype(dtype)
    array = array.transpose(order)[tuple(slice(None, None, step) for step in steps)]
    spare = SpareCopy()
    for _ in range(2):
        wait_for(spare, array)
        copy = spare.copy(array)
        np.testing.assert_array_equal(copy, array)
        assert copy.dtype == array.dtype
        assert not np.shares_memory(copy, array)
        assert not spare.ready


def test_what_is_handed_out_is_nobody_elses() -> None:
    spare, array = SpareCopy(), np.ones((4, 5, 6), np.uint8)
    copies = []
    for value in range(5):
        if value != 2:
            wait_for(spare, array)
        array[:] = value
        copies.append(spare.copy(array))
    assert [set(np.unique(copy)) for copy in copies] == [{value} for value in range(5)]


@pytest.mark.parametrize("other", [np.zeros((4, 5, 7), np.uint8), np.zeros((4, 5, 6), np.int32)])
def test_other_arrays_are_copied_too(other: Any) -> None:
    spare = SpareCopy()
    wait_for(spare, np.ones((4, 5, 6), np.uint8))
    copy = spare.copy(other)
    assert (copy.shape, copy.dtype) == (other.shape, other.dtype)
    wait_for(spare, other)
    spare.make_ready(np.ones((4, 5, 6), np.uint8))  # and back again, perhaps while a thread is still at the other
    np.testing.assert_array_equal(spare.copy(other), other)


def wait_for(spare: SpareCopy, array: Any) -> None:
    spare.make_ready(array)
    assert spare._thread is not None
    spare._thread.join(timeout=60)
    assert spare.ready
