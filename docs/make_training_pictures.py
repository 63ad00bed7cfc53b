"""Make the pictures of the training guide: drive the Train widget in a real viewer, with real runs, on phantoms.

    xvfb-run -a -s "-screen 0 1280x800x24" python docs/make_training_pictures.py

Needs a display with OpenGL, and some minutes. `--theme light` and `--to FOLDER` make another set, to look at.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from photographer import Photographer, photograph

SCANS = 8
SHAPE, SPACING = (40, 128, 128), (5.0, 2.4, 2.4)
# So little of everything that a run takes seconds.
SMALL = {"batch": 3, "synthetic": 1, "shapes": 6, "phantoms": 0, "side": 64, "validate_every": 10, "validation": 0.25}


class TrainingPhotographer(Photographer):
    """A viewer with the Train widget, and a camera."""

    title = "Train a model"

    def __init__(self, folder: Path, theme: str) -> None:
        super().__init__(folder, theme)
        self.wait(lambda: not self.widget.desk.busy)

    def until(self, *states: str) -> None:
        """Wait until the run that is shown stands so."""
        self.wait(lambda: getattr(self.widget.runs.info(self.widget.shown), "state", "") in states)

    def use(self, folder: Path) -> None:
        """Choose a folder, and wait for its report."""
        self.widget.new.use_folder(folder)
        self.wait(lambda: self.widget.session.finding is not None)

    def set(self, **settings: Any) -> None:
        """Fill in settings of the form."""
        form = self.form.plan.settings
        form.show_changes({**form.changes(), **settings})
        form.changed.emit()


def make_scans(folder: Path) -> None:
    """Abdomens that never were, and one file that was cut short."""
    from napari_medssl.volumes import write_volume
    from napari_medssl.volumes.phantoms import abdomen

    (folder / "images").mkdir(parents=True)
    for number in range(SCANS):
        path = folder / "images" / f"phantom{number:02d}.nii.gz"
        write_volume(path, abdomen(SHAPE, SPACING, seed=number, noise=8.0).volume)


def make(folder: Path, theme: str, work: Path) -> None:
    """From an empty form to a model in use, a picture at each step."""
    from qtpy.QtWidgets import QToolButton

    scans = work / "Abdomen CT"
    make_scans(scans)
    camera = TrainingPhotographer(folder, theme)
    form, widget = camera.form, camera.widget
    camera.viewer.open_sample("napari-medssl", "abdomen")
    camera.take("train-1-empty")

    broken = scans / "images" / "phantom08.nii.gz"
    broken.write_bytes((scans / "images" / "phantom00.nii.gz").read_bytes()[:20000])
    camera.use(scans)
    camera.click(form.data.heading)
    camera.take("train-2-problems")
    broken.unlink()
    camera.click(form.data.again)
    camera.wait(lambda: not widget.session.checking)
    camera.click(form.plan.buttons["Quick check"])
    camera.take("train-3-ready")

    camera.set(seconds=0, steps=48, **SMALL)
    camera.click(form.start)
    camera.until("running")
    camera.wait(lambda: widget.runs.info(widget.shown).step >= 20)
    camera.rest(1.0)
    camera.take("train")
    camera.click(form.watch.stop)
    camera.until("stopped")
    camera.take("train-4-stopped")
    camera.click(form.watch.resume)
    camera.until("finished")
    first = widget.shown

    form.show_tab(0)
    camera.set(seconds=0, steps=32, learning_rate=1e-3, **SMALL)
    camera.click(form.start)
    camera.until("finished")
    form.history.tick(first)
    form.show_tab(2)
    camera.rest(0.5)
    form.history.select(first)
    camera.take("train-5-runs")
    form.show_tab(1)
    camera.take("train-6-compare")

    camera.click(form.watch.use)
    camera.wait(lambda: "is chosen" in form.hint.text())
    for fold in camera.viewer.window._qt_window.findChildren(QToolButton):
        if fold.text() == "Options":
            camera.click(fold)
    camera.take("train-7-used")
    camera.viewer.close()


if __name__ == "__main__":
    photograph(make, __doc__)
