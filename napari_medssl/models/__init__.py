"""The model shelf: cards, weights, and where they lie."""

from napari_medssl.models.adding import add_model, offered_card, remove_model
from napari_medssl.models.archive import export_model
from napari_medssl.models.card import PURPOSES, Card, read_card, sha256
from napari_medssl.models.folders import changes, extra_folders, model_folders, use_extra_folders, user_folder
from napari_medssl.models.shelf import (
    Entry,
    check_weights,
    find_card,
    list_cards,
    load_weights,
    save_model,
    survey,
    weights_path,
)
from napari_medssl.models.words import card_lines, in_words

__all__ = [
    "PURPOSES", "Card", "Entry", "add_model", "card_lines", "changes", "check_weights", "export_model", "extra_folders",
    "find_card", "in_words", "list_cards", "load_weights", "model_folders", "offered_card", "read_card", "remove_model",
    "save_model", "sha256", "survey", "use_extra_folders", "user_folder", "weights_path",
]  # fmt: skip
