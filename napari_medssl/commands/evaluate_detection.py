"""``napari-medssl evaluate detection``: a table of findings against the truth, as LUNA16 does it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medssl.commands import options
from napari_medssl.commands.checks import check_file_output
from napari_medssl.commands.output import print_json, table
from napari_medssl.errors import BadInput

if TYPE_CHECKING:
    from napari_medssl.metrics import Froc
    from napari_medssl.nodules import Nodule

_MOST_NOTES = 3  # on findings outside their scans; a wrong convention puts most of them there
_RATE_NAMES = ("1/8", "1/4", "1/2", "1", "2", "4", "8")


def add_kind(kinds: options.Subparsers) -> None:
    """Describe the options."""
    parser = options.add_command(
        kinds, "detection", run, "sensitivity at 1/8 to 8 false positives a scan (FROC) and their mean (CPM), as LUNA16"
    )
    add = parser.add_argument
    # fmt: off
    add("prediction", metavar="PRED.csv", type=Path, help="the findings to judge, as napari-medssl detect writes them")
    add("truth", metavar="TRUTH.csv", type=Path,
        help="the nodules there are: seriesuid, coordX, coordY, coordZ, diameter_mm; or a data folder with"
        " annotations.csv, as LUNA16's")
    add("--scans", metavar="CSV", type=Path,
        help="a list of all scans that were judged, one seriesuid a line, those without a nodule too, or a folder of"
        " them; needed where TRUTH is no folder that has it")
    add("--excluded", metavar="CSV", type=Path, help="irrelevant findings: marks on them count nowhere")
    add("--plot", metavar="FILE.png", type=Path, help="draw the curve")
    add("--bootstrap", metavar="N", type=_count, default=1000,
        help="how often scans are drawn anew for the 95 %% band (default: 1000; 0 for none)")
    add("--seed", metavar="N", type=_count, default=0, help="of that drawing (default: 0)")
    # fmt: on


def run(args: argparse.Namespace) -> int:
    """Print LUNA16's figures."""
    from napari_medssl.metrics import froc
    from napari_medssl.nodules import read_findings, read_scan_names

    if args.plot is not None:
        if args.plot.suffix.lower() != ".png":
            raise BadInput(f"{args.plot} must end in .png, since the curve is drawn as a picture.")
        check_file_output(args.plot)
    places = scans_in_folder(args.scans) if args.scans is not None and args.scans.is_dir() else {}
    complete_tables(args)
    scans = list(places) or read_scan_names(args.scans)
    found = read_findings(args.prediction, "predictions")
    truth = read_findings(args.truth, "annotations")
    excluded = read_findings(args.excluded, "irrelevant") if args.excluded is not None else {}
    notes = _strangers(found, truth, scans, args) + _outside(found, truth, places, args)
    result = froc(
        {name: [(*one.centre, one.score) for one in nodules] for name, nodules in found.items()},
        {name: [(*one.centre, one.diameter) for one in nodules] for name, nodules in truth.items()},
        scans,
        irrelevant={name: [(*one.centre, one.diameter) for one in nodules] for name, nodules in excluded.items()},
        bootstraps=args.bootstrap, seed=args.seed,
    )  # fmt: skip
    if args.plot is not None:
        from napari_medssl.nodules.froc_plot import write_plot

        write_plot(args.plot, result)
    if args.json:
        print_json(_report(args, result, notes))
    else:
        print("\n".join([*notes, _in_words(result), *([f"Drawn into {args.plot}."] if args.plot else [])]))
    return 0


def complete_tables(args: argparse.Namespace) -> None:
    """Find what belongs to a data folder that was given for the truth.

    Raises
    ------
    BadInput
        There is no annotations.csv, or no list of scans, neither in the folder nor given.
    """
    from napari_medssl.nodules.annotations import ANNOTATIONS, IRRELEVANT, SCANS, find_table

    if args.truth.is_dir():
        folder = args.truth
        args.truth = find_table(folder, ANNOTATIONS)
        if args.truth is None:
            raise BadInput(f"There is no {ANNOTATIONS} in {folder}.")
        args.scans = args.scans or find_table(folder, SCANS)
        args.excluded = args.excluded or find_table(folder, IRRELEVANT)
    if args.scans is None:
        raise BadInput(f"Say which scans were judged: --scans {SCANS}, or the folder they lie in, is needed.")


def scans_in_folder(folder: Path) -> dict[str, Path]:
    """The scans of a folder, by their names."""
    from napari_medssl.training.data import find_cases

    return {case.name: case.image for case in find_cases(folder)}


def _outside(
    found: dict[str, list[Nodule]], truth: dict[str, list[Nodule]], places: dict[str, Path], args: argparse.Namespace
) -> list[str]:
    """Sentences on findings outside their scans, where these are at hand."""
    from napari_medssl.nodules.boxes import outside_sentence
    from napari_medssl.nodules.learning.scans import header_of

    notes = []
    for name in sorted(places.keys() & (found.keys() | truth.keys())):
        geometry, shape = header_of(places[name])
        for path, table_ in ((args.prediction, found), (args.truth, truth)):
            sentence = outside_sentence(table_.get(name, []), geometry, shape, name, path.name)
            notes += [sentence] if sentence is not None else []
    return notes[:_MOST_NOTES] + ([f"{len(notes) - _MOST_NOTES} more like these."] if len(notes) > _MOST_NOTES else [])


def _strangers(
    found: dict[str, list[Nodule]], truth: dict[str, list[Nodule]], scans: list[str], args: argparse.Namespace
) -> list[str]:
    """Notes on scans that the list does not name.

    Raises
    ------
    BadInput
        None of a table's scans is in the list: names that do not fit, and not a detector that found nothing.
    """
    notes = []
    for path, scans_there in ((args.prediction, set(found)), (args.truth, set(truth))):
        beyond = scans_there - set(scans)
        if scans_there and beyond == scans_there:
            raise BadInput(
                f"{args.scans} names none of the scans in {path}, for instance not {min(beyond)}; a scan must have "
                "the same name in all tables."
            )
        if beyond:
            many = "1 scan" if len(beyond) == 1 else f"{len(beyond)} scans"
            notes.append(f"{many} in {path} that {args.scans} does not name did not count.")
    return notes


def _report(args: argparse.Namespace, result: Froc, notes: list[str]) -> dict[str, object]:
    from napari_medssl.metrics.froc import RATES

    return {
        "prediction": args.prediction, "truth": args.truth, "cpm": result.cpm,
        "cpm_95": [result.cpm_low, result.cpm_high],
        "sensitivity": [
            {"false_positives": rate, "sensitivity": value, "low": low, "high": high}
            for rate, value, low, high in zip(RATES, result.sensitivities, result.low, result.high, strict=True)
        ],
        "scans": result.scans, "nodules": result.nodules, "found": result.hits, "marks": result.marks,
        "double_marks": result.doubles, "irrelevant_marks": result.irrelevant, "notes": notes,
    }  # fmt: skip


def _in_words(result: Froc) -> str:
    def percent(value: float, low: float, high: float) -> tuple[str, str]:
        return f"{100 * value:.1f} %", f"{100 * low:.1f} to {100 * high:.1f} %" if low == low else "-"

    rows = [
        (name, *percent(*values))
        for name, *values in zip(_RATE_NAMES, result.sensitivities, result.low, result.high, strict=True)
    ]
    rows.append(("mean (CPM)", *percent(result.cpm, result.cpm_low, result.cpm_high)))
    counts = (
        f"{result.hits} of {result.nodules} nodules in {result.scans} scans were marked, with "
        f"{result.marks - result.hits} false positives at the lowest threshold; {result.doubles} double marks and "
        f"{result.irrelevant} on irrelevant findings did not count."
    )
    return table(("False positives a scan", "Sensitivity", "95 % band"), rows) + "\n" + counts


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 999999")
    return int(text)
