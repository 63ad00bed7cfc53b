"""What the Propagate widget says, in the words of the person at the screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from napari_medssl.propagation.session import Run
from napari_medssl.widgets.planes import NAMES
from napari_medssl.widgets.propagate_worker import Progress

OPEN = "Open a scan (File > Open File(s)…), or try one of File > Open Sample > MedSSL."
MAKE_LABELS = "Click New labels, then draw the structure on one slice."
DRAW = (
    "Draw the structure on one slice: paint over it with the left mouse button, or go once around it after a click"
    " with the right one."
)
RUNNING = "Propagating. Look around as you like; what you draw meanwhile stays."
STOPPING = "Stopping; the slices that are done stay."
# What is said after a run that came to an end of its own.
ENDINGS = {
    "taken back": "The propagation was undone while it ran, and has stopped.",
    "lost": "The layer it worked on is gone or was replaced; the propagation has stopped.",
}


@dataclass(frozen=True)
class Situation:
    """What the first line depends on.

    Attributes
    ----------
    drawn : {label: slices drawn by hand} along `axis`
    other_planes : {axis: slices} drawn on in other planes
    run : the last propagation on these labels, unless it is undone
    drawn_since : whether something has been drawn since it ended
    check : the slice to look at next, if any
    checked : whether others were looked at before
    """

    has_scan: bool = False
    has_labels: bool = False
    problem: str = ""
    axis: int = 0
    drawn: Mapping[int, Sequence[int]] = field(default_factory=dict)
    other_planes: Mapping[int, Sequence[int]] = field(default_factory=dict)
    run: Run | None = None
    drawn_since: bool = False
    check: int | None = None
    checked: bool = False


def next_step(now: Situation) -> tuple[str, str]:
    """(kind of line, sentence) for the first line: what to do next."""
    if not now.has_scan:
        return "next", OPEN
    if not now.has_labels:
        return "next", MAKE_LABELS
    if now.problem:
        return "trouble", now.problem
    if now.run is not None and not now.drawn_since:
        return _after(now.run, now.check)
    if not now.drawn:
        if now.other_planes:
            return "next", f"Nothing is drawn on {NAMES[now.axis]} slices; draw there, or choose Plane under Options."
        return "next", DRAW
    many = sum(len(slices) for slices in now.drawn.values()) > 4
    where = "several slices are drawn" if many else f"{drawn_text(now.drawn)} {_is(now.drawn)} drawn"
    if now.run is not None:
        return "next", f"Corrected. Click Propagate again to carry it to the other {NAMES[now.axis]} slices."
    return "next", f"{_capital(where)} ({NAMES[now.axis]}). Click Propagate."


def _after(run: Run, check: int | None) -> tuple[str, str]:
    look = ""
    if check is not None:
        look = f" Check slice {check}, the least sure; correct it with the brush and propagate again."
    if run.outcome == "done":
        return "done", f"Done in {duration(run.seconds)}.{look or ' Save the mask when you are content.'}"
    ended = "Cancelled" if run.outcome == "cancelled" else "It stopped early"
    return "next", f"{ended}: {count(len(run.reached_slices()), 'slice')} done and kept.{look}"


def drawn_text(drawn: Mapping[int, Sequence[int]]) -> str:
    """ "label 1 on slice 48; label 2 on slices 40, 61" """
    return "; ".join(f"label {label} on {slices_text(slices)}" for label, slices in sorted(drawn.items()))


def drawn_line(now: Situation) -> str:
    """The line beside "Drawn"."""
    if not now.has_labels or now.problem:
        return "nothing yet"
    line = _capital(drawn_text(now.drawn)) or "nothing yet"
    for axis, slices in sorted(now.other_planes.items()):
        line += f"\nKept as it is, without guiding: {NAMES[axis]} {slices_text(slices)}"
    return line


def slices_text(slices: Sequence[int]) -> str:
    """ "slice 48", "slices 40, 61", or "60 slices (20 to 79)" """
    if len(slices) == 1:
        return f"slice {slices[0]}"
    if len(slices) <= 6:
        return "slices " + ", ".join(map(str, slices))
    return f"{len(slices)} slices ({slices[0]} to {slices[-1]})"


def progress_text(progress: Progress) -> str:
    if not progress.total:
        return "Getting ready…"
    left = "" if progress.seconds_left is None else f", about {duration(progress.seconds_left)} left"
    return f"Slice {progress.done} of {progress.total}{left}"


def check_text(now: Situation) -> str:
    return f"Check slice {now.check} next" if now.checked else f"Check slice {now.check}, the least sure"


def undone_text(others: int) -> str:
    also = f", and {count(others, 'step')} made after it with it" if others else ""
    return f"The propagation is undone{also}. Redo brings it back."


def duration(seconds: float) -> str:
    """ "8 s", "2 min 10 s" """
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 600 else f"{round(whole / 60)} min"


def count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _is(drawn: Mapping[int, Sequence[int]]) -> str:
    return "is" if len(drawn) == 1 else "are"


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
