"""The task of plain segmentation: structures drawn in some scans are found in others.

What is random in a sample is a function of (seed, step, index). Sampling (`patches`), disturbing (`augmentation`), loss
(`losses`), decoding (`inference`) and judging (`judging`) stand on their own, for strategies that combine them anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, device, nn

from napari_medssl.errors import BadInput
from napari_medssl.segmentation import survey
from napari_medssl.segmentation.augmentation import disturb
from napari_medssl.segmentation.judging import judge
from napari_medssl.segmentation.losses import overlap_terms
from napari_medssl.segmentation.networks import UNet
from napari_medssl.segmentation.patches import Deformation, cut, draw_centre
from napari_medssl.segmentation.plan import Plan, make_plan
from napari_medssl.training.collection import Collection
from napari_medssl.training.randomness import generator
from napari_medssl.training.strategy import Batch, Moment, Term, Validation

if TYPE_CHECKING:
    from napari_medssl.segmentation.recipe import SegmentationSettings

_DRAW, _CHANGE = 21, 22  # keys of random numbers with different uses
_OF_TRAINING = ", training scans"


class Segmentation:
    """Learn from labelled scans; those without labels are left alone.

    Attributes
    ----------
    plan : how the network fits the scans, made from those to train on
    labelled, validation : indices of the scans to learn from and to validate on
    """

    def __init__(self, settings: SegmentationSettings, collection: Collection) -> None:
        self.settings, self.collection = settings, collection
        self.labelled = collection.labelled(collection.training)
        looked = {index: survey.look_at(survey.aligned(collection, index)) for index in self.labelled}
        if not any(found.places for found in looked.values()):
            raise BadInput(
                "None of the scans to train on has a label drawn in it; put label maps of the same names as the scans"
                " into the folder labels."
            )
        self.found = looked
        self.validation = collection.labelled(collection.validation)
        self.plan = self._plan()
        self.scales = survey.scales(collection, self.labelled, self.plan.intensities)
        strong = settings.augmentation == "usual"
        self.deformation = Deformation(
            turn=np.radians(20) if strong else 0.0, size=1.2 if strong else 1.0, mirror=settings.mirror
        )
        self.network: nn.Module = UNet(self.plan)

    def __getstate__(self) -> dict[str, Any]:
        """What goes to the processes that prepare samples: all but the network."""
        return {**self.__dict__, "network": None}

    def _plan(self) -> Plan:
        settings, found = self.settings, list(self.found.values())
        labels = tuple(sorted({label for one in found for label in one.places}))
        unknown = set(settings.names()) - set(labels)
        if unknown:
            raise BadInput(f"label_names names label {min(unknown)}, which no scan to train on has (only {labels}).")
        return make_plan(
            [one.shape for one in found], [one.spacing for one in found],
            labels=labels, intensities=survey.scaling(found), size=settings.network,
            side=settings.side, most_voxels=settings.megavoxels * 1e6, names=settings.names(),
        )  # fmt: skip

    def batch(self, step: int, indices: Sequence[int]) -> Batch:
        """Patches: "images" (n, 1, z, y, x) scaled grey values, "labels" (n, z, y, x) numbers of outputs."""
        drawn = [self.sample(step, index) for index in indices]
        return {
            "images": torch.stack([image for image, _ in drawn])[:, None],
            "labels": torch.stack([labels for _, labels in drawn]),
        }

    def sample(self, step: int, index: int) -> tuple[Tensor, Tensor]:
        """The sample at a place of a step's whole batch: grey values and outputs' numbers, both (z, y, x)."""
        rng = generator(self.settings.seed, _DRAW, step, index)
        place = self.labelled[int(rng.integers(len(self.labelled)))]
        scan, found, plan = survey.aligned(self.collection, place), self.found[place], self.plan
        matrix = self.deformation.draw(rng, plan.spacing)
        reach = (np.array(plan.patch) - 1) / 2 * np.array(plan.spacing) / np.array(scan.spacing)
        centre = draw_centre(rng, found.shape, found.places, self.settings.foreground, reach)
        image, labels = cut(scan, self.scales[place], plan, centre, matrix)
        if self.settings.augmentation == "usual":
            key = generator(self.settings.seed, _CHANGE, step, index).integers(2**32)
            image = disturb(image, int(key))
        return image, labels

    def loss(self, network: nn.Module, batch: Batch, moment: Moment) -> Sequence[Term]:
        """Dice and cross-entropy."""
        return overlap_terms(network(batch["images"]), batch["labels"])

    def validate(self, network: nn.Module, on: device) -> Validation | None:
        """Dice on scans kept back; on a few training scans, which choose no best model, where none is."""
        if self.validation:
            places = self.validation[: self.settings.judged]
            return judge(network, self.plan, (survey.aligned(self.collection, i) for i in places), on)
        places = self.labelled[: min(2, self.settings.judged)]
        scans = (survey.aligned(self.collection, i) for i in places)
        found = judge(network, self.plan, scans, on, note=_OF_TRAINING)
        return None if found is None else Validation(found.metrics, None, found.pictures)

    def card(self) -> dict[str, Any]:
        labels = ", ".join(f"{label} {self.plan.names.get(label, '')}".strip() for label in self.plan.labels)
        return {
            "title": self.settings.name,
            "purpose": "segmentation",
            "summary": f"Finds what was drawn in the scans it was trained on (labels: {labels}).",
            "trained_on": f"{len(self.labelled)} labelled scans of the person's own.",
            "settings": self.plan.model_dump(mode="json"),
        }
