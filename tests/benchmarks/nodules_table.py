"""Nodule detection with few annotated scans: supervised against FocalMix, which learns from the others as well.

    python tests/benchmarks/nodules_table.py [--labelled 10] [--unlabelled 100] [--steps 600] [--seeds 1]
        [--arms nodules focalmix] [--set KEY=VALUE]... [--folder DIR]

The scans are made (`nodules.learning.made_scans`), and so is the test set of `--test` scans; all arms see the same
labelled ones and run the same number of steps, and both start from the same weights at each seed. Ablations are arms,
too: "focalmix:augmentations=1", "focalmix:mixup=none", "focalmix:soft_alpha=false,soft_beta=false" and so on. With
`--seconds` arms get the same time instead of the same steps.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nodule_sets import made_sheet, write_set
from real_nodules import Marks

from napari_medssl.metrics.froc import RATES, Froc
from napari_medssl.nodules.inference import find_balls
from napari_medssl.nodules.load import DetectorModel
from napari_medssl.nodules.model import NodulePlan
from napari_medssl.nodules.networks import build_network
from napari_medssl.training import train

LEARNT, TEST = 111, 112  # keys of made scans
SETTINGS: dict[str, Any] = {
    "seconds": 0, "validation": 0, "batch": 4, "side": 48, "learning_rate": 2e-3, "tensorboard": False,
    "checkpoint_seconds": 3600,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labelled", type=int, default=10)
    parser.add_argument("--unlabelled", type=int, default=100)
    parser.add_argument("--test", type=int, default=40)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--arms", nargs="+", default=["nodules", "focalmix"])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of all arms")
    parser.add_argument("--folder", type=Path, help="where the scans are kept for another time")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as scratch:
        data = gather(options.folder or Path(scratch) / "data", options.labelled, options.unlabelled)
        test = [made_sheet(index, TEST) for index in range(options.test)]
        print(f"{'':44}CPM   95 % band     found at {', '.join(f'{rate:g}' for rate in RATES)} false marks per scan")
        for arm in options.arms:
            name, _, changes = arm.partition(":")
            changed = dict(item.split("=", 1) for item in [*options.set, *filter(None, changes.split(","))])
            budget = {"seconds": options.seconds} if options.seconds else {"steps": options.steps}
            curves = []
            for seed in range(options.seeds):
                started = time.monotonic()
                run = Path(scratch) / f"{len(list(Path(scratch).iterdir()))}"
                made = train(
                    name, data, run, **{**SETTINGS, **budget, **changed, "seed": seed, "threads": options.threads}
                )
                curves.append(marks_of(run, made.card.settings, made.card.name, test).curve(test, bootstraps=1000))
                show(f"{arm}, seed {seed} ({made.steps} steps, {time.monotonic() - started:.0f} s)", curves[-1])
            if len(curves) > 1:
                scores = [100 * curve.cpm for curve in curves]
                print(f"{arm}: CPM {np.mean(scores):.1f} +- {np.std(scores, ddof=1):.1f} over {len(scores)} seeds")


def gather(folder: Path, labelled: int, unlabelled: int) -> Path:
    """The scans to learn from, of which the first ones are annotated."""
    if not (folder / "seriesuids.csv").is_file():
        write_set(folder, (made_sheet(index, LEARNT) for index in range(labelled + unlabelled)), labelled)
    return folder


def marks_of(run: Path, settings: dict[str, Any], name: str, test: list[Any]) -> Marks:
    """What a run's network says of the test scans, which are all lung."""
    from safetensors.torch import load_file

    plan = NodulePlan.model_validate(settings)
    network = build_network(plan)
    network.load_state_dict(load_file(run / f"{name}.safetensors"))
    model = DetectorModel(network.eval(), plan, torch.device("cpu"))
    everywhere = np.ones((1, 1, 1), dtype=np.bool_)
    found = Marks()
    for sheet in test:
        balls, scores = find_balls(model, sheet.array, (1.0, 1.0, 1.0), everywhere, sheet.array.shape, least=0.01)
        found.rows[sheet.name] = [(*ball[2::-1], score) for ball, score in zip(balls, scores, strict=True)]
    return found


def show(title: str, curve: Froc) -> None:
    values = " ".join(f"{100 * value:5.1f}" for value in curve.sensitivities)
    band = f"{100 * curve.cpm_low:.1f}-{100 * curve.cpm_high:.1f}"
    print(f"{title:42}{100 * curve.cpm:5.1f}  {band:>11}   {values}", flush=True)


if __name__ == "__main__":
    main()
