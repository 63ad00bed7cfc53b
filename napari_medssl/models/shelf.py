"""The model shelf: what stands in the folders that hold models, and how it is taken down and put up."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_medssl.errors import BadInput
from napari_medssl.files import atomic_path, write_text
from napari_medssl.models.card import NAME, PURPOSES, Card, read_card, sha256
from napari_medssl.models.folders import SHIPPED, model_folders, note_change, user_folder

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = ".safetensors"
_OF_A_RUN = "events.jsonl"  # beside it lie weights that are no models: checkpoints


@dataclass(frozen=True)
class Entry:
    """What the shelf found under one name in one folder.

    Attributes
    ----------
    path : of the card, which may be missing
    where : "own", "extra" (in a folder that is only read) or "shipped"
    card : None where it cannot be read
    trouble : why it cannot be used, a sentence; empty where nothing is known against it
    hides : the folder of a model of the same name that is not used because of this one
    hidden : whether it is not used itself because of one in another folder
    """

    name: str
    path: Path
    where: Literal["own", "extra", "shipped"]
    card: Card | None
    trouble: str = ""
    hides: Path | None = None
    hidden: bool = False

    @property
    def weights(self) -> Path:
        return self.path.with_suffix(WEIGHTS)


def survey() -> list[Entry]:
    """Everything that lies in the model folders, shipped ones first; what cannot be used too, with the reason.

    The weights are looked at but not read; `check_weights` does that.
    """
    first: dict[str, Entry] = {}
    others: list[Entry] = []
    for folder in reversed(model_folders()):  # the person's own come last and take the place of others
        for path in _cards_in(folder):
            name = path.stem
            other = first.get(name)
            first[name] = _look_at(path, other.path.parent if other else None)
            if other is not None:
                others.append(Entry(other.name, other.path, other.where, other.card, other.trouble, hidden=True))
    return [*first.values(), *others]


def list_cards(purpose: str | None = None) -> list[Card]:
    """The cards of all models that can be used, shipped ones first, each name once."""
    cards = [entry.card for entry in survey() if entry.card is not None and not entry.trouble and not entry.hidden]
    return [card for card in cards if purpose is None or card.purpose == purpose]


def find_card(name: str) -> Card:
    """The card of a model.

    Raises
    ------
    BadInput
        There is no such model, or its card cannot be used.
    """
    path = _card_path(name)
    card = read_card(path)
    if card.name != name:
        raise BadInput(_misnamed(path, card))
    return card


def weights_path(name: str) -> Path:
    """The weights file of a model, which lies beside its card."""
    return _card_path(name).with_suffix(WEIGHTS)


def load_weights(name: str) -> tuple[Card, dict[str, Tensor]]:
    """A model's card and its tensors (on the CPU), checked against the card's checksum.

    Raises
    ------
    BadInput
        There is no such model, or its file is missing, damaged or not the one that the card describes.
    """
    from safetensors.torch import load_file

    card, path = find_card(name), weights_path(name)
    check_weights(card, path)
    return card, load_file(path)


def check_weights(card: Card, path: Path) -> None:
    """Read a weights file and see whether it is the one that the card describes.

    Raises
    ------
    BadInput
        It is missing, damaged, another one, or not a safetensors file.
    """
    if not path.is_file():
        raise BadInput(f"The weights of model {card.name!r} are missing: {path} does not exist.")
    if path.stat().st_size != card.size or sha256(path) != card.sha256:
        raise BadInput(
            f"The weights file {path} is damaged or not the one its card describes (sha256 differs); add it again."
        )
    check_safetensors(path, str(path))


def check_safetensors(path: Path, where: str) -> None:
    """See whether a file is whole and of the right kind, without reading its tensors; `where` is its name for people.

    Raises
    ------
    BadInput
        It is not a safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):
            pass
    except (SafetensorError, OSError) as error:
        raise BadInput(f"The weights file {where} is not a safetensors file; add the model again.") from error


def save_model(folder: Path, tensors: Mapping[str, Tensor], **fields: Any) -> Card:
    """Write a model's weights and card into a folder, each atomically, the card last.

    `fields` are those of `Card` without size and sha256.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{fields['name']}{WEIGHTS}"
    with atomic_path(path) as temporary:
        save_file({key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}, temporary)
    card = Card(**{"created": today(), **fields}, size=path.stat().st_size, sha256=sha256(path))
    write_text(path.with_suffix(".json"), card_text(card))
    note_change()
    return card


def card_text(card: Card) -> str:
    """What stands in the card's file."""
    return card.model_dump_json(indent=2) + "\n"


def today() -> str:
    """The day (UTC), as cards note it."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def where_is(folder: Path) -> Literal["own", "extra", "shipped"]:
    """Whose folder it is, of those in `model_folders`."""
    return "own" if folder == user_folder() else "shipped" if folder == SHIPPED else "extra"


def is_name(name: str) -> bool:
    """Whether a model may be called so."""
    return re.fullmatch(NAME, name) is not None


def _card_path(name: str) -> Path:
    for folder in model_folders():
        path = folder / f"{name}.json"
        if Path(name).name == name and path.is_file():
            return path
    known = ", ".join(card.name for card in list_cards()) or "none"
    raise BadInput(f"There is no model {name!r}; the models here are: {known}.")


def _cards_in(folder: Path) -> list[Path]:
    """The paths of cards, those included that are missing beside weights or cannot be read."""
    try:
        names = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:  # not there, or not to be read
        return []
    cards = {path for path in names if path.suffix == ".json" and _meant_as_card(path)}
    if not (folder / _OF_A_RUN).exists():
        cards |= {path.with_suffix(".json") for path in names if path.suffix == WEIGHTS}
    return sorted(cards)


def _meant_as_card(path: Path) -> bool:
    """Whether a JSON file is a card, perhaps a damaged one, and not something else, such as a run's settings."""
    if path.with_suffix(WEIGHTS).is_file():
        return True
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return True
    return isinstance(content, dict) and bool({"purpose", "sha256"} & content.keys())


def _look_at(path: Path, hides: Path | None) -> Entry:
    card, trouble = None, ""
    try:
        if not path.exists():
            raise BadInput(f"{path.with_suffix(WEIGHTS)} has no card beside it, {path.name}, to say what it is.")
        card = read_card(path)
        if card.name != path.stem:
            raise BadInput(_misnamed(path, card))
        check_purpose(card, str(path))
        weights = path.with_suffix(WEIGHTS)
        if not weights.is_file():
            raise BadInput(f"Its weights are missing: {weights} does not exist.")
        if weights.stat().st_size != card.size:
            raise BadInput(f"The weights file {weights} is not the one its card describes: it has another size.")
    except BadInput as error:
        trouble = str(error)
    return Entry(path.stem, path, where_is(path.parent), card, trouble, hides)


def check_purpose(card: Card, where: str) -> None:
    """Refuse a model that no tool of this version can use.

    Raises
    ------
    BadInput
        Its purpose is not known here.
    """
    if card.purpose not in PURPOSES:
        raise BadInput(f"{where} is for {card.purpose!r}, which this version of napari-medssl does not know; update.")


def _misnamed(path: Path, card: Card) -> str:
    return f"{path} is the card of a model called {card.name!r}; give the card and its weights that name again."
