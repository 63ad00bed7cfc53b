"""What the batch widget says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_medssl.propagation.review import FAILED, REVIEWED, Entry
from napari_medssl.widgets.propagate_texts import count

if TYPE_CHECKING:
    from napari_medssl.widgets.batch_run import Folders, Progress, Tally

CHOOSE = "Choose the folder of scans, the folder with what you drew on them, and where the masks shall go."
READY = "Click Start: what is drawn on each scan is carried through it. The worst masks then come first below."
RUNNING = "Going through the folder; you can go on working, and open what is finished."
STOPPING = "Stopping…"
OPENING = "Opening {}…"
OPENED = "{} is open. Correct it in Propagate a slice or with the brush; click Reviewed here when it is right."
SAVING = "Saving {}…"


def next_step(folders: Folders | None, entries: Sequence[Entry]) -> tuple[str, str]:
    """What to do now: (kind of line, sentence)."""
    if folders is None:
        return "next", CHOOSE
    if not entries:
        return "next", READY
    waiting = sum(entry.status not in (FAILED, REVIEWED) for entry in entries)
    failed = sum(entry.status == FAILED for entry in entries)
    if waiting:
        return "next", f"{count(waiting, 'mask')} to review: double-click the first one."
    if failed:
        return "next", f"All masks are reviewed; {count(failed, 'scan')} failed: choose one to read why."
    return "done", "All masks are reviewed."


def progress_text(now: Progress) -> str:
    return f"{now.name}: {now.part:.0%}, scan {now.number + 1} of {now.total}"


def ended_text(tally: Tally) -> tuple[str, str]:
    """What became of the folder: (kind of line, sentence)."""
    parts = [f"{count(tally.done, 'scan')} done"]
    if tally.unchanged:
        parts.append(f"{tally.unchanged} done before")
    if tally.failed:
        parts.append(f"{tally.failed} failed (the list says why)")
    if tally.stopped:
        return "next", f"Stopped: {', '.join(parts)} of {tally.total}. Start goes on from there."
    kind = "trouble" if tally.failed else "done"
    return kind, f"Finished: {', '.join(parts)}. Double-click the first one in the list to check it."
