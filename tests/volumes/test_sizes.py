"""Voxels of each label on each slice, against counting them one by one."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_medssl.volumes.sizes import voxels_by_slice


@given(
    st.sampled_from([(np.uint8, [0, 1, 200]), (np.int32, [0, 3, 70000]), (np.int16, [0, -4, 9])]).flatmap(
        lambda kind: arrays(kind[0], (3, 4, 5), elements=st.sampled_from(kind[1]))
    ),
    st.sampled_from([0, 1, 2]),
)
@settings(max_examples=60, deadline=None)
def test_counts(labels: np.ndarray, axis: int) -> None:
    found = voxels_by_slice(labels, axis)
    assert sorted(found) == [label for label in np.unique(labels) if label]
    for label, counts in found.items():
        others = tuple(a for a in range(3) if a != axis)
        np.testing.assert_array_equal(counts, (labels == label).sum(axis=others))
