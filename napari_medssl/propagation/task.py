"""The task of propagation: features by which one slice can be rebuilt from its neighbour."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, device, nn

from napari_medssl.errors import BadInput
from napari_medssl.propagation.judging import (
    fixed_pairs,
    pictures_of,
    propagation_dice,
    rebuilding_error,
    rebuilt_slices,
)
from napari_medssl.propagation.losses import mask_loss, one_hot, reconstruction_loss
from napari_medssl.propagation.made import LABELS, Mixture, made_blobs, made_phantoms
from napari_medssl.propagation.model import MatchSettings, build_network
from napari_medssl.propagation.sampling import PairSampler, TrainingVolume, disturb
from napari_medssl.training.collection import Collection
from napari_medssl.training.randomness import generator
from napari_medssl.training.strategy import Batch, Moment, Term, Validation

if TYPE_CHECKING:
    from napari_medssl.propagation.recipe import Sli2VolSettings

_JUDGED = 3  # labelled scans that masks are propagated through at a validation


class ScanVolumes(Sequence[TrainingVolume]):
    """The scans of a collection at some places, read when asked for."""

    def __init__(self, collection: Collection, places: Sequence[int]) -> None:
        self._collection, self._places = collection, tuple(places)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: Any) -> Any:
        scan = self._collection.scan(self._places[index])
        return TrainingVolume(scan.array, scan.spacing)


class Sli2Vol:
    """Rebuild a slice by copying its neighbour's pixels; on made volumes, copy masks whose truth is known."""

    def __init__(self, settings: Sli2VolSettings, collection: Collection) -> None:
        if settings.synthetic > settings.batch:
            raise BadInput(f"synthetic ({settings.synthetic}) cannot exceed batch ({settings.batch}).")
        if settings.nearest > settings.furthest:
            raise BadInput(f"nearest ({settings.nearest}) cannot exceed furthest ({settings.furthest}).")
        if settings.synthetic and not settings.shapes + settings.phantoms:
            raise BadInput("synthetic samples need shapes or phantoms above 0 to be taken from.")
        self.settings, self.collection = settings, collection
        self.match = match_settings(settings)
        self.network: nn.Module = build_network(self.match)
        self.scans = self._sampler(collection.training)
        shapes = made_blobs(settings.shapes, seed=settings.seed)
        phantoms = made_phantoms(settings.phantoms, seed=settings.seed)
        self.made = PairSampler(Mixture(shapes, phantoms), settings.side, (1, 3), cut=(64, 128))

    def __getstate__(self) -> dict[str, Any]:
        """What goes to the processes that prepare samples: all but the network."""
        return {**self.__dict__, "network": None}

    def _sampler(self, places: Sequence[int]) -> PairSampler:
        gaps = (self.settings.nearest, self.settings.furthest)
        cut = (self.settings.side / self.settings.largest_zoom, self.settings.side / self.settings.smallest_zoom)
        return PairSampler(ScanVolumes(self.collection, places), self.settings.side, gaps, cut=cut)

    def batch(self, step: int, indices: Sequence[int]) -> Batch:
        """Pairs of slices; those of made volumes, with labels, are the last `synthetic` of the whole batch.

        "images" (n, 2, side, side) in 0..1; "labels" (made ones, 2, side, side); "keys" (2, n) for `disturb`.
        """
        drawn: list[Tensor] = []
        labels: list[Tensor] = []
        keys = []
        for index in indices:
            rng = generator(self.settings.seed, step, index)
            of_made = index >= self.settings.batch - self.settings.synthetic
            images, marked = self._draw(self.made if of_made else self.scans, rng)
            drawn.append(images)
            if marked is not None:
                labels.append(marked)
            keys.append(torch.from_numpy(rng.integers(2**62, size=2)))
        empty = torch.zeros(0, 2, self.settings.side, self.settings.side, dtype=torch.long)
        return {
            "images": torch.stack(drawn),
            "labels": torch.stack(labels) if labels else empty,
            "keys": torch.stack(keys, 1),
        }

    @staticmethod
    def _draw(sampler: PairSampler, rng: Any) -> tuple[Tensor, Tensor | None]:
        try:
            return sampler.draw(rng)
        except ValueError as error:
            raise BadInput(
                "The scans show nothing to learn from: they have too few slices (two or more are needed, and more than"
                " the setting nearest), or their slices are empty."
            ) from error

    def loss(self, network: nn.Module, batch: Batch, moment: Moment) -> Sequence[Term]:
        """Smooth L1 of the rebuilt slice, and cross-entropy of the copied masks."""
        images = batch["images"]
        first, second = images[:, :1], images[:, 1:]
        features = network(disturb(torch.cat([first, second]), batch["keys"].flatten().cpu()))
        key, query = features.chunk(2)
        stride = int(self.network.stride)  # type: ignore[arg-type]
        made = len(batch["labels"])
        scans = len(images) - made
        nothing = features.sum() * 0  # keeps every process's terms alike, and every parameter in use
        pixels = masks = nothing
        if scans:
            pixels = reconstruction_loss(query[:scans], key[:scans], first[:scans], second[:scans], self.match, stride)
        if made:
            before, after = (one_hot(batch["labels"][:, i], LABELS) for i in (0, 1))
            masks = mask_loss(query[scans:], key[scans:], before, after, self.match, stride)
        terms = []
        if self.settings.synthetic < self.settings.batch:
            terms.append(Term("pixels", pixels, scans))
        if self.settings.synthetic:
            terms.append(Term("masks", masks, made, self.settings.mask_weight))
        return terms

    def validate(self, network: nn.Module, on: device) -> Validation | None:
        """Rebuilding error on scans kept back; where scans have labels, Dice of propagating them."""
        rebuilt = rebuilt_slices(network, self.match, self._pairs, on)
        kept_back = bool(self.collection.validation)
        error = rebuilding_error(self._pairs, rebuilt, int(network.stride))  # type: ignore[arg-type]
        metrics = {"rebuilding error" if kept_back else "rebuilding error, training scans": error}
        score = -error if kept_back else None
        overlap = propagation_dice(network, self.used, self._labelled(), on)
        if overlap is not None:
            metrics["propagation Dice"] = score = overlap
        return Validation(metrics, score, pictures_of(self._pairs, rebuilt))

    @cached_property
    def _pairs(self) -> Tensor:
        try:
            kept_back = self.collection.validation or self.collection.training
            return fixed_pairs(self._sampler(kept_back), self.settings.seed)
        except ValueError:  # what was kept back shows nothing; what is trained on does
            return fixed_pairs(self.scans, self.settings.seed)

    def _labelled(self) -> list[TrainingVolume]:
        # Labels are not trained on, so those of training scans may judge too.
        places = self.collection.labelled((*self.collection.validation, *self.collection.training))[:_JUDGED]
        scans = [self.collection.scan(place) for place in places]
        return [TrainingVolume(scan.array, scan.spacing, scan.labels) for scan in scans]

    @property
    def used(self) -> MatchSettings:
        """The settings that the network is used with after training."""
        if self.settings.network == "paper":
            return self.match
        return self.match.model_copy(update={"temperature": self.settings.temperature})

    def card(self) -> dict[str, Any]:
        return {
            "title": self.settings.name,
            "purpose": "propagation",
            "summary": "Propagates drawn slices; trained with the recipe sli2vol.",
            "trained_on": f"{len(self.collection)} scans of the person's own, without labels"
            + ("; random shapes and phantoms." if self.settings.synthetic else "."),
            "settings": self.used.model_dump(mode="json"),
        }


def match_settings(settings: Sli2VolSettings) -> MatchSettings:
    """How the network is matched while it is trained."""
    if settings.network == "paper":
        return MatchSettings(architecture="paper", zero_padding=True, pixels=None)
    return MatchSettings(architecture="strided")
