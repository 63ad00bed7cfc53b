"""How a run stands, found from the files in its folder alone."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_medssl.errors import BadInput
from napari_medssl.training.endings import Ending, disk_is_full, ending, told
from napari_medssl.training.events import Event, last_events, newest
from napari_medssl.training.processes import is_alive
from napari_medssl.training.run_folder import RunFolder, Saved, read_record

ACTIVE = ("starting", "running", "stopping")
_SILENT = 900.0  # seconds without an event after which one may wonder


@dataclass(frozen=True)
class RunInfo:
    """How a run stands.

    Attributes
    ----------
    name : of the model that comes out
    data : the data folder; None in runs of version 0.1
    state : "queued" "starting" "running" "stopping" "finished" "stopped" "failed" "lost"
    sentence : the state in words, and what to do
    step, done, left : steps done, share of the budget (0..1), seconds to the end; None where they are not known
    created, seconds : when it was made (since 1970), how long it has trained
    metrics : of the best validation so far
    model : the card of its model, where there is one
    resumable : whether it could go on
    """

    folder: Path
    recipe: str
    name: str
    data: Path | None
    settings: dict[str, Any] = field(default_factory=dict)
    state: str = "queued"
    sentence: str = ""
    step: int = 0
    done: float | None = None
    left: float | None = None
    created: float = 0.0
    seconds: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)
    model: Path | None = None
    resumable: bool = False

    @property
    def active(self) -> bool:
        """Whether a process works on it."""
        return self.state in ACTIVE


def look(folder: Path) -> RunInfo:
    """How the run in a folder stands; nothing but files is read, and of the event log only its end.

    Raises
    ------
    BadInput
        There is no run in the folder.
    """
    run = RunFolder.of_another(Path(folder))
    if not run.settings.is_file():
        raise BadInput(f"There is no run in {folder}.")
    try:
        saved = run.read_settings()
    except BadInput as error:
        return RunInfo(run.path, "", run.path.name, None, state="failed", sentence=str(error))
    # Processes before what they wrote: one that ends meanwhile has then written its end.
    state, parts = _process_state(run), _Parts(run)
    events = last_events(run.events, sparse=True)
    end = _end_of_this_part(events, parts)
    found = Ending(state, "")
    if not state or (state == "starting" and end):
        found = told(end) if end else _untold(run, parts, events)
    elif state == "queued":
        found = Ending(state, "Waits for its turn.")
    elif state == "stopping":
        found = Ending(state, "Stopping: it writes down where it stands, and leaves.")
    else:
        found = Ending(state, _doing(events) if state == "running" else "Starting.")
    return _info(run, saved, found, events)


def is_active(run: RunFolder) -> bool:
    """Whether a process works on the run, be it that it is only starting or leaving."""
    return run.busy() or is_alive(read_record(run.child))


class _Parts:
    """When the part of a run that came last began, and who noted what of it."""

    def __init__(self, run: RunFolder) -> None:
        child, lock, noted = (read_record(path) for path in (run.child, run.lock, run.exit))
        began_lock = _changed(run.lock)
        began_child = float(child.get("since") or 0.0)
        self.began = max(began_lock, began_child)
        self.locked = bool(lock) or run.lock.exists()
        self.happened = bool(child) or self.locked or bool(noted)
        # What was noted of an earlier part says nothing of one that somebody started by hand since.
        fits = float(noted.get("time") or 0.0) >= self.began and (not lock or noted.get("pid") == lock.get("pid"))
        self.exit: Mapping[str, Any] = noted if fits else {}
        own = bool(child) and (not lock or lock.get("pid") == child.get("pid"))
        self.log_start = int(child.get("log") or 0) if own else 0


def _process_state(run: RunFolder) -> str:
    """ "running", "stopping", "starting" or "queued"; "" when no process works on it and none is to."""
    if run.busy():
        return "stopping" if run.cancel.exists() else "running"
    if run.queued.exists():  # and its process of before may just be leaving
        return "queued"
    return "starting" if is_alive(read_record(run.child)) else ""


def _end_of_this_part(events: Sequence[Event], parts: _Parts) -> Event:
    """The event "end" if the last part of the run has told it, else {}."""
    last = events[-1] if events else {}
    return last if last.get("event") == "end" and _time(last) >= parts.began else {}


def _untold(run: RunFolder, parts: _Parts, events: Sequence[Event]) -> Ending:
    if parts.happened:
        return ending(run, parts.exit, parts.log_start, began=parts.locked)
    if not events and disk_is_full(run):
        return ending(run, {}, 0, began=True)
    if not events:
        return Ending("stopped", "It has not begun. Resume puts it into the queue.")
    # Somebody removed the lock, or the run was copied from another computer.
    return told(events[-1]) if events[-1]["event"] == "end" else ending(run, {}, 0, began=True)


def _doing(events: Sequence[Event]) -> str:
    last = events[-1] if events else {}
    silent = time.time() - _time(last) if last else 0.0
    if silent > _SILENT:
        return f"Nothing was heard of it for {silent / 60:.0f} minutes; if it hangs, end it at once and resume it."
    if last.get("event") == "prepare":
        return f"{last.get('text', 'Preparing')}: {last.get('done')} of {last.get('total')}."
    return "Training."


def _info(run: RunFolder, saved: Saved, found: Ending, events: Sequence[Event]) -> RunInfo:
    name = str(saved.settings.get("name", run.path.name))
    last_step, end, start = (newest(events, kind) for kind in ("step", "end", "start"))
    steps = [event["step"] for event in events if event["event"] in ("step", "start", "checkpoint", "end")]
    validations = [event for event in events if event["event"] == "validation"]
    best = next((event for event in reversed(validations) if event.get("best")), newest(validations, "validation"))
    metrics = best.get("metrics") or end.get("metrics") or {}
    done = 1.0 if found.state == "finished" else last_step.get("done")
    card = run.path / f"{name}.json"
    ended = found.state not in (*ACTIVE, "queued")
    return RunInfo(
        folder=run.path,
        recipe=saved.recipe,
        name=name,
        data=saved.data,
        settings=saved.settings,
        state=found.state,
        sentence=found.sentence,
        step=int(steps[-1]) if steps else 0,
        done=None if done is None else float(done),
        left=last_step.get("left") if found.state in ("running", "stopping") else None,
        created=saved.created,
        seconds=_seconds(events, start),
        metrics={str(key): float(value) for key, value in metrics.items() if isinstance(value, int | float)},
        model=card if card.is_file() and card.with_suffix(".safetensors").is_file() else None,
        resumable=ended and saved.data is not None,
    )


def _seconds(events: Sequence[Event], start: Event) -> float:
    """How long a run has trained, over all its parts: as it says itself, or from the time of its events."""
    seconds, since = 0.0, None
    for event in events:
        if "seconds" in event and event["event"] in ("step", "end"):
            seconds, since = float(event["seconds"]), None
        elif event["event"] == "start":
            since = (_time(event), seconds)
        elif since is not None and event["event"] == "step":
            seconds = since[1] + _time(event) - since[0]
    return max(0.0, round(seconds, 1))


def _time(event: Mapping[str, Any]) -> float:
    value = event.get("time")
    return float(value) if isinstance(value, int | float) else 0.0


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
