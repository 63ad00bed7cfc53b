"""How long keeping unsaved work safe holds up the viewer: 512 x 512 x 300 labels, after strokes and while propagating.

    xvfb-run -a python tests/benchmarks/autosave.py

Prints the longest turn on the main thread in ms, and the threads' time for writing, in each situation.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

SHAPE = (300, 512, 512)


def turns(autosave: Any, keeper: Any, during: Callable[[int], None] | None = None) -> tuple[list[float], float]:
    """Seconds of each turn until all is written, and of the writing; `during` is called before each."""
    from napari_medssl.widgets.autosave import Autosave

    assert isinstance(autosave, Autosave)
    spent, began, number = [], 0.0, 0
    while True:
        if during is not None:
            during(number)
        number += 1
        start = time.perf_counter()
        autosave.look()
        spent.append(time.perf_counter() - start)
        if autosave._writing:
            began = time.perf_counter()
            while autosave._writing:
                time.sleep(0.001)
                autosave._desk.look()
            return spent, time.perf_counter() - began
        if number > 10**5:
            raise RuntimeError("It is never written.")


def measure(dtype: str, flipped: bool) -> None:
    """One volume; `flipped`: as a file that is stored feet first is shown."""
    import napari

    from napari_medssl.widgets import autosave as module
    from napari_medssl.widgets.hand_strokes import strokes_on

    module.AFTER_S = 0.0
    viewer = napari.Viewer(show=False)
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    organ = ((z - 150) / 120) ** 2 + ((y - 256) / 140) ** 2 + ((x - 256) / 160) ** 2 < 1
    array = np.where(organ, 1, 0).astype(dtype)
    layer = viewer.add_labels(array[::-1, :, ::-1] if flipped else array, name="organ")
    tracker = strokes_on(layer, viewer)
    autosave = module.keep_safe(viewer, viewer.window._qt_window)
    autosave._timer.stop()
    autosave.look()
    keeper = autosave.keeper(layer)

    def stroke(index: int) -> None:
        layer.paint((index, 100 + index, 120), 2)

    def told(what: str, found: tuple[list[float], float]) -> None:
        spent, writing = found
        kind = f"{dtype:6} {'turned' if flipped else 'plain ':6}"
        time_spent = f"longest {max(spent) * 1000:6.1f} ms, together {sum(spent) * 1000:7.1f} ms"
        print(f"{kind} {what:28} {len(spent):4} turns, {time_spent}; writing {writing:5.2f} s")

    stroke(40)
    told("first stroke on a full mask", turns(autosave, keeper))
    for index in range(50, 60):
        stroke(index)
        found = turns(autosave, keeper)
    told("a stroke", found)

    for axis in (0, 1):
        told(f"propagating along axis {axis}", propagate(layer, tracker.session, axis, autosave, keeper))
    viewer.close()


def propagate(layer: Any, session: Any, axis: int, autosave: Any, keeper: Any) -> tuple[list[float], float]:
    """The turns during a propagation that is as fast as the viewer can show it."""
    from napari_medssl.propagation.seeds import along
    from napari_medssl.propagation.writer import Writer
    from napari_medssl.widgets import brush_history

    run = session.start(axis, {1: [SHAPE[axis] // 2]})
    writer = Writer(layer.data, layer.data.copy(), run, lambda _: ())
    view, written = along(layer.data, axis), 0

    def flush(_: int) -> None:
        """What comes between two turns."""
        nonlocal written
        for index in range(written, min(written + 4, len(view))):
            new = np.roll(view[index], 3, axis=0)
            run.note(index, {1: 0.9}, new)
            block = writer.write(index, new)
            if block is not None:
                brush_history.record(layer, block)
        written += 4

    spent: list[float] = []
    writings = []
    while written < len(view):
        found, writing = turns(autosave, keeper, flush)
        spent += found
        writings.append(writing)
    session.end(run, "done", 1.0)
    return spent, max(writings)


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_MEDSSL_RECOVERY"] = folder
        os.environ["NAPARI_CONFIG"] = os.path.join(folder, "settings.yaml")
        for dtype in ("uint8", "int32"):
            for flipped in (False, True):
                measure(dtype, flipped)


if __name__ == "__main__":
    main()
