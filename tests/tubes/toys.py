"""A tube model whose answer is known without training: what is bright is a tube of distance class 2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from napari_medssl.models import Card, save_model
from napari_medssl.tubes.load import TubeModel
from napari_medssl.tubes.model import TubePlan
from napari_medssl.tubes.networks import TubeUNet

CLASS = 2
PLAN = TubePlan(widths=(1,), classes=3, tubes="bright", window=24)
_CUT, _SHARP = 1.5, 8.0  # spreads above the mean from which on a voxel is bright


class Seen(nn.Module):
    """Answers voxel by voxel, and keeps the shapes of the blocks that it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, x: Tensor, pause: Callable[[], None] = lambda: None) -> Tensor:
        pause()
        self.shapes.append(tuple(x.shape[2:]))
        sizes = torch.full((1, PLAN.classes + 1, *x.shape[2:]), -30.0)
        sizes[:, CLASS] = 30.0
        return torch.cat([_SHARP * (x - _CUT), sizes], 1)


def toy_model(**plan: object) -> TubeModel:
    return TubeModel(Seen().eval(), PLAN.model_copy(update=plan), torch.device("cpu"))


def save_toy(folder: Path, name: str = "toy", **fields: object) -> Card:
    """A model of the same answer as files on a shelf, with a real network."""
    network = TubeUNet(PLAN).eval().requires_grad_(False)
    for conv in (network.down[0].conv1.conv, network.down[0].conv2.conv):
        conv.weight.zero_()
        conv.weight[0, 0, 1, 1, 1] = 1
    network.head.weight[:] = torch.tensor([_SHARP, 0, 0, 0, 0]).reshape(-1, 1, 1, 1, 1)
    network.head.bias[:] = torch.tensor([-_SHARP * _CUT, -30.0, -30.0, 30.0, -30.0])
    known = {
        "name": name, "title": "Toy", "purpose": "tubes", "summary": "Finds what is bright.", "trained_on": "nothing",
        "recipe": "ddt", "settings": PLAN.model_dump(mode="json"),
    }  # fmt: skip
    return save_model(folder, network.state_dict(), **{**known, **fields})


def rods(shape: tuple[int, int, int] = (24, 40, 40)) -> np.ndarray:
    """A bright rod along x and a dark one along y on a grey ground, int16."""
    z, y, x = np.ogrid[: shape[0], : shape[1], : shape[2]]
    scan = np.full(shape, 40, dtype=np.int16) + np.random.default_rng(0).integers(-3, 4, shape).astype(np.int16)
    scan[((z - shape[0] // 3) ** 2 + (y - shape[1] // 2) ** 2 + 0 * x) <= 9] = 300
    scan[((z - 2 * shape[0] // 3) ** 2 + (x - shape[2] // 2) ** 2 + 0 * y) <= 9] = -400
    return scan
