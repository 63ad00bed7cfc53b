"""The model folders, and whether each model's weights are the ones its card describes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_medssl.errors import BadInput

if TYPE_CHECKING:
    from napari_medssl.models import Entry


def describe_models() -> dict[str, Any]:
    """{"folders", "found": {name: sentence}, "problems": sentences}; of two models of one name the first is used."""
    from napari_medssl.models import model_folders, survey

    found, problems = {}, []
    for entry in survey():
        state = _state(entry)
        name = f"{entry.name} (in {entry.path.parent}, not used)" if entry.hidden else entry.name
        found[name] = state or "its weights match its card"
        if state:
            problems.append(f"Model {entry.name}: {state}.")
    if not found:
        problems.append("There is no model; install napari-medssl again with pip.")
    folders = [f"{folder}{'' if folder.is_dir() else ' (not there)'}" for folder in model_folders()]
    return {"folders": folders, "found": found, "problems": problems}


def _state(entry: Entry) -> str:
    """What is wrong with a model, or an empty string."""
    from napari_medssl.models import check_weights

    try:
        if entry.card is not None and not entry.trouble:
            check_weights(entry.card, entry.weights)
    except BadInput as error:
        return str(error).rstrip(".")
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    return entry.trouble.rstrip(".")
