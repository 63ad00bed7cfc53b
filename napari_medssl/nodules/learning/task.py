"""The task of finding nodules: which anchors lie on one, where it is and how large.

What is random in a sample is a function of (seed, step, index).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import device, nn

from napari_medssl.errors import BadInput
from napari_medssl.nodules.anchors import flatten
from napari_medssl.nodules.annotations import Annotated
from napari_medssl.nodules.learning.assignment import Targets, assign
from napari_medssl.nodules.learning.judging import judge
from napari_medssl.nodules.learning.losses import placing_loss, scoring_loss
from napari_medssl.nodules.learning.patches import Patch, draw_patch
from napari_medssl.nodules.learning.scans import Known, annotations_of, know
from napari_medssl.nodules.model import WIDTHS, NodulePlan
from napari_medssl.nodules.networks import build_network
from napari_medssl.training.collection import Collection
from napari_medssl.training.randomness import generator
from napari_medssl.training.splits import split_patients
from napari_medssl.training.strategy import Batch, Moment, Term, Validation

if TYPE_CHECKING:
    from napari_medssl.nodules.learning.recipe_settings import NodulesSettings

_DRAW = 61  # key of random numbers
_OBJECTS = 6  # nodules of a patch that are told to strategies
NO_NODULES = (
    "None of the scans to train on has a nodule marked in it; put annotations.csv and seriesuids.csv, in LUNA16's form,"
    " beside the folder images. A seriesuid is an image file's name without its extension."
)
_FEATURES = {"small": 32, "medium": 64}


class NodulesTask:
    """Learn nodules from annotated scans.

    Attributes
    ----------
    plan : the network and how it is used
    known : what is known of the scans to train on, by their index
    labelled, unlabelled, validation : indices of scans with and without annotations to learn from, and of those to
        validate on
    """

    def __init__(self, settings: NodulesSettings, collection: Collection) -> None:
        self.settings, self.collection = settings, collection
        annotated = annotations_of(collection.cases)
        told = [annotated[case.name] for case in collection.cases]
        self.labelled, self.unlabelled, self.validation = _split(collection, told, settings)
        wanted = (*self.labelled, *self.unlabelled, *self.validation)
        self.known: dict[int, Known] = {index: know(collection, index, told[index]) for index in wanted}
        if not any(len(self.known[index].nodules) for index in self.labelled):
            raise BadInput(NO_NODULES)
        self.plan = NodulePlan(widths=WIDTHS[settings.network], features=_FEATURES[settings.network])
        if settings.side % self.plan.multiple:
            raise BadInput(f"Setting side must be a multiple of {self.plan.multiple}, not {settings.side}.")
        self.network: nn.Module = build_network(self.plan)

    def __getstate__(self) -> dict[str, Any]:
        """What goes to the processes that prepare samples: all but the network."""
        return {**self.__dict__, "network": None}

    @property
    def counts(self) -> dict[str, int]:
        """How many scans have annotations, of those to train on and to validate on, and how many have none."""
        return {"labelled": len(self.labelled) + len(self.validation), "unlabelled": len(self.unlabelled)}

    def batch(self, step: int, indices: Sequence[int]) -> Batch:
        """Patches: "images" (n, 1, z, y, x), "truth" and "counted" (n, m) and "deltas" (n, m, 4) of the anchors, and
        "objects" (n, 6, 4): nodules' middles and diameters in voxels, nan where there are no more."""
        drawn = [self.sample(step, index) for index in indices]
        targets = [self.targets(patch) for patch in drawn]
        return {
            "images": torch.from_numpy(np.stack([patch.image for patch in drawn]))[:, None],
            "truth": torch.from_numpy(np.stack([target.truth for target in targets])),
            "counted": torch.from_numpy(np.stack([target.counted for target in targets])),
            "deltas": torch.from_numpy(np.stack([target.deltas for target in targets])),
            "objects": torch.from_numpy(np.stack([self._objects(patch) for patch in drawn])),
        }

    def sample(self, step: int, index: int) -> Patch:
        """The labelled patch at a place of a step's whole batch."""
        rng = generator(self.settings.seed, _DRAW, step, index)
        place = self._scan(rng, self.labelled)
        return self.patch(rng, place, self.settings.on_nodules)

    def patch(self, rng: np.random.Generator, place: int, on_nodules: float) -> Patch:
        """A patch of a scan."""
        scan, known = self.collection.scan(place), self.known[place]
        return draw_patch(rng, scan, known, self.plan, self.settings.side, on_nodules)

    def _scan(self, rng: np.random.Generator, among: Sequence[int]) -> int:
        """One of the scans; those with many nodules are looked at more often."""
        weights = np.array([1 + len(self.known[index].nodules) for index in among], dtype=float)
        return among[int(rng.choice(len(among), p=weights / weights.sum()))]

    def targets(self, patch: Patch) -> Targets:
        """What the network should say of a patch."""
        return assign(self.plan.anchors, patch.image.shape, patch.balls, patch.irrelevant)

    def _objects(self, patch: Patch) -> np.ndarray[Any, np.dtype[np.float32]]:
        found = np.full((_OBJECTS, 4), np.nan, dtype=np.float32)
        some = patch.balls[:_OBJECTS] / self.plan.spacing
        found[: len(some)] = some
        return found

    def loss(self, network: nn.Module, batch: Batch, moment: Moment) -> Sequence[Term]:
        """The soft-target focal loss of the anchors' scores, and smooth L1 of where their nodules lie."""
        logits, deltas = flatten(network(batch["images"]))
        return self.terms(logits, deltas, batch["truth"], batch["counted"], batch["deltas"], batch["truth"])

    def terms(
        self, logits: torch.Tensor, deltas: torch.Tensor, truth: torch.Tensor, counted: torch.Tensor,
        wanted: torch.Tensor, placed: torch.Tensor,
    ) -> list[Term]:  # fmt: skip
        """The loss of labelled patches; `placed` (n, m) says how much each anchor's place counts."""
        settings, samples = self.settings, len(logits)
        scores = scoring_loss(logits, truth, counted, **settings.focal)
        places = placing_loss(deltas, wanted, placed)
        return [Term("scores", scores, samples), Term("places", places, samples, settings.place_weight)]

    def validate(self, network: nn.Module, on: device) -> Validation | None:
        """CPM on scans kept back."""
        places = self.validation[: self.settings.judged]
        if not places:
            return None
        return judge(network, self.plan, [(self.collection.scan(i), self.known[i]) for i in places], on)

    def card(self) -> dict[str, Any]:
        scans = f"{len(self.labelled)} annotated scans of the person's own"
        return {
            "title": self.settings.name,
            "purpose": "nodules",
            "summary": "Finds nodules like those marked in the scans it was trained on.",
            "trained_on": f"{scans}.",
            "limits": "Research use, not for diagnosis.",
            "settings": self.plan.model_dump(mode="json"),
        }


def _split(
    collection: Collection, told: Sequence[Annotated], settings: NodulesSettings
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Annotated scans to train on, those without annotations, annotated scans to validate on; patients stay whole."""
    annotated = [index for index, one in enumerate(told) if one.labelled]
    cases = [replace(collection.cases[index], label=Path("annotations.csv")) for index in annotated]
    if not cases:
        return (), tuple(range(len(told))), ()
    training, validation = split_patients(cases, settings.validation, settings.seed)
    kept_back = {cases[index].patient for index in validation}
    unlabelled = (index for index, one in enumerate(told) if not one.labelled)
    return (
        tuple(annotated[index] for index in training),
        tuple(index for index in unlabelled if collection.cases[index].patient not in kept_back),
        tuple(annotated[index] for index in validation),
    )
