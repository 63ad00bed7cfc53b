"""``napari-medssl propagate``: seed slices in, the whole mask out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medssl.commands import options, propagate_file, propagate_folder, propagate_session
from napari_medssl.commands.interrupts import Interruption
from napari_medssl.commands.output import duration, print_json
from napari_medssl.errors import BadInput

if TYPE_CHECKING:
    from napari_medssl.propagation.scan_job import Report

CANCELLED = 3


def add_parser(subparsers: options.Subparsers) -> None:
    """Describe the command's options."""
    parser = options.add_command(
        subparsers, "propagate", run, "carry labels drawn on one or a few slices through the scan"
    )
    add = parser.add_argument
    # fmt: off
    add("image", metavar="IMAGE", type=Path,
        help="the scan: NIfTI, NRRD, MHA, MHD, a DICOM folder, or a folder of scans")
    add("seeds", metavar="SEEDS", type=Path,
        help="the drawn slices, on the scan's own grid, or a folder with files of the same names")
    add("-o", "--output", metavar="OUT", type=Path, required=True,
        help="the mask to write; for a folder of scans, a folder")
    add("--seed-slices", metavar="1:40,55;2:60", type=options.seed_slices,
        help="for each label the slices drawn by hand, counted from 0; one of them left empty says that the structure "
             "is not there (default: every slice that holds the label)")
    add("--session", metavar="FILE", type=Path,
        help="the session saved beside SEEDS, which says what of the mask was drawn by hand, instead of --seed-slices")
    add("--save-session", action="store_true",
        help="write a session beside OUT, with which the work can go on in napari")
    add("--axis", type=int, choices=(0, 1, 2),
        help="the axis along which slices follow each other: 0 as stored (default), 1 rows, 2 columns")
    add("--range", metavar="A:B", dest="slice_range", type=options.slice_range,
        help="only the slices from A up to, not including, B")
    add("--hints", metavar="CSV", type=Path,
        help="voxels that belong to a structure or do not: a table with the columns label,z,y,x,inside (1 or 0)")
    add("--model", metavar="NAME", default="default", help="see napari-medssl models list (default: default)")
    add("--verification", choices=("none", "paper", "auto"), default="auto",
        help="how pixels that do not look like the structure are dropped (default: auto, only where it helps)")
    add("--adapt-seconds", metavar="S", type=options.seconds, default=0.0,
        help="first train the model on this very scan for S seconds (default: 0)")
    options.add_scan_choice(parser)
    add("--frames", choices=("all", "as-drawn"), default="",
        help="carry the mask of one frame of a 4D scan to all its frames: all, after carrying what is drawn through "
             "that frame; as-drawn, where SEEDS is its whole mask")
    add("--cyclic", action="store_true", help="with --frames: the first frame follows the last one, as in a heart beat")
    # fmt: on


def run(args: argparse.Namespace) -> int:
    """Propagate one scan, or every scan of a folder."""
    with Interruption() as cancelled:
        folder = args.seeds.is_dir() and args.image.is_dir()
        propagate_session.check_options(args, folder=folder)
        args.axis = args.axis or 0
        if folder:
            if args.hints is not None:
                raise BadInput("--hints is for one scan, not for a folder of scans.")
            return propagate_folder.run(args, cancelled)
        from napari_medssl.propagation.scan_job import Job

        job = Job(args.image, args.seeds, args.output)
        report = propagate_file.propagate_file(job, propagate_file.settings_of(args), cancelled)
    if args.json:
        print_json(report)
    else:
        print(in_words(report))
    return 0 if report.complete else CANCELLED


def in_words(report: Report) -> str:
    """What was done, for people."""
    lines = [note.rstrip(".") + "." for note in report.notes]
    if report.output is None:
        lines.append("Cancelled before the first slice was done; nothing was written.")
        return "\n".join(lines)
    session = "" if report.session is None else f", and its session {Path(report.session).name} beside it,"
    lines.append(f"Wrote {report.output}{session} in {duration(report.seconds)}.")
    if not report.complete:
        lines[-1] = f"Cancelled; wrote the slices done so far to {report.output}."
    for label, each in report.frame_millilitres.items():
        found = report.labels[label]
        lines.append(
            f"Label {label}: {min(each):.4g} to {max(each):.4g} ml in {len(each)} frames, "
            f"lowest confidence {found.lowest_confidence:.2f} on slice {found.least_confident_slice}."
        )
    for label, found in () if report.frame_millilitres else report.labels.items():
        lines.append(
            f"Label {label}: slices {found.first} to {found.last}, {found.millilitres:.4g} ml, "
            f"lowest confidence {found.lowest_confidence:.2f} on slice {found.least_confident_slice}."
        )
    return "\n".join(lines)
