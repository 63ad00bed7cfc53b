"""What the Propagate widget says, in the words of the person at the screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from napari_medssl.propagation.history import Run
from napari_medssl.propagation.strip import Strip
from napari_medssl.widgets.planes import NAMES
from napari_medssl.widgets.propagate_worker import Progress

OPEN = "Open a scan (File > Open File(s)…), or try one of File > Open Sample > MedSSL."
MAKE_LABELS = "Click New labels, then draw the structure on one slice."
DRAW = (
    "Draw the structure on one slice: paint over it with the left mouse button, or go once around it after a click"
    " with the right one."
)
CLICK = {
    True: "Click on what is missing, in any plane; then Propagate. Click the labels layer to draw again.",
    False: "Click on what does not belong, in any plane; then Propagate. Click the labels layer to draw again.",
}
CORRECT = (
    "Is it right here? Then click This slice is right. If not, correct it with the brush and the eraser; where the"
    " structure has ended, click Not here. Then click Propagate."
)
ACCEPTED = "This slice now counts as drawn by hand. Check the next one, or click Propagate to carry it to the others."
ACCEPTED_ALL = "This slice now counts as drawn by hand. Click Propagate to carry it to the others, or save the mask."
ALL_FRAMES = "To carry it to the other frames, save the mask and open Layers > Segment > Propagate a folder."
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
    stops : {label: those of its slices that say it is not there}
    other_planes : {axis: slices} drawn on in other planes
    hints : clicks on what belongs and what does not
    run : the last propagation on these labels, unless it is undone
    drawn_since : whether something has been drawn since it ended
    check : the slice to look at next, if any
    checked : whether others were looked at before
    only_accepted : whether all that was drawn since is slices that were said to be right
    names : {label: what the person calls it} of those that are known
    frames : how many frames the scan has, one of which is worked on
    """

    has_scan: bool = False
    has_labels: bool = False
    problem: str = ""
    axis: int = 0
    drawn: Mapping[int, Sequence[int]] = field(default_factory=dict)
    stops: Mapping[int, Sequence[int]] = field(default_factory=dict)
    other_planes: Mapping[int, Sequence[int]] = field(default_factory=dict)
    hints: int = 0
    run: Run | None = None
    drawn_since: bool = False
    check: int | None = None
    checked: bool = False
    names: Mapping[int, str] = field(default_factory=dict)
    only_accepted: bool = False
    frames: int = 1


def next_step(now: Situation) -> tuple[str, str]:
    """(kind of line, sentence) for the first line: what to do next."""
    if not now.has_scan:
        return "next", OPEN
    if not now.has_labels:
        return "next", MAKE_LABELS
    if now.problem:
        return "trouble", now.problem
    if now.run is not None and not now.drawn_since:
        return _after(now.run, now)
    if not now.drawn:
        if now.other_planes:
            return "next", f"Nothing is drawn on {NAMES[now.axis]} slices; draw there, or choose Plane under Options."
        return "next", DRAW
    if now.run is not None and now.only_accepted:
        return "next", ACCEPTED if now.check is not None else ACCEPTED_ALL
    if now.run is not None:
        return "next", "Corrected. Click Propagate again to carry it to the other slices."
    if len(now.drawn) > 1:
        return "next", f"{len(now.drawn)} labels are drawn. Click Propagate."
    return "next", f"{_capital(drawn_text(now))} is drawn. Click Propagate."


def _after(run: Run, now: Situation) -> tuple[str, str]:
    kind = "done" if run.outcome == "done" else "next"
    if now.checked:
        return kind, CORRECT
    ended = f"Done in {duration(run.seconds)}."
    if run.outcome != "done":
        how = "Cancelled" if run.outcome == "cancelled" else "It stopped early"
        ended = f"{how}: {count(len(run.reached_slices()), 'slice')} done and kept."
    more = f" {ALL_FRAMES}" if now.frames > 1 else ""
    if now.check is None:
        return kind, f"{ended} Save the mask when you are content.{more}"
    return kind, f"{ended} Look through the slices; slice {now.check} is most worth checking.{more}"


def drawn_text(now: Situation) -> str:
    """ "label 1 on axial slice 48, not on 20, 71; label 2 on axial slices 40, 61" """
    parts = []
    for label, slices in sorted(now.drawn.items()):
        stops = list(now.stops.get(label, ()))
        there = [index for index in slices if index not in stops]
        name = now.names.get(label) or f"label {label}"
        parts.append(f"{name} on {slices_text(there, NAMES[now.axis])}")
        if stops:
            parts[-1] += f", not on {', '.join(map(str, stops))}"
    return "; ".join(parts)


def drawn_line(now: Situation) -> str:
    """The line beside "Drawn"."""
    if not now.has_labels or now.problem:
        return "nothing yet"
    line = _capital(drawn_text(now)).replace("; ", "\n").replace("\nl", "\nL") or "nothing yet"
    for axis, slices in sorted(now.other_planes.items()):
        line += f"\nHints from strokes on {slices_text(slices, NAMES[axis])}"
    if now.hints:
        line += f"\n{count(now.hints, 'click')}"
    return line


def slices_text(slices: Sequence[int], plane: str) -> str:
    """ "axial slice 48", "axial slices 40, 61", or "60 axial slices (20 to 79)" """
    if len(slices) == 1:
        return f"{plane} slice {slices[0]}"
    if len(slices) <= 6:
        return f"{plane} slices " + ", ".join(map(str, slices))
    return f"{len(slices)} {plane} slices ({slices[0]} to {slices[-1]})"


def progress_text(progress: Progress) -> str:
    if not progress.total:
        return "Getting ready…"
    left = "" if progress.seconds_left is None else f", about {duration(progress.seconds_left)} left"
    return f"{progress.done / progress.total:.0%} done{left}"


def check_text(now: Situation) -> str:
    return f"Check slice {now.check} next" if now.checked else f"Check slice {now.check} first"


def emphasised(now: Situation) -> str:
    """Which button is the next step: "new_labels", "propagate", "check" or none of them."""
    if now.problem or not now.has_scan:
        return ""
    if not now.has_labels:
        return "new_labels"
    if now.run is None or (now.drawn_since and not (now.only_accepted and now.check is not None)):
        return "propagate" if now.drawn else ""
    return "check" if now.check is not None and now.run.outcome == "done" else ""


def undone_text(others: int) -> str:
    also = f", and {count(others, 'step')} made after it with it" if others else ""
    return f"The propagation is undone{also}. Redo brings it back."


def forgotten_text(index: int) -> str:
    return f"Slice {index} no longer counts as drawn by hand; the next propagation fills it."


def slice_text(strip: Strip, index: int) -> str:
    """ "Slice 34: label 1 0.62, label 2 drawn by hand" """
    parts = []
    for label in sorted({*strip.confidence, *strip.first, *strip.corrected, *strip.stops}):
        name = strip.names.get(label) or f"label {label}"
        if index in strip.stops.get(label, ()):
            parts.append(f"{name} not here")
        elif index in strip.corrected.get(label, ()):
            parts.append(f"{name} corrected or confirmed by hand")
        elif index in strip.first.get(label, ()):
            parts.append(f"{name} drawn by hand")
        elif index in strip.confidence.get(label, {}):
            parts.append(f"{name} {strip.confidence[label][index]:.2f}")
    return f"Slice {index}: {', '.join(parts) or 'not reached'}"


def duration(seconds: float) -> str:
    """ "8 s", "2 min 10 s" """
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 600 else f"{round(whole / 60)} min"



def count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
