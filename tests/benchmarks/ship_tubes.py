"""Trains the shipped tube model with the project's own recipe and puts it on the shelf with its card.

    MEDSSL_DATA=... python tests/benchmarks/ship_tubes.py [--seconds 1800] [--threads 1] [--run DIR]

No scan is learnt from: samples are rendered from random trees and from two real tree masks whose terms allow it (a
pulmonary artery tree, SeqSeg, Apache-2.0; a brain artery tree, OpenNeuro ds003949, CC0). An interrupted run goes on
when called again with the same --run folder.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import torch
from labelled_cases import data_folder

from napari_medssl.models import load_weights, save_model
from napari_medssl.models.shelf import SHIPPED
from napari_medssl.training import train
from napari_medssl.training.events import Event

NAME = "tubes"
MASKS = ("pulmonary_artery_tree_1", "brain_artery_tree")
FIELDS = {
    "title": "Default (bright or dark tubes, CT and MR)",
    "summary": "Finds vessels, and airways as dark tubes, without training data of your own.",
    "trained_on": "No scans: random trees made by the project, and two real tree masks (pulmonary arteries, SeqSeg,"
    " Apache-2.0; brain arteries, OpenNeuro ds003949, CC0), rendered in made surroundings.",
    "limits": "Finds anything tube-like that is brighter (or darker) than what surrounds it, whatever its name; tubes"
    " under a voxel's radius, and those that touch something as bright, are easily missed. Trained for half an hour on"
    " one CPU thread, which is too short: on CT it does not yet reach what the best threshold finds."
    " For research, not for diagnosis.",
}
SETTINGS: dict[str, Any] = {
    "synthetic": 1.0, "drawn": 0.25, "validation": 0, "validate_every": 200, "batch": 2, "side": 48, "largest": 8,
    "learning_rate": 3e-3, "trees": 100,
}  # fmt: skip
USED: dict[str, Any] = {"scales": 2, "window": 96.0, "finer_below": 0.5}  # how use differs from training


# Per cent, tests/benchmarks/tubes_table.py; what is labelled and 8 voxels around it, one threshold for all.
METRICS: dict[str, Any] = {
    "aorta CTA": {"Dice": 16.6, "clDice": 29.6},
    "chest CT 4 mm, vessels": {"Dice": 1.1, "clDice": 1.3},
    "chest CT 4 mm, airways": {"Dice": 47.2, "clDice": 35.3},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--run", type=Path, help="run folder, to be able to go on later")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="another setting of the recipe")
    parser.add_argument("--keep", action="store_true", help="leave the model in the run folder only")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    changes = dict(item.split("=", 1) for item in options.set)
    with tempfile.TemporaryDirectory() as scratch:
        run = options.run or Path(scratch) / "run"
        learn(options.seconds, run, gather(Path(scratch) / "data"), **changes)
        if not options.keep:
            put_on_shelf(run)


def learn(seconds: float, run: Path, data: Path, **changes: Any) -> None:
    """Train, or go on training."""
    resume = (run / "settings.json").is_file()
    settings = {**changes} if resume else {"name": NAME, **SETTINGS, **changes}
    train("ddt", data, run, resume=resume, on_event=report, seconds=seconds, **settings)


def put_on_shelf(run: Path) -> None:
    """Put a run's model into the package."""
    card, tensors = load_from(run)
    fields = card.model_dump(exclude={"size", "sha256"}) | FIELDS
    fields["settings"] = {**fields["settings"], **USED}
    fields["metrics"] = {**fields["metrics"], **METRICS}
    save_model(SHIPPED, tensors, **fields)
    print(f"{NAME}: {card.training['steps']} steps in {card.training['seconds']:.0f} s, in {SHIPPED}")


def load_from(run: Path) -> tuple[Any, dict[str, torch.Tensor]]:
    """The model that a run left in its folder."""
    import os

    os.environ["NAPARI_MEDSSL_MODELS"] = str(run)
    return load_weights(NAME)


def gather(folder: Path) -> Path:
    """A data folder of the masks that shipped weights may be trained on; a mask stands in for its scan."""
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
        for name in MASKS:
            source = data_folder() / "vessel_trees" / f"{name}.nii.gz"
            (folder / part / source.name).symlink_to(source.resolve())
    return folder


def report(event: Event) -> None:
    if event["event"] != "step" or event["step"] % 20 == 0:
        print({key: value for key, value in event.items() if key != "pictures"}, flush=True)


if __name__ == "__main__":
    main()
