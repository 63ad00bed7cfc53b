"""The demo: the sample scan with its drawn slices in a real viewer, and the Propagate button clicked."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medssl.errors import BadInput, Cancelled

if TYPE_CHECKING:
    import napari
    import numpy as np
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_medssl.widgets.propagate import PropagateWidget

_SIZE = (1240, 900)
_PATIENCE_S = 1800.0  # a propagation of the sample takes seconds; a machine may be a hundred times slower


def set_up(viewer: napari.Viewer, device: str = "auto") -> tuple[PropagateWidget, Labels]:
    """Open the sample and its drawn slices, and dock the Propagate widget beside them."""
    from napari_medssl.devices import available_devices
    from napari_medssl.volumes.windows import CT_WINDOWS, limits
    from napari_medssl.widgets.autosave import keep_safe

    image, labels = viewer.open_sample("napari-medssl", "abdomen")
    image.contrast_limits = limits(CT_WINDOWS[0])
    _, widget = viewer.window.add_plugin_dock_widget("napari-medssl", _widget_name())
    if device != "auto":
        widget.form.options.offer_devices(available_devices(), device)
    keep_safe(widget.viewer, widget).stop()  # nobody wants to be offered a demonstration as unsaved work
    return widget, labels


def show(device: str = "auto") -> None:
    """Open napari, propagate, and leave the window to the person."""
    import napari
    from qtpy.QtCore import QTimer

    viewer = napari.Viewer(title="napari-medssl demo")
    widget, _ = set_up(viewer, device)
    # A moment to see what was drawn before it grows.
    QTimer.singleShot(1500, widget.form.propagate.click)
    napari.run()


def run_unseen(folder: Path, *, device: str, cancelled: Callable[[], bool]) -> dict[str, Any]:
    """The same without anyone looking: click Propagate, save the mask and a screenshot into `folder`.

    Returns
    -------
    dict with "mask", "picture" (paths) and "seconds"

    Raises
    ------
    BadInput
        The widget says why it could not propagate or save.
    Cancelled
        `cancelled` answered True.
    """
    with _settings_of_its_own():
        import napari
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        folder.mkdir(exist_ok=True)
        viewer = napari.Viewer(title="napari-medssl demo")
        try:
            viewer.window.resize(*_SIZE)
            widget, labels = set_up(viewer, device)
            drawn = labels.data.copy()
            _wait(lambda: widget.form.propagate.isEnabled(), cancelled, 60, widget)
            started = time.monotonic()
            QTest.mouseClick(widget.form.propagate, Qt.MouseButton.LeftButton)
            _wait(lambda: not widget.runs.running, cancelled, _PATIENCE_S, widget)
            seconds = time.monotonic() - started
            mask = _save(widget, folder / "abdomen_mask.nii.gz", cancelled)
            picture = _photograph(viewer, labels, drawn, folder / "screenshot.png")
        finally:
            viewer.close()
    return {"mask": str(mask), "picture": str(picture), "seconds": seconds}


def _widget_name() -> str:
    """What the manifest calls the widget."""
    from npe2 import PluginManager

    widgets = PluginManager.instance().get_manifest("napari-medssl").contributions.widgets or []
    return next(widget.display_name for widget in widgets if widget.command == "napari-medssl.propagate")


def _save(widget: PropagateWidget, path: Path, cancelled: Callable[[], bool]) -> Path:
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    path.unlink(missing_ok=True)
    widget.ask_path = lambda *_: str(path)
    QTest.mouseClick(widget.form.save, Qt.MouseButton.LeftButton)
    _wait(path.exists, cancelled, 120, widget)
    return path


def _photograph(viewer: napari.Viewer, labels: Labels, drawn: NDArray[np.integer], path: Path) -> Path:
    """A screenshot of the whole window, on a slice that nobody drew on: the middle one of those with most labels."""
    import imageio.v3 as iio
    import numpy as np

    from napari_medssl.files import write_bytes
    from napari_medssl.widgets.planes import show_slice

    present = np.array([len(np.unique(slice_)) for slice_ in labels.data])
    present[drawn.any(axis=(1, 2))] = 0
    richest = np.flatnonzero(present == present.max())
    show_slice(viewer, labels, 0, int(richest[len(richest) // 2]))
    viewer.layers.selection = {labels}
    _process_events(0.5)
    write_bytes(
        path, bytes(iio.imwrite("<bytes>", viewer.screenshot(canvas_only=False, flash=False), extension=".png"))
    )
    return path


def _wait(happened: Callable[[], bool], cancelled: Callable[[], bool], seconds: float, widget: PropagateWidget) -> None:
    """Let the viewer work until something has happened."""
    end = time.monotonic() + seconds
    while not happened():
        if cancelled():
            widget.runs.cancel()
            raise Cancelled("The demo was cancelled; nothing was saved.")
        if time.monotonic() > end:
            raise BadInput(f"The demo got no further: {widget.form.hint.text()}")
        _process_events(0.02)


def _process_events(seconds: float) -> None:
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while True:
        QApplication.processEvents()
        if time.monotonic() >= end:
            return
        time.sleep(0.005)


@contextmanager
def _settings_of_its_own() -> Iterator[None]:
    """Keep the window's size and place out of the person's napari settings."""
    with tempfile.TemporaryDirectory() as folder:
        before = os.environ.get("NAPARI_CONFIG")
        os.environ["NAPARI_CONFIG"] = str(Path(folder, "settings.yaml"))
        try:
            yield
        finally:
            if before is None:
                del os.environ["NAPARI_CONFIG"]
            else:
                os.environ["NAPARI_CONFIG"] = before
