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
    return _folder("model_folder")


def use_model_folder() -> None:
    """Search the folder of the preferences for models, here and in the processes that are started from here.

    Raises
    ------
    BadInput
        It cannot be used.
    """
    from napari_medssl.models import use_extra_folders

    folder = model_folder_preference()
    use_extra_folders([] if folder is None else [folder])


def runs_folder_preference() -> Path | None:
    """The folder in which training runs are kept, or None where nothing was set."""
    return _folder("runs_folder")


def _folder(name: str) -> Path | None:
    folder = str(_setting(name, "")).strip()
    return Path(folder).expanduser() if folder else None


def _setting(name: str, default: Any) -> Any:
    from napari.settings import get_plugin_settings

    try:
        return getattr(get_plugin_settings(PLUGIN).computing, name)
    except (KeyError, AttributeError):  # the plugin is disabled, or used without being installed
        return default
