"""A shelf of one's own, empty to begin with, and models to put on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from napari_medssl.models import Card, save_model

FIELDS: dict[str, Any] = {
    "name": "mine", "title": "Mine", "purpose": "propagation", "summary": "A test.", "trained_on": "nothing",
    "recipe": "none",
}  # fmt: skip

Make = Callable[..., Card]


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the person's own models."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("NAPARI_MEDSSL_MODELS", str(folder))
    monkeypatch.setenv("NAPARI_MEDSSL_EXTRA_MODELS", "")
    return folder


@pytest.fixture
def make() -> Make:
    """Write a small model into a folder; keywords are fields of its card."""

    def write(folder: Path, value: float = 1.0, **fields: Any) -> Card:
        return save_model(folder, {"weight": torch.full((3, 4), value)}, **(FIELDS | fields))

    return write


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under a folder with what is in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def run(tmp_path: Path, make: Make) -> Path:
    """A run's folder with a model, and what else lies in one."""
    folder = tmp_path / "run"
    make(folder)
    (folder / "settings.json").write_text('{"format": 1, "recipe": "sli2vol"}')
    (folder / "events.jsonl").write_text("")
    for name in ("checkpoint", "best"):
        (folder / f"{name}.safetensors").write_bytes(b"of no matter")
    return folder
