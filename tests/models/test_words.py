"""Cards in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_medssl.models import Card, card_lines, find_card, in_words, list_cards
from napari_medssl.models.words import LONGEST, size_text
from tests.models.conftest import FIELDS, Make


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1 kB"), (1_154_048, "1.15 MB"), (2 * 10**9, "2 GB")],
)
def test_sizes(size: int, words: str) -> None:
    assert size_text(size) == words


def test_a_card_in_words(shelf: Path, make: Make) -> None:
    make(
        shelf, parents=["default"], created="2026-11-21", limits="Few.",
        training={"steps": 1200, "seconds": 600.0, "device": "cuda:0", "complete": False},
        metrics={"loss": 0.25, "validation": {"dice": 0.91234, "best": True}},
    )  # fmt: skip
    assert in_words(find_card("mine")).splitlines() == [
        "Mine (mine)",
        "A test.",
        "For: carrying drawn slices through a scan",
        "Trained on: nothing",
        "Training: recipe none, 1200 steps, 10 min, on cuda:0, stopped before its end",
        "Began with: default",
        "How well: loss 0.25",
        "validation: dice 0.9123, best True",
        "Limits: Few.",
        "Licence: BSD-3-Clause",
        "Made on: 2026-11-21",
        f"Size: {size_text(find_card('mine').size)}",
    ]


def test_cards_say_nothing_of_what_they_do_not_know(shelf: Path) -> None:
    for card in list_cards():
        titles = dict(card_lines(card))
        assert ("Began with" in titles) == bool(card.parents)
        assert "Made on" not in titles or card.created
        assert card.trained_on.startswith(titles["Trained on"][:100])


def test_a_card_from_elsewhere_cannot_fill_the_screen() -> None:
    card = Card(**(FIELDS | {"summary": "word\n" * 10_000, "metrics": {"a": {"b": "c" * 10**5}}}), size=1, sha256="")
    assert all(len(text) <= LONGEST and "\n" not in text for _, text in card_lines(card))
