"""The model shelf: the folders that hold models, and what stands on them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medssl.errors import BadInput
from napari_medssl.files import atomic_path, write_text
from napari_medssl.models.card import Card, read_card, sha256

if TYPE_CHECKING:
    from torch import Tensor

SHIPPED = Path(__file__).parent / "weights"
FOLDER_VARIABLE = "NAPARI_MEDSSL_MODELS"


def user_folder() -> Path:
    """Where the person's own models lie: $NAPARI_MEDSSL_MODELS, else the system's folder for an application's data."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share"))
    return base / "napari-medssl" / "models"


def model_folders() -> list[Path]:
    """The folders that are searched, the person's own first, so that they can stand in for shipped ones."""
    return [user_folder(), SHIPPED]


def list_cards(purpose: str | None = None) -> list[Card]:
    """The cards of all models that can be read, shipped ones first, each name once."""
    found: dict[str, Card] = {}
    for folder in reversed(model_folders()):
        for path in sorted(folder.glob("*.json")) if folder.is_dir() else []:
            try:
                card = read_card(path)
            except BadInput:
                continue  # `models show` and `doctor` say what is wrong with it
            if purpose is None or card.purpose == purpose:
                found[card.name] = card
    return list(found.values())


def find_card(name: str) -> Card:
    """The card of a model.

    Raises
    ------
    BadInput
        There is no such model, or its card cannot be used.
    """
    return read_card(_card_path(name))


def weights_path(name: str) -> Path:
    """The weights file of a model, which lies beside its card."""
    return _card_path(name).with_suffix(".safetensors")


def load_weights(name: str) -> tuple[Card, dict[str, Tensor]]:
    """A model's card and its tensors (on the CPU), checked against the card's checksum.

    Raises
    ------
    BadInput
        There is no such model, or its file is missing, damaged or not the one that the card describes.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    card, path = find_card(name), weights_path(name)
    if not path.is_file():
        raise BadInput(f"The weights of model {name!r} are missing: {path} does not exist.")
    if path.stat().st_size != card.size or sha256(path) != card.sha256:
        raise BadInput(f"The weights file {path} is damaged or not the one its card describes; add the model again.")
    try:
        return card, load_file(path)
    except SafetensorError as error:
        raise BadInput(f"The weights file {path} is not a safetensors file; add the model again.") from error


def save_model(folder: Path, tensors: Mapping[str, Tensor], **fields: Any) -> Card:
    """Write a model's weights and card into a folder, each atomically, the card last.

    `fields` are those of `Card` without size and sha256.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{fields['name']}.safetensors"
    with atomic_path(path) as temporary:
        save_file({key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}, temporary)
    card = Card(**fields, size=path.stat().st_size, sha256=sha256(path))
    write_text(path.with_suffix(".json"), card.model_dump_json(indent=2) + "\n")
    return card


def _card_path(name: str) -> Path:
    for folder in model_folders():
        path = folder / f"{name}.json"
        if Path(name).name == name and path.is_file():
            return path
    known = ", ".join(card.name for card in list_cards()) or "none"
    raise BadInput(f"There is no model {name!r}; the models here are: {known}.")
