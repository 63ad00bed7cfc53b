"""``napari-medssl tubes``: a scan in; how probable and how thick its tubes are, rebuilt and measured, out."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medssl.commands import options
from napari_medssl.commands.checks import check_folder_output
from napari_medssl.commands.interrupts import Interruption
from napari_medssl.commands.output import Progress, duration, print_json
from napari_medssl.errors import Cancelled

if TYPE_CHECKING:
    from napari_medssl.tubes import Branch, Refinement, Tubes
    from napari_medssl.volumes import Volume

CANCELLED = 3
MAPS = ("probability.nii.gz", "radius.nii.gz")
REFINED = ("refined.nii.gz", "skeleton.nii.gz", "branches.csv")


@dataclass(frozen=True)
class Report:
    """What came of one scan; `output` is None where nothing was written."""

    image: str
    output: str | None
    model: str
    polarity: str
    complete: bool
    seconds: float = 0.0
    found_ml: float = 0.0
    refined_ml: float | None = None
    branches: int | None = None
    length_mm: float | None = None
    narrowings: int | None = None
    notes: tuple[str, ...] = ()


def add_parser(subparsers: options.Subparsers) -> None:
    """Describe the command's options."""
    parser = options.add_command(
        subparsers, "tubes", run, "find vessels, ducts or airways in a scan, rebuild them and measure their branches",
        epilog=f"Written into DIR: {', '.join(MAPS)} (mm), as napari-medssl refine takes them; {', '.join(REFINED)}.",
    )  # fmt: skip
    add = parser.add_argument
    # fmt: off
    add("image", metavar="IMAGE", type=Path, help="the scan: NIfTI, NRRD, MHA, MHD or a DICOM folder")
    add("-o", "--output", metavar="DIR", type=Path, required=True, help="the folder to write into")
    add("--polarity", choices=("bright", "dark"), default="bright",
        help="bright: tubes brighter than what surrounds them; dark: darker ones, such as airways (default: bright)")
    add("--model", metavar="NAME", default="default",
        help="a model for tubes, see napari-medssl models list (default: the shipped one)")
    add("--threshold", metavar="P", type=options.fraction, default=0.5,
        help="a voxel belongs to a tube from this probability on (default: 0.5)")
    add("--sure", metavar="P", type=options.fraction, default=0.8,
        help="connected parts that reach this probability nowhere are left out of the refined tubes (default: 0.8)")
    add("--maps-only", action="store_true", help="write the two maps only; do not refine")
    # fmt: on
    options.add_scan_choice(parser)


def run(args: argparse.Namespace) -> int:
    """Find the tubes of one scan."""
    with Interruption() as cancelled:
        report = find_in_file(args, cancelled)
    if args.json:
        print_json(report)
    else:
        print(in_words(report))
    return 0 if report.complete else CANCELLED


def find_in_file(args: argparse.Namespace, cancelled: Callable[[], bool]) -> Report:
    """Read, find, refine, write.

    Raises
    ------
    BadInput
        Anything about the file, the model or the output that cannot be used; nothing has been written then.
    """
    from napari_medssl.volumes import read_volume

    check_folder_output(args.output, (*MAPS, *REFINED), (args.image,), called="the input")
    volume = read_volume(args.image, series=args.series, frame=args.frame)

    from napari_medssl.tubes import segment

    report: dict[str, Any] = {
        "image": str(args.image),
        "model": args.model,
        "polarity": args.polarity,
        "notes": volume.notes,
    }
    progress = Progress("Block")
    try:
        found = segment(
            volume, polarity=args.polarity, model=args.model, device=args.device,
            on_progress=progress.update, cancelled=cancelled,
        )  # fmt: skip
    except Cancelled:
        return Report(**report, output=None, complete=False)
    finally:
        progress.close()
    ml = math.prod(volume.spacing) / 1000
    report |= {
        "output": str(args.output), "complete": True, "seconds": found.seconds,
        "found_ml": int((found.probability >= args.threshold).sum()) * ml,
    }  # fmt: skip
    write_maps(args.output, found, volume)
    if args.maps_only:
        return Report(**report)

    from napari_medssl.tubes import branches, refine

    refined = refine(
        found.probability, found.radius, spacing=volume.spacing, threshold=args.threshold,
        skeleton_threshold=max(args.sure, args.threshold),
    )  # fmt: skip
    tree = branches(refined, spacing=volume.spacing)
    write_refined(args.output, refined, tree, volume)
    return Report(
        **report,
        refined_ml=int((refined.labels > 0).sum()) * ml,
        branches=len(tree),
        length_mm=sum(branch.length for branch in tree),
        narrowings=sum(len(branch.narrowings) for branch in tree),
    )


def write_maps(folder: Path, found: Tubes, volume: Volume) -> None:
    """Write the network's two maps."""
    from napari_medssl.volumes import write_volume

    folder.mkdir(exist_ok=True)
    write_volume(folder / MAPS[0], found.probability, volume.geometry)
    write_volume(folder / MAPS[1], found.radius, volume.geometry)


def write_refined(folder: Path, refined: Refinement, tree: list[Branch], volume: Volume) -> None:
    """Write the rebuilt tubes, their centre line and the table of branches."""
    from napari_medssl.tubes import write_branches
    from napari_medssl.volumes import write_labels

    write_labels(folder / REFINED[0], refined.labels, volume.geometry)
    write_labels(folder / REFINED[1], refined.skeleton.astype("uint8"), volume.geometry)
    write_branches(folder / REFINED[2], tree)


def in_words(report: Report) -> str:
    """What was done, for people."""
    lines = [note.rstrip(".") + "." for note in report.notes]
    if report.output is None:
        return "\n".join([*lines, "Cancelled; nothing was written."])
    lines.append(f"Found {report.found_ml:.4g} ml of {report.polarity} tubes in {duration(report.seconds)}.")
    if report.refined_ml is not None:
        lines.append(
            f"Refined: {report.refined_ml:.4g} ml in {report.branches} branches, together {report.length_mm:.0f} mm;"
            f" places to look at for narrowing: {report.narrowings}."
        )
    lines.append(f"Written into {report.output}.")
    return "\n".join(lines)
