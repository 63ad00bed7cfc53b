"""Trains the shipped models with the project's own recipe and puts them on the shelf with their cards.

    MEDSSL_DATA=... python tests/benchmarks/ship_models.py features|default|sli2vol-paper [--seconds 1500] [--threads 2]

`features` learns to match, without a refiner; `default` starts from the features of the default model on the shelf, or
of `--start`, and learns the refiner.

Uses only volumes whose terms allow it: chest and abdomen CT and lung CT (FNNDSC, Apache-2.0; TCIA CPTAC, CC BY;
elastix, Apache-2.0), one T1 brain MR (FNNDSC, Apache-2.0), and random shapes made by the project itself. An
interrupted run goes on when called again with the same --run folder.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from labelled_cases import data_folder

from napari_medssl.models import load_weights, save_model
from napari_medssl.models.shelf import SHIPPED
from napari_medssl.training import train
from napari_medssl.training.events import Event

SCANS = (
    "3 CT (chest and abdomen, FNNDSC, Apache-2.0; lung, TCIA CPTAC, CC BY; one lung, elastix test data, Apache-2.0)"
    " and 1 T1 brain MR (FNNDSC, Apache-2.0), all unlabelled"
)
LIMITS = (
    "Errors add up with the distance from the drawn slice; structures that branch or end, thin ones, and neighbours"
    " of the same intensity need more drawn slices. For research, not for diagnosis."
)


@dataclass(frozen=True)
class Shipped:
    """A model to ship: the recipe's settings and what its card says."""

    title: str
    summary: str
    trained_on: str
    settings: dict[str, Any] = field(default_factory=dict)
    used: dict[str, Any] = field(default_factory=dict)  # settings of matching that use changes after training


MODELS = {
    "features": Shipped(
        title="Matching alone",
        summary="The features of the default model, without its refiner.",
        trained_on=f"{SCANS}; random labelled shapes and phantoms made by the project.",
        settings={"batch": 6, "synthetic": 3, "shapes": 300, "phantoms": 16, "validation": 0},
    ),
    "default": Shipped(
        title="Default (CT and MR)",
        summary="Quick and general; the one to start with.",
        trained_on=f"{SCANS}; random labelled shapes and phantoms made by the project. The refiner: regions of the same"
        " scans, found by their edges, the shapes and the phantoms.",
        settings={
            "start": "default", "keep_features": True, "batch": 6, "chains": 6, "synthetic": 0, "shapes": 150,
            "phantoms": 24, "regions": 60, "learning_rate": 1e-3, "validation": 0,
        },
        used={"temperature": 1.5},
    ),
    "sli2vol-paper": Shipped(
        title="Sli2Vol as published",
        summary="The published network and verification, trained for a short time; slow, for comparison.",
        trained_on=f"{SCANS}.",
        settings={"network": "paper", "batch": 2, "synthetic": 0, "nearest": 2, "furthest": 4, "temperature": 1.0,
                  "validation": 0},
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=MODELS)
    parser.add_argument("--seconds", type=float, default=1500)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--start", help="model whose features the refiner is learnt on, if not the default")
    parser.add_argument("--run", type=Path, help="run folder, to be able to go on later")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as scratch:
        run = options.run or Path(scratch) / "run"
        changes = {"start": options.start} if options.start else {}
        ship(options.name, options.seconds, run, gather(Path(scratch) / "data"), **changes)


def ship(name: str, seconds: float, run: Path, data: Path, **changes: Any) -> None:
    """Train (or go on training) and put the result into the package."""
    model = MODELS[name]
    resume = (run / "settings.json").is_file()
    settings = {} if resume else {"name": name, **model.settings, **changes}
    train("sli2vol", data, run, resume=resume, on_event=report, seconds=seconds, **settings)
    card, tensors = load_from(run, name)
    fields = card.model_dump(exclude={"size", "sha256"})
    fields |= {"title": model.title, "summary": model.summary, "trained_on": model.trained_on, "limits": LIMITS}
    fields["settings"] = {**fields["settings"], **model.used}
    save_model(SHIPPED, tensors, **fields)
    print(f"{name}: {card.training['steps']} steps in {card.training['seconds']:.0f} s, in {SHIPPED}")


def load_from(run: Path, name: str) -> tuple[Any, dict[str, torch.Tensor]]:
    """The model that a run left in its folder."""
    import os

    os.environ["NAPARI_MEDSSL_MODELS"] = str(run)
    return load_weights(name)


def gather(folder: Path) -> Path:
    """A data folder of the volumes that shipped weights may be trained on."""
    (folder / "images").mkdir(parents=True)
    for collection in ("unlabelled_ct", "unlabelled_mr"):
        for path in sorted((data_folder() / collection / "images").glob("*.nii.gz")):
            (folder / "images" / path.name).symlink_to(path.resolve())
    return folder


def report(event: Event) -> None:
    if event["event"] != "step" or event["step"] % 100 == 0:
        print(event, flush=True)


if __name__ == "__main__":
    main()
