"""What the person set under File > Preferences > Plugins for this plugin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

PLUGIN = "napari-medssl"


def device_preference() -> str:
    """The device to compute on: "auto", "cpu", "cuda" or "mps"; "auto" where nothing was set."""
    return str(_setting("device", "auto"))


def model_folder_preference() -> Path | None:
    """The folder to look for models in besides the usual one, or None where nothing was set."""
    folder = str(_setting("model_folder", "")).strip()
    return Path(folder).expanduser() if folder else None


def _setting(name: str, default: Any) -> Any:
    from napari.settings import get_plugin_settings

    try:
        return getattr(get_plugin_settings(PLUGIN).computing, name)
    except (KeyError, AttributeError):  # the plugin is disabled, or used without being installed
        return default
