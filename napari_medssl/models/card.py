"""A model's card: what it is for, what it was trained on, how it is licensed and how to check its file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_medssl.errors import BadInput

FORMAT = 1
NAME = r"^[a-z0-9][a-z0-9._-]*$"
LARGEST_CARD = 2**20  # bytes; a card is a page of text

# What models can be for in this version, and how people say it. A tool that brings models of its own adds a line.
PURPOSES = {
    "propagation": "carrying drawn slices through a scan",
    "segmentation": "segmenting scans without drawing",
    "tubes": "finding vessels, ducts and airways",
    "nodules": "finding nodules in chest CT",
}


class Card(BaseModel):
    """Describes one weights file (``NAME.safetensors``), and lies beside it as ``NAME.json``.

    Fields that this version does not know are left out in reading: a later one may add some without a new format, as
    long as the model can be used without them.
    """

    model_config = ConfigDict(extra="ignore")

    format: int = Field(FORMAT, ge=1)
    name: str = Field(pattern=NAME, max_length=100, description="The name given to --model.")
    title: str = Field(min_length=1, description="The name in the widgets' model menu.")
    purpose: str = Field(description='What it is for: "propagation", ...')
    summary: str = Field(description="One sentence for people who choose a model.")
    trained_on: str
    recipe: str = Field(description="The recipe that trained it, with its settings in `training`.")
    training: dict[str, Any] = Field(default_factory=dict, description="Settings, hardware, steps, wall time.")
    metrics: dict[str, Any] = Field(default_factory=dict)
    limits: str = ""
    licence: str = "BSD-3-Clause"
    settings: dict[str, Any] = Field(default_factory=dict, description="How the method uses the network.")
    created: str = Field("", description="The day it was made (UTC), as 2026-11-21; empty where nobody noted it.")
    parents: list[str] = Field(default_factory=list, description="The models whose weights it began with.")
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
        with open(path, "rb") as handle:
            content = handle.read(LARGEST_CARD + 1)
    except OSError as error:
        raise BadInput(_unreadable(f"The model card {path}")) from error
    return parse_card(content, str(path))


def parse_card(content: bytes, where: str) -> Card:
    """The card in the bytes of a file; `where` names the file in what is raised.

    Raises
    ------
    BadInput
        As `read_card`.
    """
    if len(content) > LARGEST_CARD:
        raise BadInput(f"{where} is not a model card of napari-medssl: it is far too large.")
    try:
        fields = json.loads(content.decode("utf-8"))
        # Halves of characters, which JSON can hold, cannot be printed or written.
        json.dumps(fields, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise BadInput(_unreadable(f"The model card {where}")) from error
    newer = BadInput(f"The model card {where} was written by a newer version of napari-medssl; update napari-medssl.")
    if isinstance(fields, dict) and isinstance(fields.get("format"), int) and fields["format"] > FORMAT:
        raise newer  # before anything else that may be new in it
    try:
        card = Card.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise BadInput(f"{where} is not a model card of napari-medssl ({place}: {first['msg']}).") from error
    if card.format > FORMAT:  # written as "9" or 9.0
        raise newer
    return card


def sha256(path: Path) -> str:
    """Checksum of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as handle:
        while block := handle.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _unreadable(what: str) -> str:
    return f"{what} cannot be read; remove it and its weights, or add them again."
