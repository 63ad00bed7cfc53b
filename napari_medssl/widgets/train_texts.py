"""What the Train widget says, in the words of the person at the screen. No Qt."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from napari_medssl.widgets.curve_maths import number_text
from napari_medssl.widgets.settings_fields import duration_text

CHOOSE_WHAT = "Choose what to train."
CHOOSE_FOLDER = "Choose the folder with your scans, or drop it here."
CHECKING = "Your scans are being checked. Start will be ready in a moment."
READY = "Click Start. Training goes on in the background, and even when you close napari."
LOOKING = "Looking for what can be trained…"
STATES = {
    "queued": "Waiting",
    "starting": "Starting",
    "running": "Training",
    "stopping": "Stopping",
    "finished": "Finished",
    "stopped": "Stopped",
    "failed": "Failed",
    "lost": "Broken off",
}
UNDER_WAY = ("starting", "running", "stopping")
STOP_HINT = "Write down where training stands, and leave. Resume goes on from there, today or next week."
RESUME_HINT = "Go on where this run stopped."
USE_HINT = "Put the model on the shelf and choose it in the tool that it was trained for."
KILL_QUESTION = (
    "End the training of {name} at once?\n\nWhat was learnt since the last checkpoint, a minute or so, is lost."
    " Stop does the same within moments and loses nothing."
)
REMOVE_QUESTION = (
    "Remove the run {name} from this computer?\n\nIts curves, pictures, checkpoints and the model in its folder are"
    " deleted. Models on the shelf and your scans are not touched."
)


def time_left(seconds: float | None) -> str:
    """Such as "about 6 min left"."""
    if seconds is None:
        return ""
    if seconds < 10:
        return "a few seconds left"
    if seconds < 90:
        return f"about {round(seconds / 10) * 10} s left"
    return f"about {lasted(seconds)} left"


def lasted(seconds: float) -> str:
    """A time as people say it: "45 s", "12 min", "3 h 20 min"."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes < 48 * 60 else f"{minutes // 1440} days"


def when(moment: float, now: float | None = None) -> str:
    """A moment (seconds since 1970): "12:40" today, "19 Nov" this year, else with the year."""
    then, today = time.localtime(moment), time.localtime(now)
    if then[:3] == today[:3]:
        return time.strftime("%H:%M", then)
    day = f"{then.tm_mday} {time.strftime('%b', then)}"
    return day if then.tm_year == today.tm_year else f"{day} {then.tm_year}"


def state_line(info: Any) -> str:
    """Name, state and how far it is: the heading above a run's curves."""
    state = STATES.get(info.state, info.state)
    share = "" if info.done is None or info.state == "finished" else f" at {info.done:.0%}"
    return f"{info.name}: {state.lower()}{share}" if info.state != "queued" else f"{info.name}: waiting its turn"


def progress_text(info: Any, latest: Mapping[str, Any], preparing: Mapping[str, Any]) -> str:
    """The line under the progress bar."""
    if info.state == "queued":
        return "Runs that wait begin one after another while napari is open."
    if info.state == "stopping":
        return "Writing down where it stands…"
    if info.state == "starting" or preparing:
        total = preparing.get("total")
        read = f" ({preparing.get('done', 0)} of {total})" if total else ""
        return f"{preparing.get('text', 'Starting')}{read}…"
    if info.state == "running":
        speed = latest.get("speed")
        pace = ""
        if speed:
            pace = f"{speed:.1f} steps a second" if speed >= 1 else f"{1 / speed:.1f} s a step"
        if not info.step:
            return "The first steps…"
        parts = [f"Step {info.step}", time_left(info.left), pace]
        return ", ".join(part for part in parts if part)
    return f"Step {info.step} after {lasted(info.seconds)}" if info.step else ""


def hint_for_run(info: Any) -> tuple[str, str]:
    """(kind of line, sentence) about a run that is shown: what it does, or what to do next."""
    if info.state == "running" and "hangs" in info.sentence:
        return "trouble", info.sentence  # nothing was heard of it for long
    if info.state in ("starting", "running"):
        return "busy", "Training. Go on working as you like: it goes on when you close this panel, or napari."
    if info.state == "queued":
        return "busy", "Waiting its turn. You can close this panel meanwhile."
    if info.state == "stopping":
        return "busy", "Stopping: it writes down where it stands, and leaves."
    if info.state == "finished":
        words = info.sentence or "Training is finished."
        return "done", f"{words.rstrip()} Click Use this model to work with it."
    if info.state == "stopped":
        also = " The model as it stands can be used, too." if info.model else ""
        return "next", f"{info.name} was stopped. Resume goes on where it stopped.{also}"
    sentence = info.sentence or ("It vanished without a word." if info.state == "lost" else "It failed.")
    offer = " Click Resume to go on from the last checkpoint." if info.resumable and "esume" not in sentence else ""
    return "trouble", f"{sentence}{offer}"


def offer_text(infos: Sequence[Any]) -> str:
    """One line about runs that were left halfway."""
    first = infos[0]
    if len(infos) == 1:
        how = "was stopped" if first.state == "stopped" else "broke off"
        share = f" at {first.done:.0%}" if first.done is not None else ""
        return f"{first.name} {how}{share} ({when(first.created)})."
    names = ", ".join(info.name for info in infos[:3]) + (", …" if len(infos) > 3 else "")
    return f"{len(infos)} runs were left halfway: {names}."


def best_metric(metrics: Mapping[str, Any] | None) -> tuple[str, str]:
    """(name, value) of the metric to show in a list; ("", "") where nothing was measured."""
    usable = {name: value for name, value in (metrics or {}).items() if isinstance(value, int | float)}
    if not usable:
        return "", ""
    name = next((name for name in usable if "mean" in name or name in ("dice", "score")), next(iter(usable)))
    return name, number_text(float(usable[name]))


def machine_line(start: Mapping[str, Any], latest: Mapping[str, Any]) -> str:
    """Device and memory in use."""
    if not start:
        return "The device is told when training begins."
    parts = [f"{device_name(str(start.get('device', '')))}, {start.get('precision', '')}".strip(", ")]
    if memory := latest.get("memory"):
        parts.append(f"memory {bytes_text(memory)}")
    if memory := latest.get("device_memory"):
        parts.append(f"graphics memory {bytes_text(memory)}")
    if (waiting := latest.get("waiting")) is not None:
        parts.append(f"{waiting:.0%} of the time waiting for scans")
    if parameters := start.get("parameters"):
        parts.append(f"{parameters / 1e6:.1f} million weights")
    return "; ".join(parts)


def device_name(name: str) -> str:
    """A device as people call it."""
    kind, _, number = name.partition(":")
    known = {"auto": "Automatic", "cpu": "CPU", "cuda": "NVIDIA GPU", "mps": "Apple GPU"}
    return known.get(kind, name) + (f" {number}" if number and number != "0" else "")


def bytes_text(count: float) -> str:
    """Bytes in GB or MB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def counted(count: int, word: str) -> str:
    """Such as "1 scan", "3 scans"."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def limit_text(seconds: float, steps: int) -> str:
    """When a run ends, in words."""
    limits = [f"{duration_text(seconds)}"] if seconds else []
    limits += [f"{steps} steps"] if steps else []
    return " or ".join(limits)
