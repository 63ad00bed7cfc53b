"""The model shelf: cards, weights, and where they lie."""

from napari_medssl.models.card import Card, read_card, sha256
from napari_medssl.models.shelf import (
    find_card,
    list_cards,
    load_weights,
    model_folders,
    save_model,
    user_folder,
    weights_path,
)

__all__ = [
    "Card", "find_card", "list_cards", "load_weights", "model_folders", "read_card", "save_model", "sha256",
    "user_folder", "weights_path",
]  # fmt: skip
