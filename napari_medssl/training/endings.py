"""Why a run ended, found from what it left in its folder, in a sentence that says what to do."""

from __future__ import annotations

import re
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from napari_medssl.training.launch import log_end
from napari_medssl.training.run_folder import RunFolder

_RESUME = "Resume goes on from its last checkpoint."
_FROM_START = "It had no checkpoint yet; Resume begins anew."
_FULL = 16 << 20  # bytes; a disk with less room than this cannot take a checkpoint
_CRASHES = ("SIGSEGV", "SIGBUS", "SIGILL", "SIGABRT", "SIGFPE", "SIGSYS", "SIGTRAP")
_STATES = {"done": "finished", "early stop": "finished", "cancelled": "stopped"}


@dataclass(frozen=True)
class Ending:
    """How a run stands that is not under way: "finished", "stopped", "failed" or "lost", and a sentence for people."""

    state: str
    sentence: str


def told(end: Mapping[str, Any]) -> Ending:
    """The ending that a run told itself, in its event "end"."""
    state = _STATES.get(str(end.get("reason")), "failed")
    return Ending(state, str(end.get("sentence") or ""))


def ending(folder: RunFolder, exit_record: Mapping[str, Any], log_start: int, *, began: bool) -> Ending:
    """The ending of a run that told none.

    Parameters
    ----------
    exit_record : what the one who started the process noted of its end; {} where nobody was there
    log_start : where the process's part of ``log.txt`` begins, in bytes
    began : whether it got as far as holding the folder
    """
    goes_on = _RESUME if folder.checkpoint.is_file() else _FROM_START
    if exit_record.get("sentence"):
        return Ending("failed", str(exit_record["sentence"]))
    if exit_record.get("killed"):
        return Ending("stopped", f"It was ended at once, as you asked. {goes_on}")
    log, code = log_end(folder.log, log_start), exit_record.get("code")
    if crash := _crash(code, log):
        return Ending("failed", f"Training crashed ({crash}) inside a library or a driver; log.txt has more. {goes_on}")
    if code == 3:
        return Ending("stopped", f"It was stopped. {goes_on}")
    last = _last_line(log)
    if isinstance(code, int) and code > 0 and last:
        return Ending("failed", last)
    if disk_is_full(folder):
        return Ending("failed", f"The disk is full: make room, then resume the run. {goes_on}")
    if code == -9:
        return Ending(
            "failed",
            "The system ended the run, most likely because the computer ran out of memory: close other programs, or"
            f" choose fewer samples per step (batch) or less memory for scans (memory_gb). {goes_on}",
        )
    if code is None and not began and last:
        return Ending("failed", last)
    if isinstance(code, int) and code < 0:
        return Ending("failed", f"The run was ended from outside ({_signal(code)}). {goes_on}")
    return Ending(
        "lost",
        "The run vanished without a word: the computer was switched off, ran out of memory, or something ended it."
        f" {goes_on}",
    )


def _crash(code: Any, log: str) -> str:
    """The name of a crash; "" where it was none."""
    if isinstance(code, int) and code < 0 and _signal(code) in _CRASHES:
        return _signal(code)
    if isinstance(code, int) and code >= 0xC0000000:  # Windows' own codes, such as an access violation
        return f"{code:#x}"
    # Nobody saw the exit code, but Python's fault handler wrote a line.
    found = re.search(r"^Fatal Python error: (.{1,80})$", log, re.MULTILINE) if code is None else None
    return found[1].strip() if found else ""


def _signal(code: int) -> str:
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _last_line(log: str) -> str:
    lines = [line.strip() for line in re.split(r"[\r\n]+", log) if line.strip()]
    if not lines or re.match(r"Step \d+|Reading |Training on|Going on|Validation at|\{", lines[-1]):
        return ""  # progress, or the report: they tell nothing of the end
    if "Traceback (most recent call last)" in log:
        return f"Training ended with an error of the program ({lines[-1][:300]}); log.txt has more."
    return lines[-1][:600]


def disk_is_full(folder: RunFolder) -> bool:
    """Whether the folder's disk has no room for a checkpoint."""
    try:
        return shutil.disk_usage(folder.path).free < _FULL
    except OSError:
        return False
