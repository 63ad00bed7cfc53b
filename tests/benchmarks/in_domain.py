"""What training on one's own unlabelled scans is worth: Dice with one drawn slice before and after, on the same scans.

MEDSSL_DATA=... python tests/benchmarks/in_domain.py [--collections ...] [--steps 1500] [--limit 10] [--seeds 3]

For each collection the recipe `sli2vol` is run with its preset "Laptop CPU" on unlabelled scans, and the model that
comes out is compared with the shipped default that it started from. No label is used in training. Where a collection
has enough patients, those that are scored are not trained on; a collection of one or two scans is trained on those very
scans, which is what a person with a few scans would do, and the table says so.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from labelled_cases import COLLECTIONS, LabelledCase, data_folder, draw_seed_slice, load_collection

from napari_medssl.metrics import dice
from napari_medssl.propagation import propagate
from napari_medssl.training import find_recipe, train
from napari_medssl.training.data import Case
from napari_medssl.training.events import Event

PRESET = "Laptop CPU"
FEW = 4  # collections of fewer patients are trained on the scans that are scored


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--collections", nargs="*", default=list(COLLECTIONS), choices=COLLECTIONS)
    parser.add_argument("--steps", type=int, default=1500, help="of training, for each collection")
    parser.add_argument("--limit", type=int, default=10, help="scored cases of a collection")
    parser.add_argument("--seeds", type=int, default=3, help="drawn slices for each label")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change the preset")
    parser.add_argument("--runs", type=Path, help="keep the runs there")
    parser.add_argument("--json", type=Path, help="write all scores there")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in options.collections:
            results.append(compare(name, options, options.runs or Path(scratch)))
            print(results[-1].row(), flush=True)
    print(f"\nPreset {PRESET}, {options.steps} steps, {options.threads} threads,"
          f" {options.seeds} drawn slices a label.\n")  # fmt: skip
    print("| collection | scans trained on | minutes | scored | default | after training | change (standard error) |")
    print("|---|---|---|---|---|---|---|")
    for result in results:
        print(result.row())
    if options.json:
        scores = {r.collection: {"before": r.before.tolist(), "after": r.after.tolist()} for r in results}
        options.json.write_text(json.dumps(scores, indent=1))


@dataclass(frozen=True)
class Compared:
    """Dice in percent of each scored case, before and after."""

    collection: str
    trained_on: str
    seconds: float
    before: np.ndarray
    after: np.ndarray

    def row(self) -> str:
        change = self.after - self.before
        error = change.std(ddof=1) / np.sqrt(len(change)) if len(change) > 1 else np.nan
        return (
            f"| {self.collection} | {self.trained_on} | {self.seconds / 60:.0f} | {len(change)}"
            f" | {self.before.mean():.1f} | {self.after.mean():.1f} | {change.mean():+.1f} ({error:.1f}) |"
        )


def compare(collection: str, options: argparse.Namespace, runs: Path) -> Compared:
    """Train on a collection and score both models."""
    cases = list(load_collection(collection, options.limit))
    with tempfile.TemporaryDirectory() as scratch:
        data, trained_on = gather(collection, cases, Path(scratch))
        name = f"{collection.replace('_', '-')}-adapted"
        run = runs / name
        preset = next(p for p in find_recipe("sli2vol").presets if p.title == PRESET)
        settings = {**preset.settings, **dict(changed(word) for word in options.set)}
        settings |= {"name": name, "seconds": 0, "steps": options.steps}
        trained = train("sli2vol", data, run, on_event=report, **settings)
    before = score(cases, "default", options.seeds)
    os.environ["NAPARI_MEDSSL_MODELS"] = str(run)
    after = score(cases, name, options.seeds)
    del os.environ["NAPARI_MEDSSL_MODELS"]
    return Compared(collection, trained_on, trained.seconds, before, after)


def gather(collection: str, scored: list[LabelledCase], folder: Path) -> tuple[Path, str]:
    """A data folder of scans alone, without those of scored patients where there are enough others."""
    images = sorted((data_folder() / collection / "images").glob("*.nii.gz"))
    patients = {Case(path).patient for path in images}
    tested = {Case(Path(f"{case.name}.nii.gz")).patient for case in scored}
    others = len(patients - tested) >= FEW
    taken = [path for path in images if not (others and Case(path).patient in tested)]
    (folder / "images").mkdir()
    for path in taken:
        (folder / "images" / path.name).symlink_to(path.resolve())
    return folder, f"{len(taken)} of other patients" if others else f"the same {len(taken)}"


def score(cases: list[LabelledCase], model: str, seeds: int) -> np.ndarray:
    """Dice in percent of each case, averaged over its labels and the drawn slices."""
    return np.array([np.mean([one(case, model, label, seed) for label in case.wanted for seed in range(seeds)])
                     for case in cases])  # fmt: skip


def one(case: LabelledCase, model: str, label: int, seed: int) -> float:
    mask = case.labels == label
    drawn = np.zeros(mask.shape, dtype=np.uint8)
    index = draw_seed_slice(mask, np.random.default_rng([seed, label]))
    drawn[index] = mask[index]
    return 100 * float(dice(propagate(case.volume, drawn, model=model).labels > 0, mask))


def changed(word: str) -> tuple[str, object]:
    key, _, value = word.partition("=")
    return key, json.loads(value)


def report(event: Event) -> None:
    if event["event"] == "step" and event["step"] % 250 == 0:
        print(f"step {event['step']}, loss {event['loss']:.4f}, waiting {event['waiting']:.0%}", flush=True)


if __name__ == "__main__":
    main()
