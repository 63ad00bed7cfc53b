"""The task of the deep distance transform: voxels of tubes, and how far inside they lie.

What is random in a sample is a function of (seed, step, index).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, device, nn

from napari_medssl.errors import BadInput
from napari_medssl.training.collection import Collection
from napari_medssl.training.randomness import generator
from napari_medssl.training.strategy import Batch, Moment, Term, Validation
from napari_medssl.tubes.learning.judging import judge_made, judge_scans
from napari_medssl.tubes.learning.losses import (
    balanced_cross_entropy,
    cldice_loss,
    distance_loss,
    overlap_loss,
    skeleton_recall_loss,
)
from napari_medssl.tubes.learning.patches import Known, drawn_shapes, know, largest_class, own_sample
from napari_medssl.tubes.learning.samples import Sample, ShapePool, jitter, made_sample
from napari_medssl.tubes.learning.shapes import Shapes, make_shapes
from napari_medssl.tubes.learning.skeletons import thick_skeleton
from napari_medssl.tubes.model import WIDTHS, TubePlan
from napari_medssl.tubes.networks import build_network, settle

if TYPE_CHECKING:
    from napari_medssl.tubes.learning.recipe import DDTSettings

_DRAW, _SHAPES, _JUDGED = 51, 52, 53  # keys of random numbers with different uses
_MADE_JUDGED = 12
_MOST_CLASSES = 24
_SETTLED = 0.4  # share of the training after which norms stay as they are
_COARSER = 0.5  # weight of each coarser answer of a network that is supervised at every resolution, against the finer


class TubesTask:
    """Learn tubes from labelled scans and made samples.

    Attributes
    ----------
    plan : the network and how it is used
    labelled, validation : indices of the scans to learn from and to validate on
    """

    def __init__(self, settings: DDTSettings, collection: Collection) -> None:
        self.settings, self.collection = settings, collection
        self.labelled = collection.labelled(collection.training)
        self.validation = collection.labelled(collection.validation)
        self.plan = TubePlan(
            architecture=settings.architecture, widths=WIDTHS[settings.network], window=float(settings.side),
            close_up=settings.close_up,
            tubes="bright" if settings.synthetic == 1 else "own",
        )  # fmt: skip
        self.known: dict[int, Known] = {
            index: know(collection, index, self.plan, settings.label) for index in self.labelled
        }
        self.known = {index: known for index, known in self.known.items() if len(known.places)}
        if not self.known:
            what = f"label {settings.label}" if settings.label else "a label"
            raise BadInput(
                f"None of the scans to train on has {what} drawn in it; put label maps of the same names as the scans"
                " into the folder labels."
            )
        self.plan = self.plan.model_copy(update={"classes": self._classes()})
        make = partial(_shapes, settings, collection, self.known)
        self.pool = ShapePool(settings.trees, make)
        self.network: nn.Module = build_network(self.plan)

    def __getstate__(self) -> dict[str, Any]:
        """What goes to the processes that prepare samples: all but the network."""
        return {**self.__dict__, "network": None}

    def _classes(self) -> int:
        """K: the largest rounded radius in what is trained on."""
        made = round(self.settings.largest) if self.settings.synthetic and self.settings.drawn < 1 else 1
        drawn = [
            largest_class(self.collection, index, known, self.settings.label)
            for index, known in self.known.items()
            if self.settings.synthetic < 1
        ]
        return min(_MOST_CLASSES, max([made, 1, *drawn]))

    def batch(self, step: int, indices: Sequence[int]) -> Batch:
        """Cubes: "images" scaled grey values (n, windows, z, y, x); (n, z, y, x) "truth" booleans, "classes" of
        distance, and "skeletons" where the loss needs them."""
        drawn = [self.sample(step, index) for index in indices]
        batch = {
            "images": torch.from_numpy(np.stack([sample.image for sample in drawn])),
            "truth": torch.from_numpy(np.stack([sample.truth for sample in drawn])),
            "classes": torch.from_numpy(np.stack([sample.classes for sample in drawn])),
        }
        if self.settings.loss == "skeleton":
            batch["skeletons"] = torch.from_numpy(np.stack([thick_skeleton(sample.truth) for sample in drawn]))
        return batch

    def sample(self, step: int, index: int) -> Sample:
        """The sample at a place of a step's whole batch."""
        settings = self.settings
        rng = generator(settings.seed, _DRAW, step, index)
        if rng.random() < settings.synthetic:
            found = self.made(rng, int(rng.integers(len(self.pool))))
        else:
            place = list(self.known)[int(rng.integers(len(self.known)))]
            found = own_sample(
                rng, self.collection, place, self.known[place], self.plan, side=settings.side,
                share=settings.foreground, label=settings.label, vary=True,
            )  # fmt: skip
        return Sample(jitter(rng, found.image), found.truth, found.classes)

    def made(self, rng: np.random.Generator, index: int) -> Sample:
        """A rendered sample of a box of the pool."""
        return made_sample(
            rng, self.pool[index], self.settings.side, largest_class=self.plan.classes, stretch=self.plan.anisotropy,
            windows=self.plan.windows,
        )  # fmt: skip

    def loss(self, network: nn.Module, batch: Batch, moment: Moment) -> Sequence[Term]:
        """The mask's loss, formula (3) or another, and the distance loss (4)."""
        if moment.done >= _SETTLED:
            settle(network)
        answers = network(batch["images"])
        answers = answers if isinstance(answers, list) else [answers]
        weights = [_COARSER**level for level in range(len(answers))]
        terms: dict[str, Tensor] = {}
        for answer, weight in zip(answers, weights, strict=True):
            for name, value in self._terms(answer, batch).items():
                terms[name] = terms.get(name, torch.zeros_like(value)) + value * weight / sum(weights)
        weighed = {"radii": self.settings.distance_weight}
        samples = len(batch["images"])
        return [Term(name, value, samples, weighed.get(name, 1.0)) for name, value in terms.items()]

    def _terms(self, answer: Tensor, batch: Batch) -> dict[str, Tensor]:
        settings, logits, truth = self.settings, answer[:, 0], batch["truth"]
        if settings.loss == "balanced":
            terms = {"balanced cross-entropy": balanced_cross_entropy(logits, truth)}
        else:
            terms = {"overlap": overlap_loss(logits, truth)}
        if settings.loss == "cldice":
            terms["clDice"] = cldice_loss(logits, truth)
        if settings.loss == "skeleton":
            terms["skeleton recall"] = skeleton_recall_loss(logits, batch["skeletons"])
        terms["radii"] = distance_loss(
            answer[:, 1:], batch["classes"], truth, far_off=settings.far_off, skip_surface=settings.skip_surface
        )
        return terms

    def validate(self, network: nn.Module, on: device) -> Validation | None:
        """Dice and clDice on scans kept back; on made samples where none is."""
        if self.validation:
            places = self.validation[: self.settings.judged]
            return judge_scans(network, self.plan, self.collection, places, self.settings.label, on)
        samples = []
        for index in range(_MADE_JUDGED):
            rng = generator(self.settings.seed, _JUDGED, index)
            shapes = make_shapes(rng, self.settings.side * 3 // 2, largest=self.settings.largest)
            pool = ShapePool(1, partial(_same, shapes))
            samples.append(made_sample(
                rng, pool[0], self.settings.side, largest_class=self.plan.classes, stretch=1.0,
                windows=self.plan.windows,
            ))  # fmt: skip
        found = judge_made(network, samples, on)
        return Validation(found.metrics, None, found.pictures)  # too few and too easy to choose a model by

    def card(self) -> dict[str, Any]:
        scans = f"{len(self.known)} labelled scans of the person's own"
        return {
            "title": self.settings.name,
            "purpose": "tubes",
            "summary": "Finds tubes like those drawn in the scans it was trained on, and their radii.",
            "trained_on": f"{scans}; random trees made by the project." if self.settings.synthetic else f"{scans}.",
            "settings": self.plan.model_dump(mode="json"),
        }


def _shapes(settings: DDTSettings, collection: Collection, known: dict[int, Known], index: int) -> Shapes:
    """The box of a number: of random trees, or of tubes drawn in the scans."""
    rng = generator(settings.seed, _SHAPES, index)
    side = settings.side * 3 // 2
    if known and rng.random() < settings.drawn:
        place = list(known)[int(rng.integers(len(known)))]
        return drawn_shapes(rng, collection, place, known[place], side=side, label=settings.label)
    return make_shapes(rng, side, largest=settings.largest)


def _same(shapes: Shapes, index: int) -> Shapes:
    return shapes
