"""``napari-medssl detect``: chest CTs in; a table of nodules, in LUNA16's form, out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medssl.commands import options
from napari_medssl.commands.checks import check_file_output
from napari_medssl.commands.interrupts import Interruption
from napari_medssl.commands.output import Progress, complain, duration, print_json, table
from napari_medssl.errors import BadInput, Cancelled

if TYPE_CHECKING:
    from napari_medssl.nodules import Detection, DetectorModel, Nodule

CANCELLED = 3
RESEARCH = "For research use, not for diagnosis."
_SHOWN = 20  # rows of the list that people read; the table has all


@dataclass(frozen=True)
class Found:
    """One finding."""

    centre_mm: tuple[float, float, float]
    diameter_mm: float
    probability: float
    side: str
    box_zyx: tuple[int, ...] | None


@dataclass(frozen=True)
class Report:
    """What came of one scan."""

    image: str
    scan: str
    seconds: float
    findings: tuple[Found, ...]
    notes: tuple[str, ...]


def add_parser(subparsers: options.Subparsers) -> None:
    """Describe the command's options."""
    parser = options.add_command(
        subparsers, "detect", run, "find lung nodules in chest CT: a ranked table, for research, not for diagnosis",
        epilog="The table has a row for each finding: seriesuid (the file's name without its extension), coordX, "
        "coordY, coordZ (world mm, LPS), diameter_mm, probability.",
    )  # fmt: skip
    add = parser.add_argument
    # fmt: off
    add("images", metavar="IMAGE", type=Path, nargs="+",
        help="a scan: NIfTI, NRRD, MHA, MHD or a DICOM folder; or a folder of such files")
    add("-o", "--output", metavar="CSV", type=Path, required=True, help="the table to write")
    add("--model", metavar="NAME", default="default",
        help="a model for nodules, see napari-medssl models list (default: the shipped one)")
    add("--threshold", metavar="P", type=options.fraction,
        help="findings from this probability on (default: the model's own; lower for napari-medssl evaluate detection)")
    # fmt: on
    options.add_scan_choice(parser)


def run(args: argparse.Namespace) -> int:
    """Look for nodules in every scan; one failure does not stop the others."""
    scans = scans_of(args.images)
    if args.output.suffix.lower() != ".csv":
        raise BadInput(f"{args.output} must end in .csv, since the findings are written as a table.")
    check_file_output(args.output)

    from napari_medssl.nodules import load_detector, write_findings

    model = load_detector(args.model, args.device)
    found: dict[str, tuple[Nodule, ...]] = {}
    reports: list[Report] = []
    failed: dict[str, str] = {}
    stopped = False
    with Interruption() as cancelled:
        for number, (name, path) in enumerate(scans.items(), 1):
            title = f"[{number} of {len(scans)}] {name}" if len(scans) > 1 else name
            try:
                result = detect_in_file(path, model, args, cancelled)
            except Cancelled:
                stopped = True
                break
            except BadInput as error:
                if len(scans) == 1:
                    raise
                failed[name] = str(error)
                complain(f"{title}: {error}", as_json=False)
                continue
            if not found:
                print(RESEARCH, file=sys.stderr, flush=True)
            found[name] = result.nodules
            reports.append(report_of(name, path, result))
            if not args.json:
                print(in_words(title, reports[-1]), flush=True)
    if found:
        write_findings(args.output, found)
    return conclude(args, reports, failed, stopped, len(scans))


def scans_of(paths: list[Path]) -> dict[str, Path]:
    """{name: file or DICOM folder}, sorted within a folder; it may hold ``images``, or LUNA16's ``subset0`` and so on.

    Raises
    ------
    BadInput
        A folder without scans, or two scans of one name.
    """
    from napari_medssl.training.data import subset_folders
    from napari_medssl.volumes.formats import plain_name

    found: dict[str, Path] = {}
    for given in paths:
        inside = _scans_in(given)
        if given.is_dir() and not inside:
            inside = [path for folder in (given / "images", *subset_folders(given)) for path in _scans_in(folder)]
        # A folder without any of these is taken for a DICOM series; its name goes into the table, and no identifier.
        for path in inside or [given]:
            name = path.resolve().name if path.is_dir() else plain_name(path)
            if name in found and found[name].resolve() != path.resolve():
                raise BadInput(
                    f"{found[name]} and {path} have the same name, so the table could not tell them apart; rename one."
                )
            found[name] = path
    return found


def _scans_in(folder: Path) -> list[Path]:
    from napari_medssl.volumes.formats import extension, kind_by_name

    return sorted(
        path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if kind_by_name(path) not in ("", "DICOM")
        and not path.name.startswith(".")
        and not extension(path).startswith(".img")  # a part of its .hdr
    )


def detect_in_file(
    path: Path, model: DetectorModel, args: argparse.Namespace, cancelled: Callable[[], bool]
) -> Detection:
    """Read a scan and look for nodules.

    Raises
    ------
    BadInput
        Anything about the file that cannot be used.
    Cancelled
        `cancelled` answered True.
    """
    from napari_medssl.volumes import read_volume

    volume = read_volume(path, series=args.series, frame=args.frame)

    from napari_medssl.nodules import detection

    progress = Progress("Tile")
    try:
        return detection(
            volume, model=model, threshold=args.threshold, on_progress=progress.update, cancelled=cancelled
        )
    finally:
        progress.close()


def report_of(name: str, path: Path, result: Detection) -> Report:
    """What is said of one scan."""
    return Report(
        str(path), name, result.seconds,
        tuple(
            Found(one.centre, one.diameter, one.score, result.lungs.side(one.centre), one.box)
            for one in result.nodules
        ),
        result.notes,
    )  # fmt: skip


def in_words(title: str, report: Report) -> str:
    """The list of one scan, for people."""
    notes = [note.rstrip(".") + "." for note in report.notes]
    count = len(report.findings)
    many = "no findings" if not count else "1 finding" if count == 1 else f"{count} findings"
    lines = [f"{title}: {many} in {duration(report.seconds)}.", *notes]
    if count:
        rows = [
            (
                str(number), f"{one.probability:.2f}", f"{one.diameter_mm:.1f}", one.side or "-",
                *(f"{value:.1f}" for value in one.centre_mm),
            )
            for number, one in enumerate(report.findings[:_SHOWN], 1)
        ]  # fmt: skip
        header = ("Finding", "Probability", "Diameter (mm)", "Lung", "x (mm)", "y (mm)", "z (mm)")
        lines.append(table(header, rows, left=0))
        lines += [f"and {count - _SHOWN} more."] if count > _SHOWN else []
    return "\n".join(lines)


def conclude(args: argparse.Namespace, reports: list[Report], failed: dict[str, str], stopped: bool, total: int) -> int:
    """Say how it ended; the exit status."""
    written = str(args.output) if reports else None
    sentence = ""
    if stopped:
        where = f"their findings are in {written}" if written else "nothing was written"
        sentence = f"Cancelled after {len(reports)} of {total} scans; {where}."
    elif failed:
        sentence = f"{len(failed)} of {total} scans could not be used: " + "; ".join(failed) + "."
    if args.json:
        content: dict[str, Any] = {
            "output": written, "model": args.model, "complete": not stopped, "scans": reports, "failed": failed,
            "notice": RESEARCH,
        }  # fmt: skip
        print_json(content | ({"error": sentence} if sentence else {}))
    elif written:
        print(f"Written into {written}.", flush=True)
    if sentence:
        complain(sentence, as_json=False)
    return CANCELLED if stopped else 2 if failed else 0
