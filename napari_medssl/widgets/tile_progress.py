"""How far a network is that works through a scan tile by tile, told to a bar and a line of text."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_medssl.widgets.propagate_texts import duration

if TYPE_CHECKING:
    from qtpy.QtWidgets import QLabel, QProgressBar


@dataclass(frozen=True)
class TileProgress:
    """How far the network is: tiles, and the seconds left; `total` 0 while that is not known."""

    what: str
    done: int = 0
    total: int = 0
    seconds_left: float | None = None

    @property
    def words(self) -> str:
        """ "Looking for tubes: 40%, about 12 s left"."""
        left = "" if self.seconds_left is None else f", about {duration(self.seconds_left)} left"
        return self.what + (f": {self.done / self.total:.0%}{left}" if self.total else "")

    def show(self, bar: QProgressBar, text: QLabel) -> None:
        """Show it on Qt's thread; a bar without a total runs to and fro."""
        bar.setRange(0, self.total)
        bar.setValue(self.done)
        text.setText(self.words)


STARTING = TileProgress("Starting…")


def counted(what: str, tell: Callable[[TileProgress], None]) -> Callable[[int, int], None]:
    """A callback for (tiles done, all tiles) that tells of them with the time left, counted from the first tile on."""
    first: list[tuple[int, float]] = []  # it waits for the network, and says little of the others

    def on_tile(done: int, total: int) -> None:
        now = time.monotonic()
        start, since = first[0] if first else (done, now)
        first[:] = [(start, since)]
        left = (now - since) / (done - start) * (total - done) if done > start and now - since > 1 else None
        tell(TileProgress(what, done, total, left))

    return on_tile
