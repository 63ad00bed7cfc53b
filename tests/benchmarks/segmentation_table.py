"""Prints Dice of plain segmentation on scans it was not trained on, beside a mean mask, in the same run.

MEDSSL_DATA=... python tests/benchmarks/segmentation_table.py [--collection hippocampus] [--train 40] [--test 20]
    [--seconds 270] [--seeds 1] [--threads 1] [--set key=value]...

For each seed the scans are drawn anew. The mean mask: the training label maps, stretched to the test scan's grid and
averaged; at each voxel the label that most of them have.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from labelled_cases import LabelledCase, data_folder, load_collection

from napari_medssl.metrics import dice_per_label
from napari_medssl.models import load_weights
from napari_medssl.models.folders import FOLDER_VARIABLE
from napari_medssl.segmentation import segment
from napari_medssl.training import train

NAME = "segmentation-table"


@dataclass
class Scores:
    """Dice by method, label and case."""

    dice: dict[str, dict[int, list[float]]] = field(default_factory=dict)

    def add(self, method: str, found: np.ndarray, case: LabelledCase) -> None:
        for label, value in dice_per_label(found, case.labels, case.wanted).items():
            self.dice.setdefault(method, {}).setdefault(label, []).append(value)

    def markdown(self) -> str:
        labels = sorted({label for by in self.dice.values() for label in by})
        lines = ["| method | " + " | ".join(f"label {label}" for label in labels) + " | mean |"]
        lines.append("|---|" + "---|" * (len(labels) + 1))
        for method, by in self.dice.items():
            cells = [f"{100 * np.mean(by[label]):.1f} ({100 * np.std(by[label]):.1f})" for label in labels]
            mean = 100 * np.mean([np.mean(by[label]) for label in labels])
            lines.append(f"| {method} | " + " | ".join(cells) + f" | **{mean:.1f}** |")
        return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--collection", default="hippocampus")
    parser.add_argument("--train", type=int, default=40, help="scans to train on, those to validate on among them")
    parser.add_argument("--test", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=270)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="key=value", help="a setting of the recipe")
    parser.add_argument("--json", type=Path, help="write all scores there")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cases = list(load_collection(options.collection))
    scores = Scores()
    for seed in range(options.seeds):
        order = np.random.default_rng(seed).permutation(len(cases))[: options.train + options.test]
        known, unseen = ([cases[i] for i in part] for part in np.split(order, [options.train]))
        one_seed(options, seed, known, unseen, scores)
    print(f"\nDice in percent over {options.test} scans x {options.seeds} seeds: mean (spread over scans).\n")
    print(scores.markdown())
    if options.json:
        options.json.write_text(json.dumps(scores.dice, indent=1))


def one_seed(
    options: argparse.Namespace, seed: int, known: list[LabelledCase], unseen: list[LabelledCase], scores: Scores
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        model = trained(options, seed, known, Path(folder))
        started = time.monotonic()
        for case in unseen:
            scores.add("segmentation", segment(case.volume, model=model).labels, case)
        spent = (time.monotonic() - started) / len(unseen)
    atlas = mean_mask(known)
    for case in unseen:
        scores.add("mean mask", fitted(atlas, case), case)
    print(f"seed {seed}: {spent:.2f} s for a scan", flush=True)


def trained(options: argparse.Namespace, seed: int, known: Sequence[LabelledCase], folder: Path) -> Any:
    """A model trained on these cases, loaded."""
    for kind in ("images", "labels"):
        (folder / "data" / kind).mkdir(parents=True)
        for case in known:
            name = f"{case.name}.nii.gz"
            shutil.copy(data_folder() / options.collection / kind / name, folder / "data" / kind / name)
    settings: dict[str, Any] = {"megavoxels": 2, "seconds": options.seconds, "validate_every": 100}
    settings |= dict(pair.split("=", 1) for pair in options.set)
    made = train(
        "segmentation", folder / "data", folder / "run", name=NAME, seed=seed, threads=options.threads, workers=0,
        **settings,
    )  # fmt: skip
    validation = made.card.metrics.get("validation")
    print(f"seed {seed}: {made.steps} steps in {made.seconds:.0f} s, validation {validation}", flush=True)
    return load_from(folder / "run")


def load_from(folder: Path) -> Any:
    """The model that lies in a run's folder."""
    from napari_medssl.segmentation import load_model

    os.environ[FOLDER_VARIABLE] = str(folder)
    load_weights(NAME)
    return load_model(NAME, "cpu")


def mean_mask(known: Sequence[LabelledCase]) -> torch.Tensor:
    """(labels + 1, z, y, x) how often each label is at a place, on the median grid."""
    shape = np.median([case.labels.shape for case in known], axis=0).astype(int).tolist()
    most = max(max(case.wanted) for case in known)
    return torch.stack([stretched(one_hot(case.labels, most), shape) for case in known]).mean(0)


def fitted(atlas: torch.Tensor, case: LabelledCase) -> np.ndarray:
    return stretched(atlas, case.labels.shape).argmax(0).numpy()


def one_hot(labels: np.ndarray, most: int) -> torch.Tensor:
    return F.one_hot(torch.from_numpy(labels.astype(np.int64)), most + 1).movedim(-1, 0).float()


def stretched(maps: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    return F.interpolate(maps[None], tuple(shape), mode="trilinear", align_corners=False)[0]


if __name__ == "__main__":
    main()
