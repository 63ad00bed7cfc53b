"""The task of propagation: features by which one slice can be rebuilt from its neighbour."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, device, nn

from napari_medssl.errors import BadInput
from napari_medssl.models import find_card
from napari_medssl.propagation.learning.blocks import region_blocks
from napari_medssl.propagation.learning.chains import ChainSampler, Source
from napari_medssl.propagation.learning.judging import (
    fixed_pairs,
    pictures_of,
    propagation_dice,
    rebuilding_error,
    rebuilt_slices,
)
from napari_medssl.propagation.learning.losses import mask_loss, one_hot, reconstruction_loss
from napari_medssl.propagation.learning.made import LABELS, Mixture, made_blobs, made_phantoms
from napari_medssl.propagation.learning.sampling import PairSampler, TrainingVolume, disturb
from napari_medssl.propagation.learning.unroll import Unrolled, unroll
from napari_medssl.propagation.model import MatchSettings, build_network
from napari_medssl.propagation.networks import StridedEncoder
from napari_medssl.propagation.refiner import Refiner
from napari_medssl.training.collection import Collection
from napari_medssl.training.randomness import generator
from napari_medssl.training.strategy import Batch, Moment, Term, Validation

if TYPE_CHECKING:
    from napari_medssl.propagation.learning.recipe import Sli2VolSettings

# How often chains come from each kind of volume, and how many of those of regions get new greys.
_REGIONS, _PHANTOMS, _SHAPES, _KNOWN = 0.45, 0.25, 0.25, 0.6
_REPAINTED = 0.4
_COPIED = 0.3  # weight of copied masks against refined ones
_JUDGED = 3  # labelled scans that masks are propagated through at a validation


class ScanVolumes(Sequence[TrainingVolume]):
    """The scans of a collection at some places, read when asked for."""

    def __init__(self, collection: Collection, places: Sequence[int], *, labels: bool = False) -> None:
        self._collection, self._places, self._labels = collection, tuple(places), labels

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: Any) -> Any:
        scan = self._collection.scan(self._places[index])
        return TrainingVolume(scan.array, scan.spacing, scan.labels if self._labels else None)


class Sli2Vol:
    """Rebuild a slice by copying its neighbour's pixels; where masks are known, copy them and refine what was copied.

    Masks are known on made volumes, on regions of the scans, and on labelled scans.
    """

    def __init__(self, settings: Sli2VolSettings, collection: Collection) -> None:
        if settings.synthetic + settings.chains > settings.batch:
            raise BadInput(
                f"synthetic ({settings.synthetic}) and chains ({settings.chains}) together cannot exceed batch"
                f" ({settings.batch})."
            )
        if settings.chains and settings.network == "paper":
            raise BadInput("The published network has no refiner: set chains to 0, or network to strided.")
        if settings.nearest > settings.furthest:
            raise BadInput(f"nearest ({settings.nearest}) cannot exceed furthest ({settings.furthest}).")
        if settings.synthetic and not settings.shapes + settings.phantoms:
            raise BadInput("synthetic samples need shapes or phantoms above 0 to be taken from.")
        labelled = collection.labelled(collection.training) if settings.learn_labels else ()
        if settings.chains and not settings.shapes + settings.phantoms + settings.regions + len(labelled):
            raise BadInput("chains need regions, shapes or phantoms above 0, or labelled scans, to be taken from.")
        self.settings, self.collection = settings, collection
        self.match = match_settings(settings)
        self.network: nn.Module = build_network(self.match)
        if isinstance(self.network, StridedEncoder) and self.network.refiner is not None and not settings.chains:
            self.network.refiner.requires_grad_(False)  # nothing teaches it
        if settings.keep_features:
            if settings.chains < settings.batch or not isinstance(self.network, StridedEncoder):
                raise BadInput("keep_features trains the refiner alone: let chains be as many as batch.")
            self.network.keep_features()
        self.scans = self._sampler(collection.training)
        shapes = made_blobs(settings.shapes, seed=settings.seed)
        phantoms = made_phantoms(settings.phantoms, seed=settings.seed)
        made = Mixture(shapes, phantoms)
        self.made = PairSampler(made, settings.side, (1, 3), cut=(64, 128))
        blocks = region_blocks(ScanVolumes(collection, collection.training), settings.regions, seed=settings.seed)
        known = ScanVolumes(collection, labelled, labels=True)
        self.chains = ChainSampler(
            [
                Source(blocks, _REGIONS, repainted=_REPAINTED),
                Source(phantoms, _PHANTOMS, repainted=_REPAINTED / 2),
                Source(shapes, _SHAPES),
                Source(known, _KNOWN),
            ],
            length=settings.chain_slices,
            side=settings.side,
        )

    def __getstate__(self) -> dict[str, Any]:
        """What goes to the processes that prepare samples: all but the network."""
        return {**self.__dict__, "network": None}

    def _sampler(self, places: Sequence[int]) -> PairSampler:
        gaps = (self.settings.nearest, self.settings.furthest)
        cut = (self.settings.side / self.settings.largest_zoom, self.settings.side / self.settings.smallest_zoom)
        return PairSampler(ScanVolumes(self.collection, places), self.settings.side, gaps, cut=cut)

    def batch(self, step: int, indices: Sequence[int]) -> Batch:
        """Chains come first in the whole batch; then pairs of slices, of which those of made volumes are the last.

        "images" (n, 2, side, side) in 0..1; "labels" (made ones, 2, side, side); "keys" (2, n) for `disturb`;
        "chains" (c, slices, side, side) in 0..1, "masks" of the same shape, "starts" (c, side, side).
        """
        chains = [self._chain(step, index) for index in indices if index < self.settings.chains]
        drawn: list[Tensor] = []
        labels: list[Tensor] = []
        keys = []
        for index in indices:
            if index < self.settings.chains:
                continue
            rng = generator(self.settings.seed, step, index)
            of_made = index >= self.settings.batch - self.settings.synthetic
            images, marked = self._draw(self.made if of_made else self.scans, rng)
            drawn.append(images)
            if marked is not None:
                labels.append(marked)
            keys.append(torch.from_numpy(rng.integers(2**62, size=2)))
        empty = torch.zeros(0, 2, self.settings.side, self.settings.side)
        no_chains = torch.zeros(0, self.settings.chain_slices, self.settings.side, self.settings.side)
        return {
            "images": torch.stack(drawn) if drawn else empty,
            "labels": torch.stack(labels) if labels else empty.long(),
            "keys": torch.stack(keys, 1) if keys else torch.zeros(2, 0, dtype=torch.long),
            "chains": torch.stack([images for images, _, _ in chains]) if chains else no_chains,
            "masks": torch.stack([masks for _, masks, _ in chains]) if chains else no_chains,
            "starts": torch.stack([start for _, _, start in chains]) if chains else no_chains[:, 0],
        }

    def _chain(self, step: int, index: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = generator(self.settings.seed, step, index)
        try:
            return self.chains.draw(rng)
        except ValueError as error:
            raise BadInput(
                "No structure that can be followed was found to learn from: give more regions, shapes or phantoms."
            ) from error

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
        images, chains = batch["images"], batch["chains"]
        first, second = images[:, :1], images[:, 1:]
        pairs = torch.cat([first, second])
        if len(pairs):
            pairs = disturb(pairs, batch["keys"].flatten().cpu())
        if not self.settings.chains:
            return self._pair_terms(network(pairs), batch)
        slices = torch.cat([pairs, chains.flatten(0, 1)[:, None]])  # a wrapped network is to be called once
        features, unrolled = network(slices, partial(self._unrolled, len(pairs), batch))
        terms = self._pair_terms(features, batch)
        count = len(chains)
        nothing = sum((p.sum() * 0 for p in self.network.parameters() if p.requires_grad), features.sum() * 0)
        terms.append(Term("refined masks", unrolled.refined_loss() if count else nothing, count))
        terms.append(Term("copied masks", unrolled.copied_loss() if count else nothing, count, _COPIED))
        return terms

    def _unrolled(self, pairs: int, batch: Batch, features: Tensor) -> tuple[Tensor, Unrolled]:
        """The features of the pairs, and the chains carried to their ends."""
        chains = batch["chains"]
        of_chains = features[pairs:].reshape(*chains.shape[:2], *features.shape[1:])
        refiner = self.network.refiner
        assert isinstance(refiner, Refiner)
        return features[:pairs], unroll(refiner, of_chains, chains, batch["masks"], batch["starts"], self.used)

    def _pair_terms(self, features: Tensor, batch: Batch) -> list[Term]:
        images = batch["images"]
        first, second = images[:, :1], images[:, 1:]
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
        if self.settings.synthetic + self.settings.chains < self.settings.batch:
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
        # Those of training scans may judge too, unless they are trained on.
        others = () if self.settings.chains and self.settings.learn_labels else self.collection.training
        places = self.collection.labelled((*self.collection.validation, *others))[:_JUDGED]
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
    return MatchSettings(architecture="strided", refined=settings.chains > 0 or _starts_refined(settings.start))


def _starts_refined(start: str) -> bool:
    """Whether the model to start from has a refiner, which is then kept."""
    return bool(start) and bool(find_card(start).settings.get("refined", False))
