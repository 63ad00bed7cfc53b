"""How well a detector in training does: LUNA16's score on scans kept back, and pictures to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import device, nn

from napari_medssl.errors import BadInput
from napari_medssl.metrics.froc import RATES, froc
from napari_medssl.nodules.inference import find_balls
from napari_medssl.nodules.learning.scans import Known
from napari_medssl.nodules.load import DetectorModel
from napari_medssl.nodules.model import NodulePlan
from napari_medssl.training.collection import Scan
from napari_medssl.training.strategy import Picture, Validation

_LEAST = 0.02  # marks below this score are not looked at
_PICTURES = 3

Floats = NDArray[np.float32]


def judge(network: nn.Module, plan: NodulePlan, scans: Sequence[tuple[Scan, Known]], on: device) -> Validation | None:
    """CPM and the sensitivity at one false positive a scan; None where the scans have no nodules."""
    marks: dict[str, Floats] = {}
    truth: dict[str, NDArray[np.float64]] = {}
    irrelevant: dict[str, NDArray[np.float64]] = {}
    pictures: list[Picture] = []
    model = DetectorModel(network, plan, on)
    for number, (scan, known) in enumerate(scans):
        name = str(number)
        balls, scores = find_balls(
            model, scan.array, scan.spacing, known.where, known.cell, least=_LEAST, offset=known.offset
        )
        marks[name] = np.concatenate([balls[:, :3], scores[:, None]], axis=1)
        truth[name], irrelevant[name] = in_mm(known.nodules, known), in_mm(known.irrelevant, known)
        if len(known.nodules) and len(pictures) < _PICTURES:
            pictures.append(picture_of(plan, scan, known, balls, scores))
    try:
        found = froc(marks, truth, list(marks), irrelevant=irrelevant, bootstraps=0)
    except BadInput:  # no nodule in any of them
        return None
    at_one = float(found.sensitivities[RATES.index(1.0)])
    return Validation({"CPM": found.cpm, "found at 1 false mark per scan": at_one}, found.cpm, pictures)


def in_mm(balls: NDArray[np.floating], known: Known) -> NDArray[np.float64]:
    """Balls (k, 4) with their middles in mm from the scan's first voxel in place of voxels."""
    return np.concatenate([balls[:, :3] * known.spacing, balls[:, 3:]], axis=1)


def picture_of(plan: NodulePlan, scan: Scan, known: Known, balls: Floats, scores: Floats) -> Picture:
    """The slice through the largest nodule: the scan, what was marked, what is found."""
    truth = in_mm(known.nodules, known)
    middle = truth[int(truth[:, 3].argmax()), 0]
    z = int(np.clip(round(middle / scan.spacing[0]), 0, len(scan.array) - 1))
    grey = plan.scale(scan.array[z] + np.float32(known.offset))
    sure = scores >= plan.threshold
    panels = [("scan", grey)]
    for caption, these in (("marked", truth), ("found", balls[sure])):
        panels.append((caption, _ringed(grey, these, z * scan.spacing[0], scan.spacing)))
    return Picture(tuple(panels))


def _ringed(grey: Floats, balls: NDArray[np.floating], height: float, spacing: Sequence[float]) -> Floats:
    """A slice with a white ring around every ball that it cuts."""
    picture = grey * np.float32(0.8)
    y, x = np.ogrid[: grey.shape[0], : grey.shape[1]]
    for ball in balls:
        rest = (ball[3] / 2 + 1.5) ** 2 - (height - ball[0]) ** 2
        if rest > 0:
            away = np.sqrt((y * spacing[1] - ball[1]) ** 2 + (x * spacing[2] - ball[2]) ** 2)
            picture[np.abs(away - np.sqrt(rest)) < max(spacing[1:]) * 0.6] = 1
    return picture
