"""Questions to drivers, asked in a process of their own: a crash there is an answer, not the end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

XVFB = ("xvfb-run", "-a", "-s", "-screen 0 1280x1024x24")


def probe_devices() -> dict[str, Any]:
    """Each torch device and whether a small computation works there; {"error": sentence} when torch itself fails."""
    return _ask("napari_medssl.diagnostics.device_probe")


def probe_gl(*, virtual_screen: bool = False) -> dict[str, Any]:
    """OpenGL's vendor, renderer and version, or {"error": sentence}.

    Parameters
    ----------
    virtual_screen : ask under ``xvfb-run`` instead of on this process's own display
    """
    if virtual_screen:
        if shutil.which(XVFB[0]) is None:
            return {"error": "xvfb-run is not installed"}
        return _ask("napari_medssl.widgets.gl_probe", before=XVFB)
    if not probe_display()["screen"]:
        return {"error": "there is no screen: neither DISPLAY nor WAYLAND_DISPLAY is set"}
    return _ask("napari_medssl.widgets.gl_probe")


def probe_display() -> dict[str, Any]:
    """Whether windows can be opened here, and through what."""
    if sys.platform in ("darwin", "win32"):
        return {"screen": True, "through": "Cocoa" if sys.platform == "darwin" else "Windows"}
    through = [name for name in ("WAYLAND_DISPLAY", "DISPLAY") if os.environ.get(name)]
    return {"screen": bool(through), "through": " and ".join(through) or "neither DISPLAY nor WAYLAND_DISPLAY is set"}


def _ask(module: str, *, before: Sequence[str] = (), seconds: float = 120.0) -> dict[str, Any]:
    command = [*before, sys.executable, "-m", module]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return {"error": f"no answer within {seconds:.0f} s"}
    except OSError as error:
        return {"error": f"{command[0]} could not be started: {error.strerror}"}
    for line in reversed(done.stdout.splitlines()):
        if line.startswith("{"):
            answer: dict[str, Any] = json.loads(line)
            return answer
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    ending = f"signal {-done.returncode}" if done.returncode < 0 else f"status {done.returncode}"
    return {"error": f"the test ended with {ending}" + (f": {' '.join(said)[-300:]}" if said else "")}
