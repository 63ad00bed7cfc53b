"""The ablation of the deep distance transform, in the paper's form: what radii, lambda and the refinement are worth.

    MEDSSL_DATA=... python tests/benchmarks/tubes_ablation.py [--seconds 1200] [--seeds 0] [--runs DIR] [--made 12]

Each row is a network of the same kind, trained for the same time on the same made samples, and scored on held-back made
volumes and, within 8 voxels of what is labelled, on the real ones. Rows of one network differ in what is done with its
maps: taken as they are, rebuilt from the pseudo skeleton alone (without the probability), or refined, by the paper's
formulas or as the project does by default. An interrupted ablation goes on when called again with the same --runs.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from ship_tubes import NAME, SETTINGS, USED, gather
from tubes_table import Case, made_cases, real_cases, score

from napari_medssl import tubes
from napari_medssl.training import train

NETWORKS: dict[str, dict[str, Any]] = {
    "baseline": {"loss": "balanced", "distance_weight": 0.0},
    "DDT, lambda 0": {"loss": "balanced", "distance_weight": 1.0, "far_off": 0.0},
    "DDT, lambda 1": {"loss": "balanced", "distance_weight": 1.0, "far_off": 1.0},
    "Dice, cross-entropy": {"loss": "overlap", "distance_weight": 0.0},
    "clDice loss": {"loss": "cldice", "distance_weight": 0.0},
    "skeleton recall": {"loss": "skeleton", "distance_weight": 0.0},
    "default": {"loss": "overlap", "distance_weight": 0.5},
}
Mask = NDArray[np.bool_]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1200, help="of training for each network")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--made", type=int, default=12, help="held-back made volumes")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="another setting of the recipe")
    parser.add_argument("--runs", type=Path, help="folder for the runs and figures, to be able to go on later")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    changes = dict(item.split("=", 1) for item in options.set)
    with tempfile.TemporaryDirectory() as scratch:
        runs, data = options.runs or Path(scratch) / "runs", gather(Path(scratch) / "data")
        cases = [*made_cases(options.made), *real_cases()]
        rows: dict[str, list[list[tuple[float, float]]]] = {}
        for seed in options.seeds:
            for name in options.only:
                run = runs / f"{name.replace(', ', '-').replace(' ', '-')}-{seed}"
                model = trained(name, seed, options.seconds, run, data, changes)
                for row, figures in scored(name, model, cases, run).items():
                    rows.setdefault(row, []).append(figures)
                    show(row, [figures], cases)
    print(f"\nMeans over {len(options.seeds)} seeds, Dice/clDice in per cent")
    for row, figures in rows.items():
        show(row, figures, cases)


def trained(name: str, seed: int, seconds: float, run: Path, data: Path, changes: dict[str, str]) -> tubes.TubeModel:
    """The network of a row, trained now or before."""
    if not (run / f"{NAME}.json").is_file():
        resume = (run / "settings.json").is_file()
        settings = {} if resume else {"name": NAME, **SETTINGS, **NETWORKS[name], "seed": seed, **changes}
        run.parent.mkdir(parents=True, exist_ok=True)
        train("ddt", data, run, resume=resume, seconds=seconds, **settings)
    os.environ["NAPARI_MEDSSL_MODELS"] = str(run)
    found = tubes.load_model(NAME)
    return tubes.TubeModel(found.network, found.plan.model_copy(update=USED), found.device)


def scored(name: str, model: tubes.TubeModel, cases: list[Case], run: Path) -> dict[str, list[tuple[float, float]]]:
    """{row: scores of each case}, kept beside the run."""
    kept = run / "ablation.json"
    if kept.is_file():
        return {row: [tuple(pair) for pair in figures] for row, figures in json.loads(kept.read_text()).items()}
    rows: dict[str, list[tuple[float, float]]] = {}
    for case in cases:
        for row, mask in masks(name, model, case):
            rows.setdefault(row, []).append(score(mask, case))
    kept.write_text(json.dumps(rows))
    return rows


def masks(name: str, model: tubes.TubeModel, case: Case) -> Iterator[tuple[str, Mask]]:
    """What each row finds in a case."""
    found = tubes.segment(case.array, spacing=case.spacing, polarity=case.polarity, model=model)
    p, z = found.probability, found.radius
    yield name, p >= 0.5
    if not NETWORKS[name]["distance_weight"]:
        return
    sure = (p > 0.98).astype(np.float32)  # the formula's S, with p_u left out of the sum
    yield f"{name}, skeleton only", tubes.refine(sure, z, spacing=case.spacing, mode="paper").labels > 0
    yield f"{name}, refined as published", tubes.refine(p, z, spacing=case.spacing, mode="paper").labels > 0
    yield f"{name}, refined", tubes.refine(p, z, spacing=case.spacing, skeleton_threshold=0.8).labels > 0


def show(row: str, figures: list[list[tuple[float, float]]], cases: list[Case]) -> None:
    """A row: the mean of the made volumes, then each real one."""
    means = np.mean(np.array(figures), axis=0)  # (cases, 2)
    made = [index for index, case in enumerate(cases) if case.name.startswith("made")]
    parts = [("made", means[made].mean(0))] if made else []
    parts += [(case.name, means[index]) for index, case in enumerate(cases) if index not in made]
    print(f"{row:38}" + "  ".join(f"{name} {a:.1f}/{b:.1f}" for name, (a, b) in parts), flush=True)


if __name__ == "__main__":
    main()
