"""Trains the shipped nodule detector with the project's own recipe and puts it on the shelf with its card.

    MEDSSL_DATA=... python tests/benchmarks/ship_nodules.py [--seconds 2400] [--threads 1] [--run DIR]

It learns from made scans, and from real nodules (LIDC-IDRI crops, CC BY 3.0) blended into boxes of two real chest CTs
(FNNDSC/data, Apache-2.0; TCIA CPTAC, CC BY). Nodules of 30 crops and three other real lungs are held back for
`real_nodules.py`, made scans of other keys for the card. An interrupted run goes on when called again with --run.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from nodule_sets import composed_sheet, made_sheet, write_set
from ship_tubes import report

from napari_medssl.models import load_weights, save_model
from napari_medssl.models.shelf import SHIPPED
from napari_medssl.nodules.model import NodulePlan
from napari_medssl.nodules.networks import build_network
from napari_medssl.training import train

NAME = "nodules"
SETTINGS: dict[str, Any] = {
    "validation": 0.06, "judged": 12, "validate_every": 400, "batch": 6, "side": 64, "learning_rate": 2e-3,
    "on_nodules": 0.65,
}  # fmt: skip
FIELDS = {
    "title": "Default (chest CT)",
    "summary": "Finds nodules of 3 to 30 mm in chest CT. Research use, not for diagnosis.",
    "trained_on": "Made pieces of lung with made nodules; 70 real nodules (LIDC-IDRI crops, CC BY 3.0) blended into"
    " boxes of two real chest CTs (FNNDSC/data, Apache-2.0; TCIA CPTAC, CC BY). No whole patient scan with its own"
    " nodules.",
    "limits": "Research use, not for diagnosis. Tested on made scans, and on 30 other real nodules blended into three"
    " other real lungs; not tested on whole patient scans with their own nodules (LUNA16 or any other), on contrast"
    " medium, on other lung disease, or against radiologists. In scans with voxels of 3 mm and more it takes many"
    " vessels for nodules. Train it further on your own annotated scans before trusting a number.",
}
WHERE = {"made": 120, "composed": 120}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2400)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--run", type=Path, help="run folder, to be able to go on later; its data lies beside it")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="another setting of the recipe")
    parser.add_argument("--keep", action="store_true", help="leave the model in the run folder only")
    parser.add_argument("--ship-only", action="store_true", help="put the finished run on the shelf")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    changes = dict(item.split("=", 1) for item in options.set)
    with tempfile.TemporaryDirectory() as scratch:
        run = options.run or Path(scratch) / "run"
        if not options.ship_only:
            learn(options.seconds, run, gather(run.with_name(f"{run.name}-data")), options.threads, **changes)
        if not options.keep:
            put_on_shelf(run)


def gather(folder: Path) -> Path:
    """The scans to learn from; those that were written already stay."""
    if not (folder / "seriesuids.csv").is_file():
        made = (made_sheet(index) for index in range(WHERE["made"]))
        composed = (composed_sheet(index) for index in range(WHERE["composed"]))
        write_set(folder, (*made, *composed))
    return folder


def learn(seconds: float, run: Path, data: Path, threads: int, **changes: Any) -> None:
    """Train, or go on training."""
    resume = (run / "settings.json").is_file()
    settings = {**changes} if resume else {"name": NAME, "threads": threads, **SETTINGS, **changes}
    train("nodules", data, run, resume=resume, on_event=report, seconds=seconds, **settings)


def put_on_shelf(run: Path) -> None:
    """Put a run's model into the package, then measure it, and write what came out on its card."""
    from real_nodules import card_metrics  # not needed for training

    os.environ["NAPARI_MEDSSL_MODELS"] = str(run)
    card, tensors = load_weights(NAME)
    del os.environ["NAPARI_MEDSSL_MODELS"]
    kept = build_network(NodulePlan.model_validate(card.settings)).state_dict().keys()
    tensors = {name: tensor for name, tensor in tensors.items() if name in kept}  # not what nothing is computed with
    fields = card.model_dump(exclude={"size", "sha256"}) | FIELDS
    save_model(SHIPPED, tensors, **fields)
    measured, threshold = card_metrics("default")
    fields["settings"] = {**fields["settings"], "threshold": threshold}
    fields["metrics"] = {**fields["metrics"], **measured}
    save_model(SHIPPED, tensors, **fields)
    print(f"{NAME}: {card.training['steps']} steps in {card.training['seconds']:.0f} s, in {SHIPPED}")
    print(fields["metrics"], "threshold", threshold)


if __name__ == "__main__":
    main()
