"""``napari-medssl refine``: a mask, or a network's two maps, in; tubes rebuilt from their centre lines out."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medssl.commands import options
from napari_medssl.commands.checks import check_folder_output
from napari_medssl.commands.output import print_json
from napari_medssl.errors import BadInput

if TYPE_CHECKING:
    from napari_medssl.tubes import Branch, Refinement
    from napari_medssl.volumes import Volume

FILES = ("refined.nii.gz", "skeleton.nii.gz", "radius.nii.gz", "difference.nii.gz", "branches.csv")
PROBABILITY = "probability.nii.gz"


def add_parser(subparsers: options.Subparsers) -> None:
    """Describe the command's options."""
    parser = options.add_command(
        subparsers,
        "refine",
        run,
        "rebuild vessels, ducts or airways from their centre lines: smooth walls, small gaps closed, branches measured",
        epilog="Written into DIR: " + ", ".join(FILES) + f"; with RADIUS also {PROBABILITY}, the refined map. "
        "Difference: 1 kept, 2 added, 3 removed.",
    )
    add = parser.add_argument
    # fmt: off
    add("mask", metavar="MASK|PROBABILITY", type=Path,
        help="a mask with one or more labels; with RADIUS, a network's probability from 0 to 1")
    add("radius", metavar="RADIUS", type=Path, nargs="?",
        help="the radius map in mm that belongs to the probability: distance to the tube's surface voxels")
    add("-o", "--output", metavar="DIR", type=Path, required=True, help="the folder to write into")
    add("--mode", choices=("default", "paper"), default="default",
        help="with RADIUS: what works best on real scans, or exactly the paper's sum of soft balls (default: default)")
    add("--threshold", metavar="P", type=options.fraction, default=0.5,
        help="with RADIUS: a voxel of the refined map belongs to the tube from here on (default: 0.5)")
    add("--skeleton-threshold", metavar="P", type=options.fraction, default=0.98,
        help="with RADIUS: what the network must be sure of, somewhere in each connected part (default: 0.98)")
    # fmt: on


def run(args: argparse.Namespace) -> int:
    """Refine, write, and say what changed."""
    if args.radius is None and (args.mode, args.threshold, args.skeleton_threshold) != ("default", 0.5, 0.98):
        raise BadInput("--mode, --threshold and --skeleton-threshold need a probability and a radius; give both files.")
    check_folder_output(args.output, (*FILES, PROBABILITY), filter(None, (args.mask, args.radius)))

    from napari_medssl.tubes import branches, refine_mask

    before, result = _from_mask(args) if args.radius is None else _from_maps(args)
    # The paper's pseudo skeleton is no line; its result has one like any mask.
    thin = result if args.mode == "default" else refine_mask(result.labels, spacing=before.spacing)
    found = branches(thin, spacing=before.spacing)
    _write(args.output, before, result, found, probability=args.radius is not None)
    report = _report(args, before, result, found)
    if args.json:
        print_json(report)
    else:
        print(_in_words(report, args.output, before))
    return 0


def _from_mask(args: argparse.Namespace) -> tuple[Volume, Refinement]:
    from napari_medssl.tubes import refine_mask
    from napari_medssl.volumes import read_labels

    mask = read_labels(args.mask)
    if not mask.array.any():
        raise BadInput(f"{args.mask} is empty, so there is nothing to refine; draw or propagate a mask first.")
    return mask, refine_mask(mask.array, spacing=mask.spacing)


def _from_maps(args: argparse.Namespace) -> tuple[Volume, Refinement]:
    from dataclasses import replace

    import numpy as np

    from napari_medssl.tubes import refine
    from napari_medssl.volumes import read_volume
    from napari_medssl.volumes.labels import grid_difference

    probability, radius = read_volume(args.mask), read_volume(args.radius)
    if probability.shape != radius.shape:
        raise BadInput(
            f"{args.mask} has the shape {probability.shape} and {args.radius} has {radius.shape} (z, y, x); "
            "both must come from the same scan."
        )
    difference = grid_difference(probability.geometry, radius.geometry)
    if difference:
        raise BadInput(f"{args.radius} does not lie where {args.mask} lies: {difference}.")
    p, z = (volume.array.astype(np.float32) for volume in (probability, radius))
    result = refine(
        p,
        z,
        spacing=probability.spacing,
        mode=args.mode,
        skeleton_threshold=args.skeleton_threshold,
        threshold=args.threshold,
    )
    return replace(probability, array=(p >= args.threshold).astype(np.uint8)), result


def _write(folder: Path, before: Volume, result: Refinement, found: list[Branch], *, probability: bool) -> None:
    from dataclasses import replace

    import numpy as np

    from napari_medssl.tubes import difference, write_branches
    from napari_medssl.volumes import write_labels, write_volume

    folder.mkdir(exist_ok=True)
    geometry = before.geometry
    write_labels(folder / "refined.nii.gz", replace(before, array=result.labels))
    write_labels(folder / "skeleton.nii.gz", np.where(result.skeleton, np.maximum(result.labels, 1), 0), geometry)
    write_volume(folder / "radius.nii.gz", result.radius, geometry)
    write_labels(folder / "difference.nii.gz", difference(before.array, result), geometry)
    if probability:
        write_volume(folder / PROBABILITY, result.refined, geometry)
    write_branches(folder / "branches.csv", found)


def _report(args: argparse.Namespace, before: Volume, result: Refinement, found: list[Branch]) -> dict[str, object]:
    import numpy as np

    ml = math.prod(before.spacing) / 1000
    old, new = np.asarray(before.array), result.labels
    return {
        "input": args.mask,
        "radius": args.radius,
        "output": args.output,
        "before_ml": int(np.count_nonzero(old)) * ml,
        "after_ml": int(np.count_nonzero(new)) * ml,
        "added_ml": int(np.count_nonzero((new > 0) & (old != new))) * ml,
        "removed_ml": int(np.count_nonzero((old > 0) & (old != new))) * ml,
        "branches": len(found),
        "length_mm": sum(one.length for one in found),
        "narrowings": sum(len(one.narrowings) for one in found),
        "notes": before.notes,
    }


def _in_words(report: dict[str, object], folder: Path, before: Volume) -> str:
    volumes = "Volume: {before_ml:.4g} ml before, {after_ml:.4g} ml after: {added_ml:.3g} new, {removed_ml:.3g} gone."
    tree = "Branches: {branches}, together {length_mm:.0f} mm; places to look at for narrowing: {narrowings}."
    notes = [note.rstrip(".") + "." for note in before.notes]
    return "\n".join([*notes, volumes.format(**report), tree.format(**report), f"Written into {folder}."])
