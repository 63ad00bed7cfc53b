"""A model's card: what it is for, what it was trained on, how it is licensed and how to check its file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_medssl.errors import BadInput

FORMAT = 1


class Card(BaseModel):
    """Describes one weights file (``NAME.safetensors``), and lies beside it as ``NAME.json``."""

    model_config = ConfigDict(extra="forbid")

    format: int = FORMAT
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", description="The name given to --model.")
    title: str = Field(description="The name in the widgets' model menu.")
    purpose: str = Field(description='What it is for: "propagation", ...')
    summary: str = Field(description="One sentence for people who choose a model.")
    trained_on: str
    recipe: str = Field(description="The recipe that trained it, with its settings in `training`.")
    training: dict[str, Any] = Field(default_factory=dict, description="Settings, hardware, steps, wall time.")
    metrics: dict[str, Any] = Field(default_factory=dict)
    limits: str = ""
    licence: str = "BSD-3-Clause"
    settings: dict[str, Any] = Field(default_factory=dict, description="How the method uses the network.")
    size: int = Field(ge=0, description="Bytes of the weights file.")
    sha256: str


def read_card(path: Path) -> Card:
    """Read a card.

    Raises
    ------
    BadInput
        The card is unreadable, not a card, or of a newer format than this version knows.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(
            f"The model card {path} cannot be read; remove it and its weights, or add them again."
        ) from error
    newer = isinstance(content, dict) and isinstance(content.get("format"), int) and content["format"] > FORMAT
    if newer:
        raise BadInput(f"The model card {path} was written by a newer version of napari-medssl; update napari-medssl.")
    try:
        return Card.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise BadInput(f"{path} is not a model card of napari-medssl ({where}: {first['msg']}).") from error


def sha256(path: Path) -> str:
    """Checksum of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as handle:
        while block := handle.read(2**20):
            digest.update(block)
    return digest.hexdigest()
