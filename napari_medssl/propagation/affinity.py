"""Windowed affinity: each pixel of one slice as a weighted copy of the pixels near it in another.

Source: Yeung, Namburete, Xie, "Sli2Vol", MICCAI 2021, equations 1 and 2. The slice is cut into small tiles; the matches
between a tile and the window around it are one matrix product. That is several times quicker on a CPU than visiting the
window offset by offset, and needs no copy of the features for each of the (2 radius + 1)^2 offsets.
"""

from collections.abc import Callable
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_medssl.errors import Cancelled

TILE = 8
# Logits held at a time when no gradient is needed: on a CPU as many as its caches hold (2 MB), which halves the time; a
# graphics card wants much at once (64 MB).
_LOGITS_AT_ONCE = {"cpu": 500_000}
_LOGITS_ELSEWHERE = 16_000_000
# Finite, so that a query in the padding, which sees nothing at all, gives a number (and is cut off) instead of nan.
_NEVER = -1e9


def copy_by_affinity(
    query: Tensor,
    key: Tensor,
    values: Tensor,
    radius: int,
    *,
    temperature: float = 1.0,
    top: int = 0,
    zero_padding: bool = False,
    cancelled: Callable[[], bool] | None = None,
) -> Tensor:
    """Fill a slice with a softmax-weighted copy of another slice's values (equation 1).

    Parameters
    ----------
    query, key : (batch, channels, height, width) features of the slice to fill and of the slice to copy from
    values : (batch, maps, height, width) what is copied: intensities or one-hot labels
    radius : half the side of the window, in feature pixels
    temperature : divides the dot products
    top : copy only from this many best matches; 0 copies from the whole window
    zero_padding : what lies outside the image gets a logit of 0 and the value 0, as in the published code, so that it
        takes part in the softmax; by default it takes none
    cancelled : polled between bands of tiles; when it answers True, `Cancelled` is raised

    Returns
    -------
    (batch, maps, height, width)
    """
    _, _, height, width = query.shape
    below, right = -height % TILE, -width % TILE
    span = TILE + 2 * radius
    padding = (radius, radius + right, radius, radius + below)
    inside = F.pad(torch.ones(1, 1, height, width, device=query.device), padding)
    query = F.pad(query, (0, right, 0, below))
    key, values = F.pad(key, padding), F.pad(values, padding)

    bands = (height + below) // TILE
    per_band = query.shape[0] * (query.shape[3] // TILE) * TILE**2 * span**2
    at_once = _LOGITS_AT_ONCE.get(query.device.type, _LOGITS_ELSEWHERE)
    bands_at_once = bands if torch.is_grad_enabled() else max(1, at_once // per_band)
    filled = []
    for first in range(0, bands, bands_at_once):
        if cancelled is not None and cancelled():
            raise Cancelled
        count = min(bands_at_once, bands - first)
        rows = slice(first * TILE, (first + count) * TILE)
        reach = slice(rows.start, rows.stop + 2 * radius)
        filled.append(
            _copy_band(
                query[:, :, rows], key[:, :, reach], values[:, :, reach], inside[:, :, reach],
                radius=radius, temperature=temperature, top=top, zero_padding=zero_padding,
            )
        )  # fmt: skip
    return torch.cat(filled, dim=2)[..., :height, :width]


def _copy_band(
    query: Tensor, key: Tensor, values: Tensor, inside: Tensor,
    *, radius: int, temperature: float, top: int, zero_padding: bool,
) -> Tensor:  # fmt: skip
    span = TILE + 2 * radius
    queries = _tiles(query / temperature, TILE).transpose(-1, -2)  # (batch, tiles, TILE^2, channels)
    logits = queries @ _tiles(key, span)  # (batch, tiles, TILE^2, span^2)
    logits += _window_bias(radius, query.device)
    if not zero_padding:
        logits += (_tiles(inside, span) - 1) * -_NEVER
    if top:
        logits = logits.masked_fill(logits < logits.topk(top, dim=-1).values[..., -1:], -torch.inf)
    copied = torch.softmax(logits, dim=-1) @ _tiles(values, span).transpose(-1, -2)
    batch, maps, height, width = values.shape[0], values.shape[1], query.shape[2], query.shape[3]
    folded = copied.reshape(batch, height // TILE, width // TILE, TILE, TILE, maps)
    return folded.permute(0, 5, 1, 3, 2, 4).reshape(batch, maps, height, width)


def _tiles(maps: Tensor, side: int) -> Tensor:
    """Overlapping squares of `side`, TILE apart: (batch, maps, h, w) -> (batch, tiles, maps, side^2)."""
    squares = maps.unfold(2, side, TILE).unfold(3, side, TILE)  # (batch, maps, rows, columns, side, side)
    batch, channels, rows, columns = squares.shape[:4]
    return squares.permute(0, 2, 3, 1, 4, 5).reshape(batch, rows * columns, channels, side * side)


@lru_cache(maxsize=16)
def _window_bias(radius: int, device: torch.device) -> Tensor:
    """(TILE^2, span^2): 0 where a key lies in the window of a query, as good as minus infinity elsewhere."""
    here = torch.arange(TILE) + radius
    there = torch.arange(TILE + 2 * radius)
    near = (here[:, None] - there[None, :]).abs() <= radius
    both = near[:, None, :, None] & near[None, :, None, :]
    with torch.inference_mode(False):  # it is kept, and training may be the next to use it
        bias = torch.zeros(both.shape).masked_fill(~both, _NEVER)
        return bias.reshape(TILE**2, -1).to(device)
