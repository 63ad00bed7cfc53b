"""How long the viewer stands still: a heartbeat on its thread while a person works on 512 x 512 x 275 voxels.

    xvfb-run -s "-screen 0 1280x1024x24" python tests/benchmarks/fluidity.py [--slices 275] [--side 512] [--threads 1]

A timer fires every 5 ms; how late it comes is how long nothing could be clicked. Each part of the work is listed by
itself: making labels, a stroke, the propagation (with its slices streaming in), scrolling through it meanwhile, undo,
redo, a correction and the second propagation. Target: 100 ms. Pictures are drawn by software under Xvfb, which a
graphics card does in its own time; `drawing alone` is one redraw of the viewer, for comparison. `own work` is the
most processor time that the viewer's thread itself took between two beats: on a machine that has other things to do,
the rest of a pause is waiting for a turn.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from propagation_speed import SPACING, phantom

BEAT_MS = 5
TARGET_MS = 100


class Heart:
    """Beats on the viewer's thread and remembers the longest pause of each part of the work."""

    def __init__(self) -> None:
        from qtpy.QtCore import QTimer

        self.part, self.pauses = "opening", dict[str, list[float]]()
        self.works = dict[str, list[float]]()
        self._last, self._worked = time.perf_counter(), time.thread_time()
        self._timer = QTimer()
        self._timer.setTimerType(self._timer.timerType().PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start(BEAT_MS)

    def _beat(self) -> None:
        now, worked = time.perf_counter(), time.thread_time()
        self.pauses.setdefault(self.part, []).append(1000 * (now - self._last) - BEAT_MS)
        self.works.setdefault(self.part, []).append(1000 * (worked - self._worked))
        self._last, self._worked = now, worked

    def begin(self, part: str) -> None:
        wait(lambda: False, 0.3)
        self.part, self._last, self._worked = part, time.perf_counter(), time.thread_time()

    def table(self) -> str:
        lines = ["| | longest pause | 99 % below | own work | beats | |", "|---|---|---|---|---|---|"]
        for part, pauses in self.pauses.items():
            if part:
                longest, most = max(pauses), float(np.percentile(pauses, 99))
                missed, own = "missed" if longest > TARGET_MS else "", max(self.works[part])
                lines.append(f"| {part} | {longest:.0f} ms | {most:.0f} ms | {own:.0f} ms | {len(pauses)} | {missed} |")
        return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=275)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    image, organ = phantom(options.slices)
    print(f"{image.shape[0]} slices of {image.shape[1]} x {image.shape[2]}, {options.threads} threads\n")
    print(work(image, organ))


def work(image: np.ndarray, organ: np.ndarray) -> str:
    import napari

    from napari_medssl.widgets.propagate import PropagateWidget

    viewer = napari.Viewer()
    viewer.window._qt_window.resize(1280, 900)
    viewer.add_image(image, name="scan", scale=SPACING)
    heart = Heart()
    heart.begin("opening the widget")
    widget = PropagateWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Propagate")
    wait(lambda: widget.isVisible())
    middle, other = len(image) // 2, len(image) // 4
    heart.begin("new labels")
    widget.form.new_labels.click()
    labels = widget.form.labels.layer
    heart.begin("drawing a slice")
    draw(viewer, labels, organ, middle)
    heart.begin("propagating")
    widget.form.propagate.click()
    wait(lambda: len(widget.runs.work.session.last_run.confidence.get(1, ())) > len(image) // 4)
    heart.begin("propagating, scrolling through it")
    for index in range(middle, middle + 40):
        viewer.dims.set_current_step(0, min(index, len(image) - 1))
        wait(lambda: False, 0.03)
    heart.begin("propagating to the end")
    wait(lambda: not widget.runs.running, 900)
    heart.begin("after it, saving for recovery")
    wait(lambda: False, 12)
    heart.begin("undo")
    widget.form.undo.click()
    heart.begin("redo")
    widget.form.redo.click()
    heart.begin("a correction")
    draw(viewer, labels, organ, other)
    heart.begin("propagating again")
    widget.form.propagate.click()
    wait(lambda: not widget.runs.running, 900)
    heart.begin("drawing alone")
    viewer.window._qt_viewer.canvas._scene_canvas.update()
    heart.begin("")
    table = heart.table()
    viewer.close()
    return table


def draw(viewer: Any, labels: Any, organ: np.ndarray, index: int) -> None:
    """One stroke of the brush that covers the organ on a slice."""
    viewer.dims.set_current_step(0, index)
    wait(lambda: False, 0.2)
    rows, columns = np.nonzero(organ[index])
    labels.data_setitem((np.full(len(rows), index), rows, columns), 1)
    wait(lambda: False, 0.5)


def wait(until: Callable[[], bool], seconds: float = 60) -> None:
    """Let the viewer live until something is so, or for some seconds."""
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while time.monotonic() < end and not until():
        QApplication.processEvents()
        time.sleep(0.001)


if __name__ == "__main__":
    main()
