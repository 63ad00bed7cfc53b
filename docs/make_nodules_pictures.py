"""Make the pictures of the page on nodules: find, read, outline, compare, on a chest CT phantom.

    xvfb-run -a -s "-screen 0 1280x800x24" python docs/make_nodules_pictures.py

The phantom's own nodules, and some places that are none, stand in for a detector's marks: the pictures show the tool,
not how well a model does. Needs a display with OpenGL. `--theme light` and `--to FOLDER` make another set, to look at.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from photographer import Photographer, photograph

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
        self.engine = engine
        super().__init__(folder, theme)

    def dock(self) -> Any:
        from napari_medssl.widgets.nodules import NodulesWidget

        widget = NodulesWidget(self.viewer, engine=self.engine)
        self.viewer.window.add_dock_widget(widget, name="Nodules")
        return widget


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
    camera.scroll_down()
    camera.click(form.compare)
    form.both.picked.emit(0)
    camera.scroll_down()
    camera.take("nodules-compare", left=0.25)
    camera.viewer.close()


if __name__ == "__main__":
    photograph(make, __doc__)
