"""The nodules of a training set: what was found in which scan, and which scans nobody looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_medssl.errors import BadInput
from napari_medssl.nodules.finding import Nodule
from napari_medssl.nodules.findings_file import read_findings, read_scan_names, read_scans_of
from napari_medssl.training.data import Case

ANNOTATIONS, SCANS, IRRELEVANT = "annotations.csv", "seriesuids.csv", "annotations_excluded.csv"
_CANDIDATES = ("candidates.csv", "candidates_V2.csv")  # of LUNA16: they name every scan that was looked at
# Beside images/, or where LUNA16's own download has its script.
_PLACES = (".", "evaluationScript/annotations")


@dataclass(frozen=True)
class Annotated:
    """What is known about one scan.

    Attributes
    ----------
    findings : its nodules; empty where there are none, or where nobody looked
    irrelevant : findings that count neither as nodules nor as errors
    labelled : whether somebody looked: only then is a place without a finding free of nodules
    """

    findings: tuple[Nodule, ...] = ()
    irrelevant: tuple[Nodule, ...] = ()
    labelled: bool = False


def read_annotations(folder: Path, cases: Sequence[Case]) -> dict[str, Annotated]:
    """What a data folder's tables say about its scans: {scan's name: what is known}, for every one of `cases`.

    The folder has ``annotations.csv``, ``seriesuids.csv`` naming every annotated scan (those without a nodule, too)
    and, perhaps, ``annotations_excluded.csv``; the seriesuid is the image file's name without extension. A scan that
    ``seriesuids.csv`` does not name is unlabelled, whatever the other tables say, so that shortening that file is all
    it takes to train with fewer labels. Without it the scans with a row in ``annotations.csv`` count as annotated, and
    those that LUNA16's ``candidates.csv`` names. A folder without tables is unlabelled.

    Raises
    ------
    BadInput
        A table cannot be read, or names none of the folder's scans.
    """
    annotations, scans, irrelevant = (find_table(folder, name) for name in (ANNOTATIONS, SCANS, IRRELEVANT))
    if annotations is None:
        if scans is not None:
            raise BadInput(f"{scans} names annotated scans, but there is no {ANNOTATIONS} beside it.")
        return {case.name: Annotated() for case in cases}
    findings = read_findings(annotations, "annotations")
    excluded = read_findings(irrelevant, "irrelevant") if irrelevant is not None else {}
    named = set(read_scan_names(scans)) if scans is not None else set(findings) | _candidates(folder)
    if not named & {case.name for case in cases}:
        listing = scans or annotations
        raise BadInput(
            f"{listing} names none of the scans, for instance not {cases[0].name}: a seriesuid must be an image "
            "file's name without its extension."
        )
    return {
        case.name: Annotated(tuple(findings.get(case.name, ())), tuple(excluded.get(case.name, ())), True)
        if case.name in named
        else Annotated()
        for case in cases
    }


def find_table(folder: Path, name: str) -> Path | None:
    """One of a data folder's tables, None where it has none."""
    places = (folder / place / name for place in _PLACES)
    return next((path for path in places if path.is_file()), None)


def _candidates(folder: Path) -> set[str]:
    tables = (find_table(folder, name) for name in _CANDIDATES)
    return {scan for table in tables if table is not None for scan in read_scans_of(table)}
