"""A viewer with one of the widgets and a camera, by which the scripts beside make the pictures of the documents."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

IMAGES = Path(__file__).parent / "images"
SIZE = (1280, 800)


class Photographer:
    """A viewer with a widget, and a camera.

    Attributes
    ----------
    title : the widget's name in the Plugins menu
    patience_s : how long `wait` waits
    """

    title = "Propagate a slice"
    patience_s = 900.0

    def __init__(self, folder: Path, theme: str) -> None:
        import napari
        from napari.settings import get_settings

        get_settings().appearance.theme = theme
        self.folder = folder
        self.viewer = napari.Viewer(title="napari")
        self.viewer.window.resize(*SIZE)
        self.widget: Any = self.dock()
        self.form: Any = self.widget.form
        self.viewer.window.resize(*SIZE)
        self.rest(1.0)

    def dock(self) -> Any:
        """Put the widget beside the view."""
        _, widget = self.viewer.window.add_plugin_dock_widget("napari-medssl", self.title)
        return widget

    def rest(self, seconds: float) -> None:
        """Let the viewer draw."""
        from qtpy.QtWidgets import QApplication

        end = time.monotonic() + seconds
        while time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.01)

    def wait(self, happened: Callable[[], bool]) -> None:
        end = time.monotonic() + self.patience_s
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

    def scroll_down(self) -> None:
        """Bring the end of the form on screen."""
        from qtpy.QtWidgets import QScrollArea

        self.rest(0.5)
        bar = self.widget.findChild(QScrollArea).verticalScrollBar()
        bar.setValue(bar.maximum())

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


def photograph(make: Callable[..., None], about: str, *files: str) -> None:
    """Read the command line and make the pictures; the person's own settings, work, runs and models stay out of them.

    Parameters
    ----------
    make : told the pictures' folder, the theme, a scratch folder, and a path for each of `files`
    about : the script's docstring, whose first line is the help's
    """
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    for name in files:
        parser.add_argument(name, type=Path)
    parser.add_argument("--to", type=Path, default=IMAGES, metavar="FOLDER")
    parser.add_argument("--theme", choices=["dark", "light"], default="dark")
    options = vars(parser.parse_args())
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["NAPARI_CONFIG"] = str(Path(scratch, "settings.yaml"))
        for what in ("RECOVERY", "RUNS", "MODELS"):
            os.environ[f"NAPARI_MEDSSL_{what}"] = str(Path(scratch, what.lower()))
        make(options["to"], options["theme"], Path(scratch), *(options[name] for name in files))
