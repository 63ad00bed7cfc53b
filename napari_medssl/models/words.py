"""A model's card as people read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from napari_medssl.models.card import PURPOSES, Card

LONGEST = 600  # characters of one line; a card from elsewhere may hold anything


def in_words(card: Card) -> str:
    """Some lines of plain text, for a tooltip or a terminal: what for, trained on what, how well, and on what terms."""
    return "\n".join(f"{title}: {text}" if title else text for title, text in card_lines(card))


def card_lines(card: Card) -> list[tuple[str, str]]:
    """(title, text) of what the card says; the first ones, without titles, are the model's name and its summary."""
    lines = [
        ("", card.title if card.title == card.name else f"{card.title} ({card.name})"),
        ("", card.summary),
        ("For", PURPOSES.get(card.purpose, card.purpose)),
        ("Trained on", card.trained_on),
        ("Training", _training(card)),
        ("Began with", ", ".join(card.parents)),
        *_metrics(card.metrics),
        ("Limits", card.limits),
        ("Licence", card.licence),
        ("Made on", card.created),
        ("Size", size_text(card.size)),
    ]
    return [(title, _short(text)) for title, text in lines if text]


def size_text(size: int) -> str:
    """Such as "940 bytes", "1.2 MB"."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size} bytes"


def _training(card: Card) -> str:
    parts = [f"recipe {card.recipe}"]
    steps, seconds, device = card.training.get("steps"), card.training.get("seconds"), card.training.get("device")
    if _number(steps):
        parts.append(f"{steps} steps")
    if _number(seconds):
        parts.append(f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h")
    if isinstance(device, str):
        parts.append(f"on {device}")
    if card.training.get("complete") is False:
        parts.append("stopped before its end")
    return ", ".join(parts)


def _metrics(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """One line for each group of numbers; numbers that stand alone make a group of their own."""
    alone = {name: value for name, value in metrics.items() if not isinstance(value, Mapping)}
    for title, group in ({"How well": alone} | {str(k): v for k, v in metrics.items() if k not in alone}).items():
        yield title, ", ".join(f"{name} {_value(value)}" for name, value in group.items())


def _value(value: Any) -> str:
    return f"{value:.4g}" if _number(value) else str(value)


def _number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
