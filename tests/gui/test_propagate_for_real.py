"""The Propagate widget with the real engine and the shipped model, down to the mask on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_medssl.metrics import dice
from napari_medssl.propagation import propagate
from napari_medssl.volumes import read_labels
from napari_medssl.volumes.samples import open_sample, open_sample_seeds
from tests.gui.propagation_kit import click, dock, says, wait_for_end


def test_the_sample_from_the_menu_to_a_file(shown: Any, qtbot: Any, tmp_path: Path) -> None:
    widget = dock(shown, qtbot, None)
    shown.open_sample("napari-medssl", "abdomen")
    form = widget.form
    assert "labels are drawn" in says(widget)
    click(qtbot, form.fold)
    qtbot.waitUntil(lambda: form.options.device.findText("CPU") >= 0, timeout=60000)
    form.options.device.setCurrentIndex(form.options.device.findText("CPU"))
    form.options.all_slices.setChecked(False)
    form.options.first.setValue(24)
    form.options.last.setValue(30)
    click(qtbot, form.propagate)
    wait_for_end(widget, qtbot, 120)
    assert "Label 2 is not drawn" in says(widget)  # its slice lies outside
    form.options.which.setCurrentIndex(1)
    shown.layers["Drawn slices"].selected_label = 1
    click(qtbot, form.propagate)
    wait_for_end(widget, qtbot, 120)
    assert "Done" in says(widget)
    widget.ask_path = lambda *_: str(tmp_path / "mask.nii.gz")
    click(qtbot, form.save)
    qtbot.waitUntil(lambda: "Saved" in form.hint.text(), timeout=20000)

    # the file against the engine called without any viewer, in the file's own order of slices
    scan, seeds = open_sample(), open_sample_seeds()
    last = scan.shape[0] - 1
    expected = propagate(
        scan,
        np.where(seeds.array == 1, seeds.array, 0),
        slice_range=(last - 30, last - 24 + 1),
        device="cpu",
    ).labels
    saved = read_labels(tmp_path / "mask.nii.gz")
    assert np.allclose(saved.geometry.affine, scan.geometry.affine)
    assert ((saved.array == 2) == (seeds.array == 2)).all()
    # shown head first, the sweeps run the other way round, and ties fall the other way
    assert dice(saved.array == 1, expected == 1) > 0.99
    assert [i for i in range(last + 1) if (saved.array[i] == 1).any()] == list(range(last - 30, last - 24 + 1))
