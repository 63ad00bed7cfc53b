"""Deleting a run: what it wrote and nothing else, since anything may lie beside it in a folder that a person chose."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path

from napari_medssl.training.run_folder import RunFolder

# What a run writes, by the folder that it lies in ("" for the run's own).
_WRITTEN = {
    "pictures": r"step-\d+-\d+\.png",
    "tensorboard": r"events\.out\.tfevents\..*",
    "cache": r"[0-9a-f]{24}\.(image\.npy|labels\.npy|json)",
    "": r"events\.jsonl|last-words|checkpoint\.safetensors|best\.safetensors|log\.txt|lock|cancel|queued|child|exit",
}
_HALF = r"\.[0-9a-f]{8}\.partial.*"  # what a crash left of a file that was being written


def clear_run(run: RunFolder) -> None:
    """Delete a run's files and its folders where they are empty then; no link is followed, its scans are not touched.

    The settings go last: if something comes in between, it is still a run and can be removed again.

    Raises
    ------
    OSError
        Something cannot be deleted.
    BadInput
        Its settings cannot be read, and so it is not certain to be a run.
    """
    run.read_settings()
    for card in _cards(run.path):
        card.with_suffix(".safetensors").unlink(missing_ok=True)
        card.unlink()
    for name, written in _WRITTEN.items():
        folder = run.path / name
        if folder.is_symlink() or not folder.is_dir():
            continue
        for path in list(folder.iterdir()):
            if re.fullmatch(f"{written}|{_HALF}", path.name) and (path.is_symlink() or not path.is_dir()):
                path.unlink(missing_ok=True)
        if name:
            with suppress(OSError):
                folder.rmdir()
    run.settings.unlink()
    with suppress(OSError):
        (run.path / ".guard").unlink(missing_ok=True)
        run.path.rmdir()


def _cards(folder: Path) -> list[Path]:
    """The cards of models that the run wrote."""
    found = []
    for path in folder.glob("*.json"):
        with suppress(OSError, ValueError):
            card = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(card, dict) and card.get("name") == path.stem and {"sha256", "recipe"} <= card.keys():
                found.append(path)
    return found
