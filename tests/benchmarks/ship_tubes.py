"""Trains the shipped tube model with the project's own recipe and puts it on the shelf with its card.

    MEDSSL_DATA=... python tests/benchmarks/ship_tubes.py [--seconds 1800] [--threads 1] [--run DIR]

No scan is learnt from: samples are rendered from random trees and from two real tree masks whose terms allow it (a
pulmonary artery tree, SeqSeg, Apache-2.0; a brain artery tree, OpenNeuro ds003949, CC0). An interrupted run goes on
when called again with the same --run folder; of a complete one the model is put on the shelf. What is shipped had two
legs: 3300 s, then 5400 s from there with surroundings made harder (--seconds 5400 --set start=tubes
--set learning_rate=2e-3).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import torch
from labelled_cases import data_folder
from tubes_table import Table, measure

from napari_medssl import tubes
from napari_medssl.devices import pick_device
from napari_medssl.models import load_weights, save_model
from napari_medssl.models.loading import ready
from napari_medssl.models.shelf import SHIPPED
from napari_medssl.training import train
from napari_medssl.training.events import Event
from napari_medssl.tubes.model import TubePlan
from napari_medssl.tubes.networks import build_network

NAME = "tubes"
MASKS = ("pulmonary_artery_tree_1", "brain_artery_tree")
FIELDS = {
    "title": "Default (bright or dark tubes, CT and MR)",
    "summary": "Finds vessels, and airways as dark tubes, without training data of your own.",
    "trained_on": "No scans: random trees made by the project, and two real tree masks (pulmonary arteries, SeqSeg,"
    " Apache-2.0; brain arteries, OpenNeuro ds003949, CC0), rendered in made surroundings.",
    "limits": "Finds anything tube-like that is brighter (or darker) than what surrounds it, whatever its name; ribs"
    " and other rods of bone are taken for vessels, too, and chambers of the heart in part. Good for vessels in dark"
    " surroundings, such as in the lung or in angiograms, and for airways; of dissected vessels the false lumen is"
    " missed where it is hardly brighter than tissue. Tubes under a voxel's radius, and those that touch something as"
    " bright, are easily missed. Trained for two and a half hours on one CPU thread. For research, not for diagnosis.",
    "parents": [],  # an earlier model of the same name
}
SETTINGS: dict[str, Any] = {
    "synthetic": 1.0, "drawn": 0.25, "validation": 0, "validate_every": 200, "batch": 2, "side": 48, "largest": 8,
    "learning_rate": 3e-3, "trees": 100,
}  # fmt: skip
USED: dict[str, Any] = {"scales": 3, "window": 64.0, "finer_below": 0.5, "mirrored": True}  # unlike training


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--run", type=Path, help="run folder, to be able to go on later")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="another setting of the recipe")
    parser.add_argument("--made", type=int, default=8, help="held-back made volumes to measure, beside the real ones")
    parser.add_argument("--keep", action="store_true", help="leave the model in the run folder only")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    changes = dict(item.split("=", 1) for item in options.set)
    with tempfile.TemporaryDirectory() as scratch:
        run = options.run or Path(scratch) / "run"
        if not (run / f"{NAME}.json").is_file():
            learn(options.seconds, run, gather(Path(scratch) / "data"), **changes)
        if not options.keep:
            put_on_shelf(run, options.made)


def learn(seconds: float, run: Path, data: Path, **changes: Any) -> None:
    """Train, or go on training."""
    resume = (run / "settings.json").is_file()
    settings = {**changes} if resume else {"name": NAME, **SETTINGS, **changes}
    train("ddt", data, run, resume=resume, on_event=report, seconds=seconds, **settings)


def put_on_shelf(run: Path, made: int) -> None:
    """Put a run's model into the package, with figures of `made` held-back volumes and the real ones on its card."""
    card, tensors = load_from(run)
    plan = TubePlan.model_validate({**card.settings, **USED})
    table = measure(as_used(plan, tensors), made, filters=False)
    fields = card.model_dump(exclude={"size", "sha256"}) | FIELDS
    fields["settings"] = plan.model_dump(mode="json")
    fields["metrics"] = {**fields["metrics"], "per cent at 0.5, within 8 voxels of what is labelled": figures_of(table)}
    save_model(SHIPPED, tensors, **fields)
    print(f"{NAME}: {card.training['steps']} steps in {card.training['seconds']:.0f} s, in {SHIPPED}")


def as_used(plan: TubePlan, tensors: dict[str, torch.Tensor]) -> tubes.TubeModel:
    """A network with these weights."""
    on = pick_device("cpu")
    return tubes.TubeModel(ready(lambda: build_network(plan), tensors, on), plan, on)


def figures_of(table: Table) -> dict[str, dict[str, dict[str, float]]]:
    """The table as a card tells it."""
    return {
        case: {kind: {"Dice": round(a, 1), "clDice": round(b, 1)} for kind, (a, b) in scores.items()}
        for case, scores in table.items()
    }


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
