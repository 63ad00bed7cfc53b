"""The model folders, and whether each model's weights are the ones its card describes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_medssl.errors import BadInput


def describe_models() -> dict[str, Any]:
    """{"folders", "found": {name: sentence}, "problems": sentences}; of two models of one name the first is used."""
    from napari_medssl.models import model_folders

    folders, found, problems = [], {}, []
    for folder in model_folders():
        there = folder.is_dir()
        folders.append(f"{folder}{'' if there else ' (not there)'}")
        for card in sorted(folder.glob("*.json")) if there else []:
            state = _state(card)
            name = card.stem if card.stem not in found else f"{card.stem} (in {folder}, not used)"
            found[name] = state or "its weights match its card"
            if state:
                problems.append(f"Model {card.stem}: {state}.")
    if not found:
        problems.append("There is no model; install napari-medssl again with pip.")
    return {"folders": folders, "found": found, "problems": problems}


def _state(path: Path) -> str:
    """What is wrong with a model, or an empty string."""
    from napari_medssl.models.card import read_card, sha256

    try:
        card = read_card(path)
        weights = path.with_suffix(".safetensors")
        if not weights.is_file():
            return "its weights file is missing"
        if weights.stat().st_size != card.size or sha256(weights) != card.sha256:
            return "its weights file is damaged or not the one its card describes (sha256 differs)"
    except BadInput as error:
        return str(error).rstrip(".")
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    return ""
