"""``napari-medssl evaluate``: how far a result is from the truth."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from napari_medssl.commands import evaluate_detection, options
from napari_medssl.commands.output import print_json, table
from napari_medssl.errors import BadInput


def add_parser(subparsers: options.Subparsers) -> None:
    """Describe the command's options."""
    parser = options.add_command(subparsers, "evaluate", None, "compare a result with the truth")
    kinds = parser.add_subparsers(title="kinds", metavar="KIND", dest="kind", required=True)
    masks = options.add_command(
        kinds, "segmentation", run_segmentation, "Dice, surface distances in mm and volumes in ml, label by label"
    )
    masks.add_argument("prediction", metavar="PRED", type=Path, help="the mask to judge")
    masks.add_argument("truth", metavar="TRUTH", type=Path, help="the mask to judge it by, on the same grid")
    evaluate_detection.add_kind(kinds)


def run_segmentation(args: argparse.Namespace) -> int:
    """Print the report of one mask against another."""
    from napari_medssl.metrics import evaluate_segmentation
    from napari_medssl.volumes import read_labels

    truth = read_labels(args.truth)
    prediction = read_labels(args.prediction, like=truth)
    if not truth.array.any() and not prediction.array.any():
        raise BadInput(f"Neither {args.prediction} nor {args.truth} holds a label, so there is nothing to compare.")
    report = evaluate_segmentation(prediction.array, truth.array, truth.spacing)
    if args.json:
        print_json({"prediction": args.prediction, "truth": args.truth, **report.as_dict()})
        return 0
    rows = [
        (str(one.label), one.dice, one.hausdorff95_mm, one.mean_surface_distance_mm, one.prediction_ml, one.truth_ml)
        for one in report.labels
    ]
    rows.append(
        ("mean", report.mean_dice, report.mean_hausdorff95_mm, report.mean_surface_distance_mm, math.nan, math.nan)
    )
    header = ("Label", "Dice", "HD95 (mm)", "Mean surface distance (mm)", "Volume (ml)", "True volume (ml)")
    print(table(header, [(name, f"{dice:.3f}", *map(_number, rest)) for name, dice, *rest in rows]))
    return 0


def _number(value: float) -> str:
    return "-" if not math.isfinite(value) else f"{value:.4g}"
