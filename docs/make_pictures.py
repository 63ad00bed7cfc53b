"""Make the pictures of the documents: drive the Propagate widget in a real viewer on the packaged sample scan.

    xvfb-run -a -s "-screen 0 1280x800x24" python docs/make_pictures.py

Needs a display with OpenGL. `--theme light` and `--to FOLDER` make another set, to look at.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

IMAGES = Path(__file__).parent / "images"
SIZE = (1280, 800)
PATIENCE_S = 900.0


class Photographer:
    """A viewer with the Propagate widget, and a camera."""

    def __init__(self, folder: Path, theme: str) -> None:
        import napari
        from napari.settings import get_settings

        get_settings().appearance.theme = theme
        self.folder = folder
        self.viewer = napari.Viewer(title="napari")
        self.viewer.window.resize(*SIZE)
        _, self.widget = self.viewer.window.add_plugin_dock_widget("napari-medssl", "Propagate a slice")
        self.form: Any = self.widget.form
        self.rest(1.0)

    def rest(self, seconds: float) -> None:
        """Let the viewer draw."""
        from qtpy.QtWidgets import QApplication

        end = time.monotonic() + seconds
        while time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.01)

    def wait(self, happened: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not happened():
            if time.monotonic() > end:
                raise TimeoutError(f"The widget got no further: {self.form.hint.text()}")
            self.rest(0.05)

    def click(self, button: Any) -> None:
        """Click a button with the mouse, once it can be clicked."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        self.wait(lambda: button.isVisible() and button.isEnabled())
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        self.rest(0.3)

    def take(self, name: str, *, left: float = 0.0, height: float = 1.0) -> None:
        """Write a picture of the window, from `left` (0..1) to its right edge and from the top down to `height`."""
        from PIL import Image

        self.rest(0.7)
        picture = Image.fromarray(self.viewer.screenshot(canvas_only=False, flash=False)[..., :3])
        picture = picture.crop((round(left * picture.width), 0, picture.width, round(height * picture.height)))
        self.folder.mkdir(parents=True, exist_ok=True)
        # 256 colours are plenty for a grey scan, and a third of the bytes
        picture.quantize(256, dither=Image.Dither.NONE).save(self.folder / f"{name}.png", optimize=True)
        print(f"{self.folder / name}.png  {self.form.hint.text()}")

    def grab(self, widget: Any, name: str) -> None:
        """Write a picture of one widget alone."""
        self.rest(0.3)
        widget.grab().save(str(self.folder / f"{name}.png"))

    def show(self, layer: Any, index: int) -> None:
        from napari_medssl.widgets.planes import show_slice

        show_slice(self.viewer, layer, 0, index)


def outline(mask: np.ndarray) -> np.ndarray:
    """The longest contour of a 2D mask, as (row, column)."""
    from skimage.measure import find_contours

    return max(find_contours(np.pad(mask, 1).astype(float), 0.5), key=len) - 1


def true_masks() -> dict[int, np.ndarray]:
    """{label: true mask} of the two organs drawn on the sample, head first as the viewer shows it."""
    from napari_medssl.volumes.phantoms import abdomen

    truth = abdomen((80, 168, 168), (3.5, 1.8, 1.8), seed=5, noise=8.0)  # the packaged sample is this patient
    numbers = {name: number for number, name in truth.names.items()}
    return {label: truth.labels[::-1] == numbers[name] for label, name in ((1, "liver"), (2, "left kidney"))}


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """Dice of two masks, 1 where both are empty."""
    both = int(one.sum()) + int(other.sum())
    return 2 * int((one & other).sum()) / both if both else 1.0


def beyond_the_ends(mask: np.ndarray, propagated: np.ndarray) -> list[int]:
    """The first slices beyond a structure's ends, where a propagation ran on to them."""
    there = np.flatnonzero(mask.any(axis=(1, 2)))
    ends = int(there[0]) - 1, int(there[-1]) + 1
    return [index for index in ends if 0 <= index < len(mask) and propagated[index].any()]


def make(folder: Path, theme: str) -> None:
    """From an empty viewer to a checked mask, a picture at each step."""
    camera = Photographer(folder, theme)
    viewer, form = camera.viewer, camera.form
    camera.take("propagate-1-empty")

    _, drawn = viewer.open_sample("napari-medssl", "abdomen")
    drawings = {
        label: int(np.flatnonzero((drawn.data == label).any(axis=(1, 2)))[0])
        for label in np.unique(drawn.data)
        if label
    }
    masks = {label: drawn.data[index] == label for label, index in drawings.items()}
    viewer.layers.remove(drawn)
    viewer.reset_view()
    camera.take("propagate-2-opened")

    camera.click(form.new_labels)
    labels = form.labels.layer
    for label, index in sorted(drawings.items(), reverse=True):
        camera.show(labels, index)
        labels.selected_label = label
        labels.paint_polygon([(index, row, column) for row, column in outline(masks[label])], label)
    camera.rest(0.3)
    camera.take("propagate-3-drawn")

    camera.show(labels, drawings[1] + 6)
    camera.click(form.propagate)
    camera.wait(lambda: not camera.widget.runs.running or labels.data[drawings[1] + 6].any())
    camera.wait(lambda: not camera.widget.runs.running or "left" in form.progress_text.text())
    camera.take("propagate-4-running")
    camera.wait(lambda: not camera.widget.runs.running)
    camera.take("propagate")

    def shown() -> int:
        return int(viewer.dims.current_step[0])

    camera.click(form.check)
    camera.take("propagate-5-check")
    truth = true_masks()
    if all(agreement(labels.data[shown()] == label, mask[shown()]) > 0.9 for label, mask in truth.items()):
        camera.click(form.right)

    for label, mask in reversed(truth.items()):
        labels.selected_label = label
        for index in beyond_the_ends(mask, labels.data == label):
            camera.show(labels, index)
            camera.click(form.not_here)
        ends = np.flatnonzero(mask.any(axis=(1, 2)))[[0, -1]]
        for index in np.linspace(ends[0] + 1, ends[1] - 1, 5).astype(int)[[0, 1, 3, 4]]:
            if (labels.data[index] == label).any():  # correct it as a person would: rub out, draw
                camera.show(labels, int(index))
                camera.click(form.not_here)
                labels.paint_polygon([(index, row, column) for row, column in outline(mask[index])], label)
    camera.take("propagate-6-corrected")
    camera.grab(form.strip, "propagate-strip")
    camera.click(form.propagate)
    camera.wait(lambda: not camera.widget.runs.running)
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_current_step(1, labels.data.shape[1] // 2)
    viewer.reset_view()
    camera.take("propagate-7-coronal")

    viewer.dims.order = (0, 1, 2)
    viewer.reset_view()
    camera.click(form.fold)
    camera.wait(lambda: form.options.knows_devices)
    camera.take("propagate-8-options", left=0.74)
    camera.click(form.fold)
    camera.click(form.help)
    camera.rest(0.5)
    camera.grab(camera.widget._page, "propagate-help")
    camera.widget._page.reject()
    viewer.close()


def main() -> None:
    from napari_medssl.propagation.recovery import FOLDER_VARIABLE

    parser = argparse.ArgumentParser(description="Make the pictures of the documents.")
    parser.add_argument("--to", type=Path, default=IMAGES, metavar="FOLDER")
    parser.add_argument("--theme", choices=["dark", "light"], default="dark")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as settings:
        os.environ["NAPARI_CONFIG"] = str(Path(settings, "settings.yaml"))
        os.environ[FOLDER_VARIABLE] = settings  # no unsaved work of earlier runs
        make(options.to, options.theme)


if __name__ == "__main__":
    main()
