"""Validation pictures: slices side by side in a PNG file. What they show stands in their file's metadata."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from napari_medssl.files import atomic_path
from napari_medssl.training.strategy import Picture

_GAP = 4
_HEIGHT = 192  # smaller slices are enlarged by whole numbers, so that they can be seen
_CAPTIONS = "captions"


def write_pictures(folder: Path, step: int, pictures: Sequence[Picture]) -> list[str]:
    """Write pictures as ``step-000100-0.png``...; their names.

    Each panel's caption stands in the PNG's text "captions", a JSON list of [text, left, width] in pixels.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for number, picture in enumerate(pictures):
        image, captions = side_by_side(picture)
        text = PngInfo()
        text.add_text(_CAPTIONS, json.dumps(captions))
        name = f"step-{step:06d}-{number}.png"
        with atomic_path(folder / name) as temporary:
            Image.fromarray(image).save(temporary, format="png", pnginfo=text)
        names.append(name)
    return names


def read_captions(path: Path) -> list[tuple[str, int, int]]:
    """The captions of a picture: text, left edge and width in pixels."""
    with Image.open(path) as image:
        return [(str(text), int(left), int(width)) for text, left, width in json.loads(image.info.get(_CAPTIONS, "[]"))]


def side_by_side(picture: Picture) -> tuple[NDArray[np.uint8], list[tuple[str, int, int]]]:
    """The panels in a row, (height, width) grey, and where each lies."""
    height = max(panel.shape[0] for _, panel in picture.panels)
    times = max(1, _HEIGHT // height)
    columns: list[NDArray[np.uint8]] = []
    captions = []
    left = 0
    for text, panel in picture.panels:
        grey = (np.clip(np.nan_to_num(np.asarray(panel, dtype=np.float32)), 0, 1) * 255).round().astype(np.uint8)
        grey = np.pad(grey, ((0, height - grey.shape[0]), (0, 0))).repeat(times, 0).repeat(times, 1)
        captions.append((text, left, grey.shape[1]))
        columns += [grey, np.full((grey.shape[0], _GAP), 255, dtype=np.uint8)]
        left += grey.shape[1] + _GAP
    return np.concatenate(columns[:-1], axis=1), captions
