"""Load in the background what the first click would have to wait for."""

from __future__ import annotations

import contextlib
import importlib
from threading import Thread

# napari imports pandas with the first Labels layer; torch comes with the first propagation.
_HEAVY = ("pandas", "torch", "napari_medssl.propagation", "skimage.graph")


def warm_up() -> Thread:
    """Import the heavy packages and load the default model, in a thread of its own that nobody needs to wait for.

    Whatever goes wrong here goes wrong again, with a sentence, where it is needed.
    """
    thread = Thread(target=_load, name="napari-medssl warm-up", daemon=True)
    thread.start()
    return thread


def _load() -> None:
    with contextlib.suppress(Exception):
        for name in _HEAVY:
            importlib.import_module(name)
        from napari_medssl.propagation.load import load_model

        load_model("default", "auto")
