"""Saves unsaved work again and again in a child process, kills it in the middle, and looks at what is left.

    python saves_killed.py FOLDER TIMES

Each state has another number in every tile and in its session. Prints what was found, as JSON; `test_recovery` judges.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from napari_medssl.propagation.recovery import ENDING, About, Recovery, offers
from napari_medssl.propagation.session import Session
from napari_medssl.propagation.tiles import Tiles

SHAPE = (32, 128, 256)


def save_without_end(folder: Path, told: int) -> None:
    """Save until killed, writing the number of each finished save into a pipe."""
    recovery, grid, rng = Recovery.new(folder), Tiles(SHAPE), np.random.default_rng(0)
    noise = {n: rng.integers(0, 2**15, [s.stop - s.start for s in grid.box(n)], np.uint16) for n in range(len(grid))}
    for number in range(1, 10**6):
        for content in noise.values():
            content[0] = number
        recovery.write(noise, Session(extra={"number": number}), About(name="a", shape=SHAPE, dtype="uint16"))
        os.write(told, b"%d\n" % number)


def kill_once(folder: Path, wait: float) -> dict[str, object]:
    """What is left after a kill, `wait` seconds after some save was done."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            save_without_end(folder, writing)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as lines:
        for _ in range(3):
            lines.readline()
        time.sleep(wait)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        told = [3, *(int(line) for line in lines)]
    (path,) = folder.glob(f"*{ENDING}")
    midway = path.with_name(path.name + "-journal").exists()
    (offer,) = offers(folder)
    labels, session, _ = Recovery(offer.path).read()
    return {
        "midway": midway,
        "told": told[-1],
        "session": session.extra["number"],
        "tiles": sorted({int(value) for value in np.unique(labels[:: Tiles(SHAPE).box(0)[0].stop])}),
    }


def main() -> None:
    folder, rng = Path(sys.argv[1]), np.random.default_rng(0)
    began = time.monotonic()
    first = kill_once(folder / "first", 0.0)
    a_save = (time.monotonic() - began) / max(3, int(str(first["told"])))
    found = [kill_once(folder / str(trial), rng.uniform(0, 2 * a_save)) for trial in range(int(sys.argv[2]))]
    print(json.dumps([first, *found]))


if __name__ == "__main__":
    main()
