"""What the Tubes widget says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medssl.widgets.propagate_texts import count, duration

if TYPE_CHECKING:
    from napari_medssl.widgets.tubes_run import Found

KINDS = [
    ("Scan: find its tubes", "scan"),
    ("Mask: rebuild it", "mask"),
    ("Probability map, 0 to 1", "probability"),
]
KIND_HINT = (
    "A scan: a network looks for tubes in it.\n"
    "A mask: drawn, propagated, or made by another program; no network is needed.\n"
    "A probability map: of another program, from 0 (no tube) to 1 (surely a tube)."
)
POLARITIES = [("Bright: contrast, MRA", "bright"), ("Dark: airways", "dark")]
POLARITY_HINT = "Brighter than what surrounds them: vessels with contrast in CT, MR angiography.\nDarker: airways."
OPEN = {
    "scan": "Open a scan: drop a file or a DICOM folder on the window.",
    "mask": "Open or draw a mask: a labels layer with the vessels or airways in it.",
    "probability": "Open the probability map: an image layer with values from 0 to 1.",
}
READY = {
    "scan": "Click Find and measure: vessels are found, rebuilt from their centre lines, and measured.",
    "mask": "Click Rebuild and measure: the mask gets smooth walls and a centre line, and its branches are measured.",
    "probability": "Choose the thresholds, then click Rebuild and measure.",
}
NO_MODEL = "There is no model for tubes on the shelf; a mask or a probability map can be rebuilt without one."
KNOWN = "The network has looked at this scan. Move the thresholds, look at the preview, then rebuild."
PREVIEW = "Preview near this slice: blue-green would be taken, orange is too unsure. Rebuild and measure applies it."
NO_PREVIEW = "The preview is drawn on slices; turn the 3D view off to see it."
RUNNING = "Working; you can go on working meanwhile."
STOPPING = "Stopping…"
STOPPED = "Stopped; nothing was changed."
GONE = "The layer that it started from was removed, so the result was let go."
KEEP = "Click on the vessel to keep, in a slice or in 3D; all that does not hang together with it goes."
NO_HIT = "There is no tube there; click on one."
UNDONE = "Brought back."
RESEARCH = "For research only, not for diagnosis. Narrow places are places to look at, not findings."
RUN = {True: "Find and measure", False: "Rebuild and measure"}


def legend(found: Found) -> str:
    """What the colours of the result layers mean."""
    line = ""
    if len(found.radii):
        line = f"Centre line: blue is thin ({found.radii.min():.1f} mm), red is wide ({found.radii.max():.1f} mm). "
    return line + "Layer change (hidden at first): grey kept, blue added, orange removed."


def done(found: Found) -> tuple[str, str]:
    """(kind, sentence) for the first line."""
    if not found.branches:
        return "trouble", (
            "No tube was found. Lower the thresholds, or choose another kind of tube."
            if found.maps is not None
            else "The mask holds no tube: it has no centre line."
        )
    narrow = sum(len(branch.narrowings) for branch in found.branches)
    length = sum(branch.length for branch in found.branches)
    places = f"; {count(narrow, 'narrow place')} to look at" if narrow else "; no narrow place"
    sizes = f"{_ml(found.before_ml)} ml before, {_ml(found.after_ml)} ml now"
    branches = f"{len(found.branches)} branches" if len(found.branches) != 1 else "1 branch"
    return "done", (
        f"Done in {duration(found.seconds)}: {branches}, {length:.0f} mm in all, {sizes}{places}."
        " Click a row of the table, or a vessel."
    )


def _ml(volume: float) -> str:
    return f"{volume:.3g}" if volume < 1000 else f"{volume:.0f}"


def branch_text(number: int, narrow: float | None) -> str:
    """What is shown after a row or a vessel was clicked."""
    at = f"at its narrowest place ({narrow:.0f} %)" if narrow is not None else "at its middle"
    return f"Branch {number}, {at}; its centre line is marked."


def kept(millilitres: float) -> str:
    """After a part was kept."""
    return f"Only the part you clicked is left; {_ml(millilitres)} ml went. Undo brings them back."


def picked(number: int, narrow: float | None) -> str:
    """After a vessel was clicked."""
    more = "" if narrow is None else f" It is narrow at one place ({narrow:.0f} %): click its row to go there."
    return f"Branch {number} is chosen in the table.{more}"
