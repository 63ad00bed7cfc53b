"""Putting models on the person's own shelf, and taking them off."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from napari_medssl.errors import BadInput
from napari_medssl.files import atomic_path
from napari_medssl.models.archive import open_zip
from napari_medssl.models.card import Card, read_card
from napari_medssl.models.folders import SHIPPED, model_folders, note_change, user_folder
from napari_medssl.models.shelf import WEIGHTS, card_text, check_purpose, check_safetensors, is_name

REMOVED = "removed"
# Windows gives these to devices, whatever the ending.
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}


@dataclass(frozen=True)
class _Offer:
    """A model that is to be added: its card, and its weights as a stream."""

    card: Card
    where: str
    open_weights: Callable[[], AbstractContextManager[IO[bytes]]]


def add_model(path: str | Path, *, name: str | None = None, replace: bool = False) -> Card:
    """Copy a model onto the person's own shelf, once everything about it has been checked.

    Parameters
    ----------
    path : a card (.json) or its weights (.safetensors), an exported model (.zip), or a run's folder
    name : what to call it, instead of the name on its card
    replace : take a model of that name off the shelf first, as `remove_model` does

    Returns
    -------
    The card as it stands on the shelf.

    Raises
    ------
    BadInput
        It cannot be used, or the name is taken; the shelf is as it was.
    """
    with _offered(Path(path).expanduser()) as offer:
        card = offer.card if name is None else _renamed(offer.card, name)
        check_purpose(card, offer.where)
        folder = user_folder()
        _check_name(card.name, folder, replace)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _check_room(folder, card)
            _copy(offer, card, folder)
        except OSError as error:
            raise BadInput(f"{offer.where} cannot be added to {folder}: {_why(error)}.") from error
    note_change()
    return card


def offered_card(path: str | Path) -> Card:
    """The card of what `add_model` would take from a path; the weights are not looked at.

    Raises
    ------
    BadInput
        There is no model.
    """
    with _offered(Path(path).expanduser()) as offer:
        return offer.card


def remove_model(name: str) -> Path:
    """Take one of the person's own models off the shelf, into the folder ``removed`` beside it.

    Training a model can take days and its file is small, so that nothing is deleted here; adding the returned path
    brings it back. Deleting the folder ``removed`` is left to the person.

    Returns
    -------
    The path of the card in its new place; of the weights where there was no card.

    Raises
    ------
    BadInput
        There is no such model, or it is not the person's own.
    """
    folder = user_folder()
    plain = Path(name).name == name and not name.startswith(".")
    if plain and _is_there(folder, name):
        try:
            moved = _set_aside(folder, name)
        except OSError as error:
            raise BadInput(f"Model {name!r} cannot be removed from {folder}: {_why(error)}.") from error
        note_change()
        return moved
    for other in model_folders():
        if plain and _is_there(other, name):
            if other == SHIPPED:
                raise BadInput(f"Model {name!r} comes with napari-medssl and cannot be removed.")
            raise BadInput(f"Model {name!r} lies in {other}, which may be shared; remove its two files there.")
    raise BadInput(f"There is no model {name!r} of your own in {folder}.")


@contextmanager
def _offered(path: Path) -> Iterator[_Offer]:
    """Find out what is offered under a path, and read its card."""
    if path.is_dir():
        path = _card_in(path)
    if not path.is_file():
        raise BadInput(f"{path} does not exist; give a model's card, its weights, its zip or the folder of a run.")
    ending = path.suffix.lower()
    if ending == ".zip":
        with open_zip(path) as archive:
            yield _Offer(archive.card, str(path), archive.open_weights)
        return
    if ending not in (".json", WEIGHTS):
        raise BadInput(f"{path} is not a model: give a card (.json) with its weights ({WEIGHTS}), or a zip of both.")
    card, weights = path.with_suffix(".json"), path.with_suffix(WEIGHTS)
    for file, other in ((card, weights), (weights, card)):
        if not file.is_file():
            raise BadInput(f"{other} alone is no model: {file.name}, which belongs to it, is not beside it.")
    yield _Offer(read_card(card), str(weights), partial(_open, weights))


def _open(path: Path) -> IO[bytes]:
    return open(path, "rb")


def _card_in(folder: Path) -> Path:
    cards = [path for path in sorted(folder.glob("*.json")) if path.with_suffix(WEIGHTS).is_file()]
    if not cards:
        raise BadInput(f"{folder} holds no model; if it is a run's folder, the run has not left one yet.")
    if len(cards) > 1:
        raise BadInput(f"{folder} holds several models ({', '.join(path.stem for path in cards)}); give one's card.")
    return cards[0]


def _renamed(card: Card, name: str) -> Card:
    """A model whose title was its name is called by the new one everywhere."""
    title = name if card.title == card.name else card.title
    return card.model_copy(update={"name": name, "title": title})


def _check_name(name: str, folder: Path, replace: bool) -> None:
    if not is_name(name) or len(name) > 100 or name.endswith(".") or name.split(".")[0] in _DEVICES:
        raise BadInput(
            f"A model cannot be called {name!r}; take small letters, digits, dots and dashes, a letter or digit first."
        )
    if _is_there(SHIPPED, name):
        raise BadInput(f"Model {name!r} comes with napari-medssl; add yours under another name.")
    if _is_there(folder, name) and not replace:
        raise BadInput(f"There is a model {name!r} in {folder} already; add this one under another name or replace it.")


def _is_there(folder: Path, name: str) -> bool:
    return any((folder / f"{name}{ending}").is_file() for ending in (".json", WEIGHTS))


def _check_room(folder: Path, card: Card) -> None:
    free = shutil.disk_usage(folder).free
    if card.size > free:
        raise BadInput(f"Model {card.name!r} needs {card.size} bytes, and {folder} has {free} left; make room there.")


def _copy(offer: _Offer, card: Card, folder: Path) -> None:
    """Both files lie ready and checked under temporary names before anything that was there is touched."""
    with atomic_path(folder / f"{card.name}.json") as card_file:
        card_file.write_text(card_text(card), encoding="utf-8")
        with atomic_path(folder / f"{card.name}{WEIGHTS}") as weights:
            _copy_weights(offer, card, weights)
            check_safetensors(weights, offer.where)
            if _is_there(folder, card.name):
                _set_aside(folder, card.name)


def _copy_weights(offer: _Offer, card: Card, target: Path) -> None:
    """Copy as many bytes as the card says, and see whether they are those that it means."""
    digest, left = hashlib.sha256(), card.size + 1
    with offer.open_weights() as source, open(target, "wb") as sink:
        while block := source.read(min(2**20, left)):
            digest.update(block)
            sink.write(block)
            left -= len(block)
    if left != 1 or digest.hexdigest() != card.sha256:
        raise BadInput(f"The weights in {offer.where} are damaged or not those that the card describes.")


def _set_aside(folder: Path, name: str) -> Path:
    """Move a model into ``removed``; the card first, so that no half of it is ever on the shelf."""
    aside = folder / REMOVED
    aside.mkdir(exist_ok=True)
    free, number = name, 2
    while _is_there(aside, free):
        free, number = f"{name}-{number}", number + 1
    moved = []
    for ending in (".json", WEIGHTS):
        if (folder / f"{name}{ending}").is_file():
            os.replace(folder / f"{name}{ending}", aside / f"{free}{ending}")
            moved.append(aside / f"{free}{ending}")
    return moved[0]


def _why(error: OSError) -> str:
    return (error.strerror or "it failed").lower()
