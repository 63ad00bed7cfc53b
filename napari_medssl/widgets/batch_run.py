"""A folder under way in the viewer: computed in a thread that knows nothing of the viewer, nor of Qt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medssl.widgets.desk import Desk, Stop

if TYPE_CHECKING:
    from napari_medssl.propagation.scan_job import Settings


@dataclass(frozen=True)
class Folders:
    """Where the scans lie, where what was drawn on them, and where the masks are to go."""

    scans: Path
    drawn: Path
    masks: Path


@dataclass(frozen=True)
class Progress:
    """How far it is: `part` (0..1) of the scan `name`, which is number `number` (from 0) of `total`."""

    name: str
    number: int
    total: int
    part: float


@dataclass
class Tally:
    """How many scans were done, were done already, and failed."""

    done: int = 0
    unchanged: int = 0
    failed: int = 0
    total: int = 0
    stopped: bool = False


class BatchRun:
    """One go through a folder. The callbacks are called on Qt's thread."""

    def __init__(
        self, desk: Desk, folders: Folders, settings: Settings, *, on_progress: Callable[[Progress], None],
        on_case: Callable[[], None], on_end: Callable[[Tally], None], failed: Callable[[BaseException], None],
    ) -> None:  # fmt: skip
        self.folders, self.stop = folders, Stop()
        tell, tell_case, stop = desk.line(on_progress), desk.line(lambda _: on_case()), self.stop

        def compute() -> Tally:
            return go_through(folders, settings, stop, tell, tell_case)

        desk.send(compute, on_end, failed)


def go_through(
    folders: Folders, settings: Settings, stop: Callable[[], bool], tell: Callable[[Progress], None],
    tell_case: Callable[[Any], None],
) -> Tally:  # fmt: skip
    """Do the folder; runs in a thread."""
    from napari_medssl.propagation.batch import Case, find_cases, run_cases

    cases = find_cases(folders.scans, folders.drawn, folders.masks)
    tally, now = Tally(total=len(cases)), [Progress("", 0, len(cases), 0.0)]

    def on_start(number: int, case: Case) -> None:
        now[0] = Progress(case.name, number, len(cases), 0.0)
        tell(now[0])

    def on_step(done: int, total: int) -> None:
        tell(Progress(now[0].name, now[0].number, len(cases), done / max(total, 1)))

    for result in run_cases(cases, settings, folders.masks, stop, on_start=on_start, on_step=on_step):
        tally.done += result.outcome == "done"
        tally.unchanged += result.outcome == "unchanged"
        tally.failed += result.outcome == "failed"
        tell_case(None)
    tally.stopped = stop()
    return tally
