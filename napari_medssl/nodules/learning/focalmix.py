"""FocalMix: learning from scans that nobody annotated, by targets that the network makes itself.

Source: Wang et al., FocalMix: Semi-Supervised Learning for 3D Medical Image Detection, CVPR 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from napari_medssl.nodules.anchors import Outputs, flatten
from napari_medssl.nodules.learning.losses import scoring_loss
from napari_medssl.nodules.learning.mixup import Patches, mix_objects, mix_patches
from napari_medssl.nodules.learning.recipe_settings import FocalMixSettings
from napari_medssl.nodules.learning.task import NodulesTask
from napari_medssl.strategies.mixing import draw_weights
from napari_medssl.strategies.statistics import follow_statistics
from napari_medssl.strategies.targets import averaged, ramp, sharpen
from napari_medssl.strategies.turns import TURNS, Turn, draw_turns
from napari_medssl.training.randomness import generator
from napari_medssl.training.strategy import Batch, Moment, Plain, Term

_UNLABELLED, _MIX = 62, 63  # keys of random numbers with different uses


class FocalMix(Plain):
    """Wraps the task; its batches have "unlabelled" patches (n, 1, z, y, x) and their "turns" (n, K), too."""

    task: NodulesTask

    def __init__(self, task: NodulesTask, settings: FocalMixSettings) -> None:
        super().__init__(task)
        self.settings = settings

    def batch(self, step: int, indices: Sequence[int]) -> Batch:
        images, turns = [], []
        each, task = self.settings.unlabelled, self.task
        for place in (index * each + part for index in indices for part in range(each)):
            rng = generator(self.settings.seed, _UNLABELLED, step, place)
            scan = task.unlabelled[int(rng.integers(len(task.unlabelled)))]
            images.append(task.patch(rng, scan, 0.0).image)
            turns.append(draw_turns(rng, self.settings.augmentations))
        return {
            **task.batch(step, indices),
            "unlabelled": torch.from_numpy(np.stack(images))[:, None],
            "turns": torch.tensor(turns),
            "mixing": torch.tensor([step, indices[0]]),
        }

    def loss(self, network: nn.Module, batch: Batch, moment: Moment) -> Sequence[Term]:
        """Labelled and unlabelled patches mixed, and the soft-target focal loss of both; one pass of the network.

        Where nodules lie is learnt from labelled patches alone: the seed says nothing of targets for that.
        """
        labelled = len(batch["images"])
        everything = Patches(batch["images"], batch["truth"], batch["counted"])
        rise = self.rise(moment)
        if rise > 0:
            targets = self.targets(batch, moment)
            counted = torch.ones_like(targets, dtype=torch.bool)
            everything = Patches.joined(everything, Patches(batch["unlabelled"], targets, counted))
        mixed, weights = self.mixed(everything, batch)
        logits, deltas = flatten(network(mixed.images))
        placed = batch["truth"] * weights[:labelled, None]
        terms = self.task.terms(
            logits[:labelled], deltas[:labelled], mixed.truth[:labelled], mixed.counted[:labelled], batch["deltas"],
            placed,
        )  # fmt: skip
        if rise <= 0:
            return terms
        without = scoring_loss(
            logits[labelled:], mixed.truth[labelled:], mixed.counted[labelled:], **self.settings.focal
        )
        return [*terms, Term("unlabelled scores", without, labelled, rise)]

    def rise(self, moment: Moment) -> float:
        """The weight of unlabelled patches now: 0 while the teacher has too little to teach, then rising."""
        rest = moment.done - self.settings.alone
        if rest < 0:
            return 0.0
        return ramp(rest / (1 - self.settings.alone), self.settings.ramp) * self.settings.unlabelled_weight

    def targets(self, batch: Batch, moment: Moment) -> Tensor:
        """What the teacher says of the unlabelled patches, sharpened: (n, m) probabilities."""
        teacher = moment.average if self.settings.teacher == "average" else self.task.network
        training = teacher.training
        follow_statistics(teacher, torch.cat([batch["images"], batch["unlabelled"]]))
        predicted = soft_targets(teacher.eval(), batch["unlabelled"], batch["turns"])
        teacher.train(training)
        return sharpen(predicted, self.settings.temperature, self.settings.pivot)

    def mixed(self, patches: Patches, batch: Batch) -> tuple[Patches, Tensor]:
        """MixUp of patches, then of the nodules in labelled ones, as the settings ask; and the patches' weights."""
        settings, count = self.settings, len(patches)
        step, place = (int(value) for value in batch["mixing"])
        rng = generator(settings.seed, _MIX, step, place)
        partners = torch.from_numpy(rng.permutation(count)).to(patches.images.device)
        eta = settings.eta if settings.mixup != "none" else 0.0
        weights = torch.from_numpy(draw_weights(rng, eta, count)).to(patches.images.device)
        mixed = mix_patches(patches, partners, weights)
        if settings.mixup == "both":
            balls = [these[~np.isnan(these[:, 3])] for these in batch["objects"].cpu().numpy()]
            images = mix_objects(mixed.images, patches.images, balls, rng, settings.eta)
            mixed = Patches(images, mixed.truth, mixed.counted)
        return mixed, weights

    def card(self) -> dict[str, Any]:
        card = self.task.card()
        without = f" and {len(self.task.unlabelled)} without annotations."
        return {**card, "trained_on": card["trained_on"].removesuffix(".") + without}


def soft_targets(network: nn.Module, images: Tensor, turns: Tensor) -> Tensor:
    """The mean over K augmentations of what a network says of each anchor.

    Each patch is turned, the network scores the anchors of the turned patch, and the maps of scores are turned back, so
    that the same place is meant. Only scores are predicted.

    Parameters
    ----------
    images : (n, 1, z, y, x)
    turns : (n, K) numbers of `strategies.turns.TURNS`

    Returns
    -------
    (n, m) probabilities, in the order of `Anchors.flat`
    """
    predicted = []
    with torch.no_grad():
        for numbers in turns.T.tolist():
            ways = [TURNS[number] for number in numbers]
            seen = torch.stack([turn.apply(image) for turn, image in zip(ways, images, strict=True)])
            predicted.append(_scores_turned_back(network(seen), ways))
    return averaged(predicted)


def _scores_turned_back(outputs: Outputs, ways: Sequence[Turn]) -> Tensor:
    back = [
        (torch.stack([turn.undo(one) for turn, one in zip(ways, logits, strict=True)]), deltas)
        for logits, deltas in outputs
    ]
    return torch.sigmoid(flatten(back)[0].float())
