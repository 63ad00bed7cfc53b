"""Gather versions, machine, devices, OpenGL and models, and set them in Markdown."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Mapping
from typing import Any

from napari_medssl.diagnostics.models import describe_models
from napari_medssl.diagnostics.probes import probe_devices, probe_display, probe_gl
from napari_medssl.diagnostics.redaction import redact

PACKAGES = (
    "napari-medssl", "napari", "npe2", "qtpy", "vispy", "torch", "monai", "SimpleITK", "numpy", "scipy", "scikit-image",
    "pydantic", "safetensors",
)  # fmt: skip
QT_BINDINGS = ("PySide6", "PySide6_Essentials", "PyQt6", "PyQt5", "PySide2")


def diagnose() -> dict[str, Any]:
    """Everything worth knowing when something does not work; no user name, no host name, home shortened to ``~``.

    Returns
    -------
    dict with "problems" (sentences, empty when all is well), "versions", "machine", "devices", "opengl" and "models"
    """
    found: dict[str, Any] = {
        "versions": _versions(),
        "machine": _machine(),
        "devices": probe_devices(),
        "opengl": _opengl(),
        "models": describe_models(),
    }
    cleaned: dict[str, Any] = redact({"problems": _problems(found), **found})
    return cleaned


def as_markdown(diagnosis: Mapping[str, Any]) -> str:
    """The diagnosis as Markdown that GitHub shows well."""
    lines = ["### napari-medssl doctor", ""]
    problems = diagnosis["problems"]
    lines += [f"- **{sentence}**" for sentence in problems] or ["No problem found."]
    titles = {
        "versions": "Versions",
        "machine": "Machine",
        "devices": "Devices",
        "opengl": "OpenGL",
        "models": "Models",
    }
    for key, title in titles.items():
        lines += ["", f"#### {title}", "", "| | |", "|---|---|"]
        lines += [f"| {name} | {_words(value)} |" for name, value in diagnosis[key].items()]
    return "\n".join(lines)


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        if "works" in value:
            state = f"works ({value['seconds']} s)" if value["works"] else f"does not work: {value['reason']}"
            value = {k: v for k, v in value.items() if k not in ("works", "seconds", "reason")}
            return ", ".join((state, *(f"{key} {_words(item)}" for key, item in value.items())))
        return ", ".join(f"{key} {_words(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(_words(item) for item in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).replace("|", "\\|").replace("\n", " ")


def _versions() -> dict[str, str]:
    versions = {"Python": platform.python_version()}
    versions.update({name: _version(name) or "missing" for name in PACKAGES})
    bindings = {name: _version(name) for name in QT_BINDINGS}
    versions["Qt binding"] = ", ".join(f"{name} {found}" for name, found in bindings.items() if found) or "none"
    if chosen := os.environ.get("QT_API"):
        versions["QT_API"] = chosen
    return versions


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _machine() -> dict[str, Any]:
    import psutil

    memory = psutil.virtual_memory()
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "system": platform.platform(),
        "distribution": _distribution(),
        "processor": _processor(),
        "cores": f"{usable} usable of {os.cpu_count()}",
        "memory": f"{memory.total / 1e9:.1f} GB, {memory.available / 1e9:.1f} GB free",
        "Python runs": "64 bit" if sys.maxsize > 2**32 else "32 bit",
    }


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "unknown")
    except OSError:
        return f"macOS {platform.mac_ver()[0]}" if sys.platform == "darwin" else platform.system()


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _opengl() -> dict[str, Any]:
    display = probe_display()
    found: dict[str, Any] = {"screen": display["through"] if display["screen"] else f"none ({display['through']})"}
    if display["screen"]:
        found.update(probe_gl())
    else:
        found["on a virtual screen (xvfb-run)"] = probe_gl(virtual_screen=True)
    return found


def _problems(found: dict[str, Any]) -> list[str]:
    problems: list[str] = []
    if found["versions"]["Qt binding"] == "none":
        problems.append("No Qt binding is installed, so napari has no window: pip install 'napari-medssl[all]'.")
    if sys.version_info < (3, 12) and _version("PySide6_Essentials") == "6.12.0":
        problems.append("PySide6 6.12.0 ends Python 3.11 after twenty layers: pip install 'PySide6_Essentials<6.12'.")
    missing = [name for name in PACKAGES if found["versions"][name] == "missing"]
    if missing:
        problems.append(f"Missing: {', '.join(missing)}; install napari-medssl again with pip.")
    if "error" in found["devices"]:
        problems.append(f"torch does not start: {found['devices']['error']}.")
    elif not found["devices"]["cpu"]["works"]:
        problems.append(f"torch computes wrongly on the processor: {found['devices']['cpu']['reason']}.")
    if "error" in found["opengl"]:
        problems.append(f"OpenGL does not work, and napari cannot draw without it: {found['opengl']['error']}.")
    return [*problems, *found["models"].pop("problems")]
