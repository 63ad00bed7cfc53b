"""Make the pictures of the page on nodules: find, read, outline, compare, on a chest CT phantom.

    xvfb-run -a -s "-screen 0 1280x800x24" python docs/make_nodules_pictures.py

The phantom's own nodules, and some places that are none, stand in for a detector's marks: the pictures show the tool,
not how well a model does. Needs a display with OpenGL. `--theme light` and `--to FOLDER` make another set, to look at.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from make_pictures import IMAGES, SIZE, Photographer

SCORES = (0.97, 0.91, 0.78, 0.66, 0.52, 0.41)
NONE = (0.58, 0.36, 0.22)


def marks_of(phantom: Any) -> Any:
    """A stand-in for a detector, which knows where the phantom's nodules are."""
    from napari_medssl.nodules import Detection, Nodule, find_lungs

    def engine(volume: Any, *, on_progress: Any, **_: Any) -> Detection:
        lungs, rng = find_lungs(volume), np.random.default_rng(1)
        on_progress(1, 1)
        inside = lungs.geometry.world(np.argwhere(lungs.mask))
        marks = [
            Nodule(one.centre, 1.1 * one.diameter, score) for one, score in zip(phantom.nodules, SCORES, strict=False)
        ]
        marks += [Nodule(tuple(inside[rng.integers(len(inside))]), 6.0, score) for score in NONE]
        return Detection(tuple(sorted(marks, key=lambda mark: -mark.score)), lungs, 0.3, (), 9.0)

    return engine


class NoduleCamera(Photographer):
    """A viewer with the Nodules widget, and a camera."""

    def __init__(self, folder: Path, theme: str, engine: Any) -> None:
        import napari
        from napari.settings import get_settings

        from napari_medssl.widgets.nodules import NodulesWidget

        get_settings().appearance.theme = theme
        self.folder, self.viewer = folder, napari.Viewer(title="napari")
        self.viewer.window.resize(*SIZE)
        self.widget: Any = NodulesWidget(self.viewer, engine=engine)
        self.viewer.window.add_dock_widget(self.widget, name="Nodules")
        self.form: Any = self.widget.form
        self.rest(1.0)


def make(folder: Path, theme: str, work: Path) -> None:
    """From an empty list to two readings side by side."""
    from napari_medssl.nodules import Nodule, write_findings
    from napari_medssl.volumes.phantoms import chest
    from napari_medssl.volumes.windows import CT_WINDOWS, limits
    from napari_medssl.widgets.layers import layer_data

    phantom = chest((150, 224, 224), (2.0, 1.5, 1.5))
    camera = NoduleCamera(folder, theme, marks_of(phantom))
    form, widget = camera.form, camera.widget
    data, arguments, _ = layer_data(phantom.volume, name="Chest CT phantom")
    arguments["contrast_limits"] = limits(next(window for window in CT_WINDOWS if window.name == "lung"))
    camera.viewer.add_image(data, **arguments)
    camera.click(form.find)
    camera.wait(lambda: widget.run is None)
    camera.click(form.accept)
    camera.click(form.reject)
    camera.click(form.accept)
    camera.take("nodules")

    widget.reader.go(1)
    camera.click(form.outline)
    camera.wait(lambda: not widget.outlines.busy)
    camera.take("nodules-outline", left=0.25)

    mine = [one for one in widget.reader.reading.findings if one.state == "accepted"]
    theirs = [Nodule((x + 2, y, z), 7.0) for x, y, z in (mine[0].centre, phantom.nodules[-1].centre)]
    table = work / "second reader.csv"
    write_findings(table, {widget.reader.ground.uid: theirs}, probability=False)
    widget.files.ask_open = lambda *_: str(table)
    form.folds[0].click()
    camera.rest(0.3)
    scroll_down(camera)
    camera.click(form.compare)
    form.both.picked.emit(0)
    scroll_down(camera)
    camera.take("nodules-compare", left=0.25)
    camera.viewer.close()


def scroll_down(camera: Photographer) -> None:
    """Bring the end of the form on screen."""
    from qtpy.QtWidgets import QScrollArea

    camera.rest(0.5)
    bar = camera.widget.findChild(QScrollArea).verticalScrollBar()
    bar.setValue(bar.maximum())


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the pictures of the page on nodules.")
    parser.add_argument("--to", type=Path, default=IMAGES, metavar="FOLDER")
    parser.add_argument("--theme", choices=["dark", "light"], default="dark")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as settings:
        os.environ["NAPARI_CONFIG"] = str(Path(settings, "settings.yaml"))
        os.environ["NAPARI_MEDSSL_RECOVERY"] = settings  # no unsaved work of earlier days in the pictures
        make(options.to, options.theme, Path(settings))


if __name__ == "__main__":
    main()
