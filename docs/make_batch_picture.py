"""Make the picture of the page on folders: four patients that never were, three of them drawn on, gone through.

    xvfb-run -a -s "-screen 0 1280x800x24" python docs/make_batch_picture.py

Needs a display with OpenGL. `--theme light` and `--to FOLDER` make another one, to look at.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from photographer import SIZE, Photographer, photograph

from napari_medssl.volumes import write_labels, write_volume
from napari_medssl.volumes.phantoms import abdomen

SHAPE, SPACING = (56, 128, 128), (5.0, 2.4, 2.4)
PATIENTS = 4


class BatchPhotographer(Photographer):
    """A viewer with the widget for folders, and one to correct in behind it."""

    def __init__(self, folder: Path, theme: str) -> None:
        super().__init__(folder, theme)
        _, self.batch = self.viewer.window.add_plugin_dock_widget("napari-medssl", "Propagate a folder", tabify=True)
        self.viewer.window.resize(*SIZE)
        self.rest(1.0)


def make_study(study: Path) -> tuple[Path, Path]:
    """A folder of scans, and one of what was drawn: liver and left kidney on a slice each."""
    scans, drawn = study / "scans", study / "drawn"
    for folder in (scans, drawn):
        folder.mkdir(parents=True)
    for number in range(1, PATIENTS + 1):
        made: Any = abdomen(SHAPE, SPACING, seed=number)
        numbers = {name: value for value, name in made.names.items()}
        seeds = np.zeros(SHAPE, np.uint8)
        for label, organ in ((1, "liver"), (2, "left kidney")):
            mask = made.labels == numbers[organ]
            index = int(mask.sum(axis=(1, 2)).argmax())
            seeds[index][mask[index]] = label
        write_volume(scans / f"patient-{number:02}.nii.gz", made.volume)
        if number < PATIENTS:  # nobody has drawn on the last one
            write_labels(drawn / f"patient-{number:02}.nii.gz", seeds, made.volume.geometry)
    return scans, drawn


def make(folder: Path, theme: str, work: Path) -> None:
    """From three folders to a list, one case reviewed and the worst one open."""
    scans, drawn = make_study(work / "study")
    camera = BatchPhotographer(folder, theme)
    batch, form = camera.batch, camera.batch.form
    form.scans.edit.setText(str(scans))
    form.drawn.edit.setText(str(drawn))
    camera.click(form.start)
    camera.wait(lambda: batch.run is None and len(form.table.entries) == PATIENTS)
    finished = [row for row, entry in enumerate(form.table.entries) if entry.mask]
    form.table.selectRow(finished[-1])
    camera.click(form.open)
    camera.wait(lambda: len(camera.viewer.layers) == 2)
    camera.click(form.reviewed)
    camera.wait(lambda: any(entry.status == "reviewed" for entry in form.table.entries))
    camera.viewer.layers.clear()
    worst = next(row for row, entry in enumerate(form.table.entries) if entry.status == "to review")
    form.table.selectRow(worst)
    camera.click(form.open)
    camera.wait(lambda: len(camera.viewer.layers) == 2)
    labels = camera.viewer.layers[-1]
    camera.viewer.dims.set_current_step(0, int((labels.data == 2).sum(axis=(1, 2)).argmax()))
    batch.parent().raise_()
    camera.take("batch-1-review")
    camera.viewer.close()


if __name__ == "__main__":
    photograph(make, __doc__)
