"""Prints Dice with one drawn slice on the labelled collections: copy, optical flow and the models, in the same run.

MEDSSL_DATA=... python tests/benchmarks/propagation_table.py [--models default sli2vol-paper] [--seeds 5] [--limit N]
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from baselines import copy_everywhere, optical_flow
from labelled_cases import COLLECTIONS, LabelledCase, draw_seed_slice, load_collection
from scipy.stats import spearmanr

from napari_medssl.metrics import dice
from napari_medssl.propagation import propagate

Scores = dict[str, dict[str, list[list[float]]]]  # method -> collection -> case -> seeds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", default=["default"])
    parser.add_argument("--verification", nargs="*", default=["auto"], choices=["none", "paper", "auto"])
    parser.add_argument("--adapt", nargs="*", type=float, default=[0.0], help="seconds of fitting to each volume first")
    parser.add_argument("--no-baselines", action="store_true", help="leave out copy and optical flow")
    parser.add_argument("--collections", nargs="*", default=list(COLLECTIONS), choices=COLLECTIONS)
    parser.add_argument("--seeds", type=int, default=5, help="seed slices drawn for each label")
    parser.add_argument("--limit", type=int, help="at most so many cases of a collection")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path, help="write all scores there")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    table = Table(options.models, options.verification, options.adapt, options.seeds, not options.no_baselines)
    for name in options.collections:
        for case in load_collection(name, options.limit):
            table.score(name, case)
        print(table.row(name), flush=True)
    print(table.markdown(options.collections))
    if options.json:
        options.json.write_text(json.dumps(table.as_json(), indent=1))


class Table:
    """Collects the scores of every method on the same seeds."""

    def __init__(
        self, models: list[str], verifications: list[str], adapt: list[float], seeds: int, baselines: bool
    ) -> None:
        self.methods: dict[str, Callable[[LabelledCase, np.ndarray, int, int], np.ndarray]] = {}
        if baselines:
            self.methods = {
                "copy": lambda case, mask, seed, label: copy_everywhere(case.volume.array, mask, seed),
                "optical flow (DIS)": lambda case, mask, seed, label: optical_flow(case.volume.array, mask, seed),
            }
        for model, verification, seconds in itertools.product(models, verifications, adapt):
            name = f"{model}, {verification}" + (f", adapted {seconds:g} s" if seconds else "")
            self.methods[name] = self._propagation(name, model, verification, seconds)
        self.seeds = seeds
        self.dice: dict[str, dict[str, list[np.ndarray]]] = defaultdict(lambda: defaultdict(list))
        self.seconds: dict[str, float] = defaultdict(float)
        self.confidence: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self._collection = ""

    def score(self, collection: str, case: LabelledCase) -> None:
        self._collection = collection
        for method, run in self.methods.items():
            started = time.monotonic()
            scores = np.array(
                [[self._one(run, case, label, seed) for label in case.wanted] for seed in range(self.seeds)]
            )
            self.seconds[method] += time.monotonic() - started
            self.dice[method][collection].append(scores.mean(axis=1))  # labels averaged; one value a seed

    def _one(self, run: Callable[..., np.ndarray], case: LabelledCase, label: int, seed: int) -> float:
        mask = case.labels == label
        index = draw_seed_slice(mask, np.random.default_rng([seed, label]))
        return 100 * float(dice(run(case, mask, index, label), mask))

    def _propagation(self, name: str, model: str, verification: str, adapt: float) -> Callable[..., np.ndarray]:
        def run(case: LabelledCase, mask: np.ndarray, index: int, label: int) -> np.ndarray:
            drawn = np.zeros(mask.shape, dtype=np.uint8)
            drawn[index] = mask[index]
            result = propagate(case.volume, drawn, model=model, verification=verification, adapt_seconds=adapt)
            for i in np.flatnonzero(np.isfinite(result.confidence[1])):
                if i != index:
                    truth = float(dice(result.labels[i] > 0, mask[i]))
                    self.confidence[f"{name}/{self._collection}"].append((result.confidence[1][i], truth))
            return result.labels > 0

        return run

    def mean(self, method: str, collection: str) -> np.ndarray:
        """The collection's mean for each seed."""
        return np.mean(self.dice[method][collection], axis=0)

    def row(self, collection: str) -> str:
        values = ", ".join(f"{method} {self.mean(method, collection).mean():.1f}" for method in self.methods)
        return f"{collection} (n = {self._count(collection)}): {values}"

    def _count(self, collection: str) -> int:
        return len(next(iter(self.dice.values()))[collection])

    def markdown(self, collections: list[str]) -> str:
        counts = " | ".join(f"{c} (n = {self._count(c)})" for c in collections)
        lines = [
            f"Dice in percent with one drawn slice: mean over seeds 0-{self.seeds - 1} (standard deviation).",
            "",
            f"| method | {counts} | mean | seconds |",
            "|---|" + "---|" * (len(collections) + 2),
        ]
        for method in self.methods:
            by_seed = np.stack([self.mean(method, c) for c in collections])
            cells = [f"{row.mean():.1f} ({row.std():.1f})" for row in by_seed]
            overall = by_seed.mean(axis=0)
            cells.append(f"**{overall.mean():.1f}** ({overall.std():.1f})")
            lines.append(f"| {method} | " + " | ".join(cells) + f" | {self.seconds[method]:.0f} |")
        lines += ["", "Spearman's rank correlation of confidence with the true Dice of propagated slices:", ""]
        for key, pairs in sorted(self.confidence.items()):
            lines.append(f"- {key}: {spearmanr(*zip(*pairs, strict=True)).statistic:.2f} ({len(pairs)} slices)")
        return "\n".join(lines)

    def as_json(self) -> dict[str, object]:
        return {
            "seeds": self.seeds,
            "dice": {m: {c: np.asarray(v).tolist() for c, v in by.items()} for m, by in self.dice.items()},
            "seconds": dict(self.seconds),
        }


if __name__ == "__main__":
    main()
