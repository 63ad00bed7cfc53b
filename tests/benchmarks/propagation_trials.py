"""Prints Dice with one drawn slice for other ways of using a model, on a small set of cases, in the same run.

    MEDSSL_DATA=... python tests/benchmarks/propagation_trials.py [--trials margin=24 pixels=96 flipped ...]

A trial is a setting of the model, as `margin=24`, or one of:

flipped     the volume mirrored left to right
sizes       majority of the structure resampled to 64, 80 and 96 pixels
orthogonal  majority of the axial pass and of two more, along the other axes, each from the slice of the axial mask that
            cuts the drawn outline in the middle (volumes whose voxels are 2.6 times as long as wide: axial alone)
memory      the refiner also asked with the last slice in the drawn slice's place, at a weight of 0.3
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import torch
from labelled_cases import draw_seed_slice, load_collection

import napari_medssl.propagation.sweep as sweep_module
from napari_medssl.metrics import dice
from napari_medssl.propagation import propagate
from napari_medssl.propagation.load import load_model
from napari_medssl.propagation.model import PropagationModel
from napari_medssl.propagation.step import Carried, Slice, step
from napari_medssl.volumes import Volume

CASES = {"la2018": 5, "acdc": 5, "hippocampus": 8, "organ_ct": 1, "lung_ct": 2}
LONGEST = 2.6
SECOND = 0.3

Way = Callable[[Volume, np.ndarray], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", nargs="*", default=["flipped", "sizes", "orthogonal", "memory"])
    parser.add_argument("--model", default="default")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    ways = {name: way(name, load_model(options.model)) for name in ["as shipped", *options.trials]}
    scores: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in ways}
    for collection, limit in CASES.items():
        for case in load_collection(collection, limit):
            for label, seed in ((label, seed) for label in case.wanted for seed in range(options.seeds)):
                mask = case.labels == label
                index = draw_seed_slice(mask, np.random.default_rng([seed, label]))
                drawn = np.zeros(mask.shape, dtype=np.uint8)
                drawn[index] = mask[index]
                for name, run in ways.items():
                    scores[name][collection].append(100 * float(dice(run(case.volume, drawn), mask)))
        print(collection, {name: round(float(np.mean(by[collection])), 1) for name, by in scores.items()}, flush=True)
    print(markdown(scores))


def markdown(scores: dict[str, dict[str, list[float]]]) -> str:
    counts = {collection: len(values) for collection, values in next(iter(scores.values())).items()}
    lines = [
        "| | " + " | ".join(f"{collection} (n = {count})" for collection, count in counts.items()) + " | mean |",
        "|---|" + "---|" * (len(counts) + 1),
    ]
    for name, by in scores.items():
        means = [float(np.mean(by[collection])) for collection in counts]
        lines.append(f"| {name} | " + " | ".join(f"{value:.1f}" for value in means) + f" | {np.mean(means):.1f} |")
    return "\n".join(lines)


def way(name: str, model: PropagationModel) -> Way:
    """The trial of that name, as a function from a volume and drawn slices to a mask."""
    if "=" in name:
        key, value = name.split("=")
        changed = with_settings(model, **{key: ast.literal_eval(value)})
        return lambda volume, drawn: carried(changed, volume, drawn)
    if name == "sizes":
        models = [with_settings(model, pixels=pixels) for pixels in (64.0, 80.0, 96.0)]
        return lambda volume, drawn: majority([carried(one, volume, drawn) for one in models])
    return {
        "as shipped": lambda volume, drawn: carried(model, volume, drawn),
        "flipped": lambda volume, drawn: flipped(model, volume, drawn),
        "orthogonal": lambda volume, drawn: orthogonal(model, volume, drawn),
        "memory": lambda volume, drawn: with_memory(model, volume, drawn),
    }[name]


def with_settings(model: PropagationModel, **changes: object) -> PropagationModel:
    return dataclasses.replace(model, settings=model.settings.model_copy(update=changes))


def carried(model: PropagationModel, volume: Volume, drawn: np.ndarray, axis: int = 0) -> np.ndarray:
    return propagate(volume, drawn, model=model, axis=axis).labels > 0


def majority(masks: Sequence[np.ndarray]) -> np.ndarray:
    return np.sum(masks, axis=0) * 2 > len(masks)


def flipped(model: PropagationModel, volume: Volume, drawn: np.ndarray) -> np.ndarray:
    mirrored = np.ascontiguousarray(volume.array[..., ::-1])
    found = propagate(mirrored, np.ascontiguousarray(drawn[..., ::-1]), spacing=volume.spacing, model=model)
    return found.labels[..., ::-1] > 0


def orthogonal(model: PropagationModel, volume: Volume, drawn: np.ndarray) -> np.ndarray:
    axial = carried(model, volume, drawn)
    if max(volume.spacing) > LONGEST * min(volume.spacing):
        return axial
    index = int(drawn.any(axis=(1, 2)).argmax())
    masks = [axial]
    for axis in (1, 2):
        across = np.moveaxis(axial, axis, 0)
        middle = round(float(np.mean(np.nonzero(drawn[index])[axis - 1])))
        if not across[middle].any():  # a ring: its middle is empty
            middle = int(across.sum(axis=(1, 2)).argmax())
        seeds = np.zeros_like(drawn)
        np.moveaxis(seeds, axis, 0)[middle] = across[middle]
        found = carried(model, volume, seeds, axis)
        found[index] = drawn[index] > 0
        masks.append(found)
    return majority(masks)


def with_memory(model: PropagationModel, volume: Volume, drawn: np.ndarray) -> np.ndarray:
    def asked_twice(
        model: PropagationModel, here: Slice, before: Slice, masks: torch.Tensor, origins: Sequence, **more: object
    ) -> Carried:
        first = step(model, here, before, masks, origins, **more)
        last = [o and (before.image, masks[:, i : i + 1]) for i, o in enumerate(origins)]
        second = step(model, here, before, masks, last, **more)
        return dataclasses.replace(first, shares=(1 - SECOND) * first.shares + SECOND * second.shares)

    sweep_module.step = asked_twice
    try:
        return carried(model, volume, drawn)
    finally:
        sweep_module.step = step


if __name__ == "__main__":
    main()
