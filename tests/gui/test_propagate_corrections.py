"""A second propagation after a correction, with the real engine: quick, and what it would have been anyway."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_medssl.propagation import propagate
from tests.gui.propagation_kit import click, dock, says, wait_for_end

SHAPE, SPACING = (14, 64, 64), (4.0, 1.5, 1.5)


@pytest.fixture
def scene() -> tuple[np.ndarray, np.ndarray]:
    z, y, x = np.indices(SHAPE).astype(float)
    organ = ((y - 30) / 14) ** 2 + ((x - 28 - 0.5 * z) / 12) ** 2 < 1
    return np.where(organ, 220.0, 100.0) + np.random.default_rng(0).normal(0, 12, SHAPE), organ


def test_a_correction_goes_on_from_what_is_known(
    make_napari_viewer: Callable[..., Any], qtbot: Any, scene: tuple[np.ndarray, np.ndarray]
) -> None:
    viewer, (image, organ) = make_napari_viewer(show=True), scene
    scan = viewer.add_image(image.astype(np.float32), scale=SPACING, name="scan")
    labels = viewer.add_labels(np.zeros(SHAPE, np.uint8), scale=SPACING, name="organ")
    widget = dock(viewer, qtbot, None)
    widget.form.options.device.addItem("CPU", "cpu")
    widget.form.options.device.setCurrentIndex(widget.form.options.device.count() - 1)

    drawn = {5: organ[5], 10: np.roll(organ[10], 2, axis=0)}  # a correction that changes something

    def draw(index: int) -> None:
        for value, where in ((0, ~drawn[index] & (labels.data[index] > 0)), (1, drawn[index])):
            rows, columns = np.nonzero(where)  # what was propagated beyond it is erased
            labels.data_setitem((np.full(len(rows), index), rows, columns), value)

    def run() -> set[Any]:
        click(qtbot, widget.form.propagate)
        wait_for_end(widget, qtbot, 120)
        assert "Done" in says(widget)
        return set(widget.runs._kept.sweeps._things)

    draw(5)
    first = run()
    assert len(first) == 9 + 6  # 5 to 13, and 5 down to 0
    viewer.dims.set_current_step(0, 10)
    draw(10)
    second = run()
    assert first <= second
    assert len(second - first) <= 4 + 5  # 10 to 13, and 10 down to 6 at most
    seeds = np.zeros(SHAPE, dtype=np.uint8)
    for index, mask in drawn.items():
        seeds[index] = mask
    np.testing.assert_array_equal(labels.data, propagate(image.astype(np.float32), seeds, spacing=SPACING).labels)

    viewer.layers.remove(scan)
    qtbot.waitUntil(lambda: not widget.runs._kept.sweeps._things, timeout=5000)
    assert not len(widget.runs._kept.features)
