"""A model as one zip file: card, weights, and a page for whoever finds the file without knowing what it is.

A zip from elsewhere is read, never unpacked: its entries are found by the ends of their names, wherever they lie in it,
and nothing is written under a name that it gives.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from napari_medssl.errors import BadInput
from napari_medssl.files import atomic_path
from napari_medssl.models.card import LARGEST_CARD, Card, parse_card
from napari_medssl.models.shelf import WEIGHTS, card_text, check_weights, find_card, weights_path
from napari_medssl.models.words import in_words

README = "README.txt"
MOST_ENTRIES = 100
MOST_SQUEEZED = 50  # weights hardly get smaller by compression; what shrinks more than this many times is a trap
_DAY = (1980, 1, 1, 0, 0, 0)  # the same model makes the same file
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)


def export_model(name: str, target: str | Path) -> Path:
    """Write a model's card and weights into one zip file, which `add_model` takes back; it is written atomically.

    Raises
    ------
    BadInput
        There is no such model, it is damaged, or the file cannot be written.
    """
    target = Path(target).expanduser()
    if target.suffix.lower() != ".zip":
        raise BadInput(f"A model is exported as a zip file; give a name that ends in .zip instead of {target}.")
    card, weights = find_card(name), weights_path(name)
    check_weights(card, weights)
    try:
        with atomic_path(target) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for entry, text in ((README, _readme(card)), (f"{name}.json", card_text(card))):
                archive.writestr(zipfile.ZipInfo(entry, _DAY), text)
            with (
                open(weights, "rb") as source,
                archive.open(zipfile.ZipInfo(f"{name}{WEIGHTS}", _DAY), "w", force_zip64=card.size >= 2**31) as sink,
            ):
                while block := source.read(2**20):
                    sink.write(block)
    except OSError as error:
        raise BadInput(f"{target} cannot be written: {(error.strerror or 'it failed').lower()}.") from error
    return target


class ModelZip:
    """A zip file with one model in it, open for reading.

    Raises
    ------
    BadInput
        It is not a zip file, or holds no model or more than one; `open_weights` raises it for a broken entry.
    """

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path, self._archive = path, archive
        entries = [entry for entry in archive.infolist() if _counts(entry)]
        if len(archive.infolist()) > MOST_ENTRIES:
            raise BadInput(f"{path} holds {len(archive.infolist())} files; a model's zip holds three.")
        cards = [entry for entry in entries if entry.filename.endswith(".json")]
        weights = [entry for entry in entries if entry.filename.endswith(WEIGHTS)]
        if len(cards) != 1 or len(weights) != 1:
            raise BadInput(f"{path} is not an exported model: that holds one card (.json) and its weights ({WEIGHTS}).")
        if cards[0].file_size > LARGEST_CARD:
            raise BadInput(f"{path} is not an exported model: its card is far too large.")
        self._weights = weights[0]
        try:
            with archive.open(cards[0]) as handle:
                content = handle.read(LARGEST_CARD + 1)
        except _BROKEN as error:
            raise BadInput(_damaged(path)) from error
        self.card = parse_card(content, f"{path} ({cards[0].filename[-80:]})")
        if self._weights.file_size != self.card.size:
            raise BadInput(f"{path} is damaged: its weights have another size than its card says; export it again.")
        if self._weights.file_size > MOST_SQUEEZED * max(1, self._weights.compress_size) + 2**20:
            raise BadInput(f"{path} is not an exported model: its weights are compressed beyond belief.")

    @contextmanager
    def open_weights(self) -> Iterator[IO[bytes]]:
        """A stream of the weights' bytes."""
        try:
            with self._archive.open(self._weights) as handle:
                yield handle
        except BadInput:
            raise
        except _BROKEN as error:
            raise BadInput(_damaged(self.path)) from error


@contextmanager
def open_zip(path: Path) -> Iterator[ModelZip]:
    """Open an exported model; see `ModelZip`."""
    try:
        archive = zipfile.ZipFile(path)
    except _BROKEN as error:
        raise BadInput(f"{path} is not a zip file, or a damaged one; export the model again.") from error
    with archive:
        yield ModelZip(path, archive)


def _counts(entry: zipfile.ZipInfo) -> bool:
    # Macs put shadows of all files into the zips that they make.
    parts = PurePosixPath(entry.filename).parts
    return not entry.is_dir() and "__MACOSX" not in parts and bool(parts) and not parts[-1].startswith(".")


def _damaged(path: Path) -> str:
    return f"{path} is damaged or encrypted; export the model again."


def _readme(card: Card) -> str:
    return (
        f"A model for napari-medssl, a napari plugin. Licence: {card.licence}\n\n{in_words(card)}\n"
        f"SHA-256 of {card.name}{WEIGHTS}: {card.sha256}\n\n"
        "To use it, give this zip file to napari-medssl: Plugins > Models > Add in napari, or\n\n"
        f"    napari-medssl models add {card.name}.zip\n"
    )
