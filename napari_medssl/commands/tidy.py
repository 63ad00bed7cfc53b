"""``napari-medssl tidy``: clean up a mask."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medssl.commands import options
from napari_medssl.commands.checks import check_label_output
from napari_medssl.commands.output import print_json, table
from napari_medssl.errors import BadInput

if TYPE_CHECKING:
    from napari_medssl.volumes import Volume

BETWEEN = "fill_between"


class _Note(argparse.Action):
    """Notes the steps in the order in which they are given."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: Any = None) -> None:
        amount = values if isinstance(values, float) else 0.0
        namespace.steps = [*(namespace.steps or []), (self.dest, amount)]


def add_parser(subparsers: options.Subparsers) -> None:
    """Describe the command's options."""
    parser = options.add_command(
        subparsers,
        "tidy",
        run,
        "clean up a mask: holes, islands, rough edges, gaps between slices; never over other labels",
        epilog="The steps are done in the order in which they are given.",
    )
    parser.add_argument("mask", metavar="MASK", type=Path, help="the mask, with one or more labels")
    parser.add_argument("-o", "--output", metavar="OUT", type=Path, required=True, help="where to write the result")
    parser.add_argument("--labels", metavar="1,2", type=_labels, help="clean up only these (default: all)")
    parser.add_argument("--lock", metavar="3,4", type=_labels, default=(), help="never change these")
    parser.add_argument(
        "--axis",
        type=int,
        choices=(0, 1, 2),
        help="clean up each slice along this axis on its own (default: in three dimensions), and count the slices of"
        " --fill-between along it (default: 0)",
    )
    steps = parser.add_argument_group("steps")
    for flag, help_text in (
        ("fill-between", "fill the gaps between slices that hold the label, by shape"),
        ("fill-holes", "fill what is enclosed on all sides"),
        ("keep-largest", "remove all pieces but the largest"),
    ):
        steps.add_argument(f"--{flag}", action=_Note, nargs=0, dest=flag.replace("-", "_"), help=help_text)
    for flag, unit, help_text in (
        ("remove-small", "ML", "remove pieces below this volume"),
        ("smooth", "MM", "smooth the surface (standard deviation of a Gaussian); the volume stays"),
        ("grow", "MM", "make it larger on all sides"),
        ("shrink", "MM", "make it smaller on all sides"),
    ):
        name = flag.replace("-", "_")
        steps.add_argument(f"--{flag}", action=_Note, metavar=unit, type=_amount, dest=name, help=help_text)
    parser.set_defaults(steps=None)


def run(args: argparse.Namespace) -> int:
    """Clean up and write; print the volumes before and after."""
    if not args.steps:
        raise BadInput("Say what to tidy up, for example --fill-holes or --smooth 1.5; see napari-medssl tidy --help.")
    check_label_output(args.output, (args.mask,))
    from dataclasses import replace

    from napari_medssl.volumes import read_labels, write_labels
    from napari_medssl.volumes.sizes import voxels_by_slice

    mask = read_labels(args.mask)
    before = {label: int(counts.sum()) for label, counts in voxels_by_slice(mask.array).items()}
    missing = sorted({*(args.labels or ()), *args.lock} - before.keys())
    if missing:
        raise BadInput(f"{args.mask} does not hold label {missing[0]}; it holds {_listed(before) or 'none'}.")
    which = sorted(set(before if args.labels is None else args.labels) - set(args.lock))
    result = replace(mask, array=_tidied(mask, args.steps, which, args.axis))
    write_labels(args.output, result)
    after = {label: int(counts.sum()) for label, counts in voxels_by_slice(result.array).items()}
    voxel_ml = math.prod(mask.spacing) / 1000
    volumes = {label: (count * voxel_ml, after.get(label, 0) * voxel_ml) for label, count in before.items()}
    if args.json:
        print_json(
            {
                "mask": args.mask,
                "output": args.output,
                "labels": {label: {"before_ml": old, "after_ml": new} for label, (old, new) in volumes.items()},
            }
        )
        return 0
    rows = [(str(label), f"{old:.4g}", f"{new:.4g}") for label, (old, new) in volumes.items()]
    print(table(("Label", "Before (ml)", "After (ml)"), rows))
    print(f"Written: {args.output}")
    return 0


def _tidied(mask: Volume, steps: list[tuple[Any, float]], which: list[int], axis: int | None) -> Any:
    import numpy as np

    from napari_medssl.propagation.fill_between import fill_between, slices_with
    from napari_medssl.volumes.tidy import Step, tidy

    labels = np.asarray(mask.array)
    for name, amount in steps:
        if name == BETWEEN:
            slices = {label: own for label, own in slices_with(labels, axis or 0).items() if label in which}
            labels = fill_between(labels, mask.spacing, slices=slices, axis=axis or 0)
        else:
            labels = tidy(labels, [Step(name, amount)], mask.spacing, which=which, axis=axis)
    return labels


def _amount(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _labels(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and int(part) for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of labels, such as 1,3")
    return tuple(int(part) for part in parts)


def _listed(labels: Any) -> str:
    return ", ".join(map(str, labels))
