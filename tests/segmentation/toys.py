"""A model whose answer is known without training: bright is 7, grey is 2. And scans to try it on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from napari_medssl.models import Card, save_model
from napari_medssl.segmentation.intensities import Intensities
from napari_medssl.segmentation.load import SegmentationModel
from napari_medssl.segmentation.networks import UNet
from napari_medssl.segmentation.plan import Plan
from napari_medssl.training.facts import Scan

SPACING = (2.0, 1.0, 1.0)
LABELS = (2, 7)
GREY, BRIGHT = 2, 7


def toy_plan(patch: tuple[int, int, int] = (16, 32, 32), spacing: tuple[float, float, float] = SPACING) -> Plan:
    return Plan(
        spacing=spacing, patch=patch, kernels=((3, 3, 3),), strides=((1, 1, 1),), channels=(1,),
        intensities=Intensities(kind="scan"), labels=LABELS, names={BRIGHT: "ball"},
    )  # fmt: skip


def toy_network(plan: Plan) -> UNet:
    """Passes grey values through, and tells them apart by two thresholds."""
    network = UNet(plan).eval().requires_grad_(False)
    for conv in (network.down[0].conv1.conv, network.down[0].conv2.conv):
        conv.weight.zero_()
        conv.weight[0, 0, 1, 1, 1] = 1
    low, high, sharp = 1.3, 4.9, 20.0  # between dark and grey, and grey and bright, in the network's own scale
    network.head.weight[:] = torch.tensor([0, sharp, 2 * sharp]).reshape(3, 1, 1, 1, 1)
    network.head.bias[:] = torch.tensor([0, -low * sharp, -(low + high) * sharp])
    return network


def toy_model(plan: Plan | None = None) -> SegmentationModel:
    plan = plan or toy_plan()
    return SegmentationModel(toy_network(plan), plan, torch.device("cpu"))


def save_toy(folder: Path, name: str = "toy", **fields: object) -> Card:
    """The model as files on a shelf."""
    plan = toy_plan()
    known = {
        "name": name, "title": "Toy", "purpose": "segmentation", "summary": "Finds balls.", "trained_on": "nothing",
        "recipe": "segmentation", "settings": plan.model_dump(mode="json"),
    }  # fmt: skip
    return save_model(folder, toy_network(plan).state_dict(), **{**known, **fields})


def balls(shape: tuple[int, int, int] = (16, 32, 32), spacing: tuple[float, float, float] = SPACING) -> Scan:
    """A bright ball and a grey one on a dark ground; they lie apart, and not in the middle."""
    mm = np.stack(np.meshgrid(*((np.arange(n) + 0.5) * s for n, s in zip(shape, spacing, strict=True)), indexing="ij"))
    size = np.array(shape) * spacing
    labels = np.zeros(shape, dtype=np.uint8)
    for label, place, radius in ((BRIGHT, (0.4, 0.3, 0.3), 0.16), (GREY, (0.6, 0.7, 0.65), 0.19)):
        middle = (size * place).reshape(3, 1, 1, 1)
        labels[((mm - middle) ** 2).sum(0) < (radius * size.min()) ** 2] = label
    noise = np.random.default_rng(0).normal(0, 4, shape)
    values = np.select([labels == BRIGHT, labels == GREY], [400.0, 220.0], 100.0)
    return Scan((values + noise).astype(np.int16), spacing, labels)


@dataclass
class FewScans:
    """What a task needs of a collection, from scans in memory."""

    scans: list[Scan]
    training: tuple[int, ...] = ()
    validation: tuple[int, ...] = ()
    cases: list[object] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.training = self.training or tuple(i for i in range(len(self.scans)) if i not in self.validation)

    def __len__(self) -> int:
        return len(self.scans)

    def scan(self, index: int) -> Scan:
        return self.scans[index]

    def labelled(self, indices: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(i for i in indices if self.scans[i].labels is not None)

    def unlabelled(self, indices: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(i for i in indices if self.scans[i].labels is None)
