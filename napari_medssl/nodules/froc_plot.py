"""A picture of a free-response ROC: sensitivity against false positives a scan, with its band."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from napari_medssl.files import atomic_path
from napari_medssl.metrics import Froc
from napari_medssl.metrics.froc import RATES

_SIZE = (900, 640)
_LEFT, _TOP, _RIGHT, _BOTTOM = 90, 50, 870, 560
_INK, _GRID, _LINE, _BAND = (30, 30, 30), (215, 215, 215), (0, 90, 170), (200, 222, 242)
_NAMES = ("1/8", "1/4", "1/2", "1", "2", "4", "8")


def write_plot(path: Path, result: Froc) -> None:
    """Draw a FROC as PNG: false positives a scan on a scale of doublings, 1/8 to 8, and the bootstrap's band."""
    image = Image.new("RGB", _SIZE, "white")
    draw = ImageDraw.Draw(image)
    small, large = ImageFont.load_default(18), ImageFont.load_default(22)
    if not np.isnan(result.low).any():
        edge = [*zip(RATES, result.high, strict=True), *zip(RATES[::-1], result.low[::-1], strict=True)]
        draw.polygon([_place(*point) for point in edge], fill=_BAND)
    for rate, name in zip(RATES, _NAMES, strict=True):
        x, _ = _place(rate, 0)
        draw.line([(x, _TOP), (x, _BOTTOM)], fill=_GRID)
        draw.text((x, _BOTTOM + 10), name, _INK, small, anchor="ma")
    for tenth in range(0, 11, 2):
        _, y = _place(1, tenth / 10)
        draw.line([(_LEFT, y), (_RIGHT, y)], fill=_GRID)
        draw.text((_LEFT - 10, y), f"{10 * tenth} %", _INK, small, anchor="rm")
    draw.line([_place(float(rate), value) for rate, value in zip(*curve(result), strict=True)], fill=_LINE, width=3)
    for rate, value in zip(RATES, result.sensitivities, strict=True):
        x, y = _place(rate, float(value))
        draw.ellipse([x - 5, y - 5, x + 5, y + 5], fill=_LINE)
    draw.text(((_LEFT + _RIGHT) / 2, _BOTTOM + 45), "False positives per scan", _INK, small, anchor="ma")
    title = f"Sensitivity: CPM {100 * result.cpm:.1f} %"
    if result.cpm_low == result.cpm_low:
        title += f" (95 %: {100 * result.cpm_low:.1f} to {100 * result.cpm_high:.1f} %)"
    draw.text((_LEFT, 15), f"{title}, {result.nodules} nodules in {result.scans} scans", _INK, large)
    with atomic_path(path) as temporary:
        image.save(temporary, format="png")


def curve(result: Froc) -> tuple[list[float], list[float]]:
    """False positives a scan from 1/8 to 8 and the sensitivity at each: between thresholds as LUNA16 interpolates."""
    own = result.false_positives[(result.false_positives > RATES[0]) & (result.false_positives < RATES[-1])]
    rates = np.unique(np.concatenate([np.geomspace(RATES[0], RATES[-1], 400), own]))
    return rates.tolist(), np.interp(rates, result.false_positives, result.sensitivity).tolist()


def _place(rate: float, sensitivity: float) -> tuple[float, float]:
    share = np.log(rate / RATES[0]) / np.log(RATES[-1] / RATES[0])
    return float(_LEFT + share * (_RIGHT - _LEFT)), float(_BOTTOM - sensitivity * (_BOTTOM - _TOP))
