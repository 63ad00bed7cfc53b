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
