"""What the Nodules widget says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_medssl.widgets.propagate_texts import count, duration

if TYPE_CHECKING:
    from napari_medssl.nodules.comparing import Comparison
    from napari_medssl.nodules.reading import Finding, Reading
    from napari_medssl.nodules.reading_training import Added
    from napari_medssl.nodules.use import Detection

RESEARCH = "Research use, not for diagnosis. The list may miss nodules and mark what is none."
OPEN = "Open a chest CT: drop a file or a DICOM folder on the window."
READY = "Click Find nodules. You can also mark a nodule yourself: hold Shift and click on it."
NO_MODEL = "There is no model for nodules on the shelf. Mark nodules yourself (Shift and a click), or import a list."
RUNNING = "Looking for nodules; you can go on working meanwhile."
STOPPING = "Stopping…"
STOPPED = "Stopped; the list is as it was."
GONE = "The scan was closed, so the result was let go."
ADD = "Click on the middle of the nodule. (Shift and a click does the same at any time.)"
READ_ON = "Is it a nodule? A accepts, D rejects, S shows the next. Shift and a click marks one that is missing."
ALL_READ = "All are read. Export the list, or look at the rejected ones again."
NOTHING = "Nothing was found. Mark nodules yourself: hold Shift and click."
OUTLINING = "Outlining…"
CHOOSE = "Choose a finding: click its row, or its ring."
RESTORED = "The reading is back as it was."
STATES = {"unread": "to read", "accepted": "accepted", "rejected": "rejected"}
SIDES = {"right": "R", "left": "L", "": ""}
THIRDS = {"upper": "up", "middle": "mid", "lower": "low", "": ""}
TRAIN_HINT = (
    "Once every finding is accepted or rejected, the scan and its nodules become training data. The more scans nobody"
    " has annotated lie in the folder's images, the more the network learns from them."
)


def found(detection: Detection, new: int) -> tuple[str, str]:
    """(kind, sentence) after a run."""
    shown = sum(one.score >= detection.threshold for one in detection.nodules)
    notes = "".join(f" {note}" for note in detection.notes)
    if not shown:
        scores = [one.score for one in detection.nodules]
        return "trouble", (less_sure(scores, detection.threshold) if scores else NOTHING) + notes
    return "done", (
        f"Found {count(new, 'place')} to look at in {duration(detection.seconds)}, {shown} of them above the score"
        f" shown. A accepts, D rejects, S goes to the next.{notes}"
    )


def less_sure(scores: Sequence[float], least: float) -> str:
    """Where everything is hidden: how sure the model is of what there is, and how to see it."""
    surest = f"the surest has {percent(max(scores))}"
    return (
        f"The model is not sure of anything here: {count(len(scores), 'place')} below {percent(least)} are hidden,"
        f" {surest}. Drag Show from to the left to see them."
    )


def what_next(reading: Reading, least: float) -> tuple[str, str]:
    """(kind, sentence) while a list is read."""
    return none_left(reading, least) if reading.next_unread(None, least) is None else ("next", READ_ON)


def none_left(reading: Reading, least: float) -> tuple[str, str]:
    """(kind, sentence) where no finding that is shown is left to read."""
    if reading.shown(least):
        return "done", ALL_READ
    return "trouble", less_sure([one.score for one in reading.findings], least)


def percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")


def progress_of(reading: Reading, least: float) -> str:
    """How far the reading is: "3 accepted, 4 rejected, 2 to read"."""
    shown = reading.shown(least)
    counts = {state: sum(one.state == state for one in shown) for state in STATES}
    hidden = len(reading.findings) - len(shown)
    line = f"{counts['accepted']} accepted, {counts['rejected']} rejected, {counts['unread']} to read"
    return line + (f"; {hidden} less sure hidden" if hidden else "")


def millimetres(value: float) -> str:
    return "?" if math.isnan(value) else f"{value:.1f}"


def size_text(finding: Finding) -> str:
    """Of the table: long x short axis where it was measured, else the diameter."""
    sizes = finding.sizes
    return millimetres(finding.diameter) if sizes is None else f"{sizes.long_mm:.1f}x{sizes.short_mm:.1f}"


def place_text(side: str, third: str) -> str:
    """ "R up", short for the table; what is not known is left out."""
    return " ".join(part for part in (SIDES[side], THIRDS[third]) if part)


def details(finding: Finding, side: str = "", third: str = "") -> str:
    """A finding in words, under the table; where it lies as far as that is known."""
    words = [f"No. {finding.number}", STATES[finding.state]]
    words += [f"{side} lung"] if side else []
    words += [f"{third} third"] if third else []
    line = ", ".join(words)
    if finding.sizes is not None:
        sizes = finding.sizes
        mean = (sizes.long_mm + sizes.short_mm) / 2
        line += (
            f"\nLong axis {sizes.long_mm:.1f} mm, short axis {sizes.short_mm:.1f} mm (mean {mean:.1f}),"
            f" volume {sizes.volume_ml:.2f} ml"
        )
    return line


def compared(result: Comparison, name: str) -> str:
    """How two readings agree."""
    return (
        f"{name}: {len(result.agreed)} agreed, {len(result.only_mine)} only in mine, {len(result.only_theirs)} only in"
        " theirs. Click a row to look."
    )


def added(result: Added, folder: str) -> str:
    """After a reading became training data."""
    again = " in place of the earlier reading" if result.replaced else ""
    more = (
        f" and {count(result.unlabelled, 'scan')} nobody has read"
        if result.unlabelled
        else "; put scans nobody has read into its images folder as well"
    )
    return (
        f"Added with {count(result.nodules, 'nodule')}{again}. {folder} now holds {count(result.scans, 'read scan')}"
        f"{more}."
    )
