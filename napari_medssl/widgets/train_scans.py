"""What a check of a folder of scans found, in the few words that a panel has room for. No Qt."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medssl.widgets.train_texts import counted

if TYPE_CHECKING:
    from napari_medssl.training.data import Case
    from napari_medssl.training.recipes import Annotations
    from napari_medssl.training.report import DataReport

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Problem:
    """Something wrong with a scan; an unusable one cannot be trained on."""

    name: str
    sentence: str
    unusable: bool

    def in_words(self) -> str:
        """A sentence that names the scan; one without a name is on the folder as a whole."""
        return self.sentence if self.name in self.sentence else f"{self.name}: {self.sentence}"


@dataclass(frozen=True)
class Finding:
    """What is in a folder.

    Attributes
    ----------
    line : counts, in one line; or why the folder cannot be used
    failed : whether it cannot be used at all
    cut_short : whether the check was stopped before it was through
    usable, labelled : scans that can be trained on, and those of them that have labels
    details : label values, sizes, spacings and intensities, in a few lines
    lacking : a sentence on what the recipe needs and the folder lacks, or ""
    """

    line: str
    problems: tuple[Problem, ...] = ()
    failed: bool = False
    cut_short: bool = False
    usable: int = 0
    labelled: int = 0
    details: str = ""
    lacking: str = ""

    @property
    def unusable(self) -> int:
        """How many scans cannot be trained on."""
        return len({problem.name for problem in self.problems if problem.unusable})


def counts_line(scans: int, labelled: int, patients: int | None, unusable: int, annotations: str = "") -> str:
    """Such as "40 scans of 38 patients, 12 with labels; 2 more cannot be used."

    `annotations`: what stands in place of the labels, such as "12 annotated scans, 28 without annotations, 7 nodules".
    """
    words = counted(scans, "scan")
    if patients is not None and patients != scans:
        words += f" of {counted(patients, 'patient')}"
    if annotations:
        words += f": {annotations}"
    elif labelled == scans and scans:
        words += ", all with labels" if scans > 1 else ", with labels"
    else:
        words += f", {labelled or 'none'} with labels"
    return f"{words}; {unusable} more cannot be used." if unusable else f"{words}."


def failed_finding(error: BaseException) -> Finding:
    """A folder that cannot be used at all."""
    return Finding(str(error) or f"The folder cannot be read ({type(error).__name__}).", failed=True)


def check_folder(
    folder: Path, *, needs_labels: bool, on_counts: Callable[[str], None], on_progress: OnProgress,
    cancelled: Callable[[], bool], annotations: Callable[[Sequence[Case]], Annotations] | None = None,
) -> Finding:  # fmt: skip
    """Read every scan of a folder and say what is there; the counts, which file names tell, at once.

    `annotations`: as of `Recipe`.

    Raises
    ------
    BadInput
        The folder cannot be used at all.
    Cancelled
        `cancelled` answered True.
    """
    from napari_medssl.training.check import check_data
    from napari_medssl.training.data import find_cases
    from napari_medssl.training.glance import glance

    seen, cases = glance(folder), find_cases(folder)
    known = None if annotations is None else annotations(cases)
    on_counts(counts_line(seen.scans, seen.labelled, seen.patients, 0, "" if known is None else known.words))
    report = check_data(cases, needs_labels=needs_labels, on_progress=on_progress, cancelled=cancelled)
    if annotations is not None and report.unusable:  # what is left once these are left out
        bad = {problem.name for problem in report.problems if problem.severity == "unusable"}
        cases = [case for case in cases if case.name not in bad]
        known = annotations(cases) if cases else known
    return finding_of(report, folder, known)


def finding_of(report: DataReport, folder: Path, known: Annotations | None = None) -> Finding:
    """A report in few words; files are named as they are called within the folder."""

    def short(sentence: str) -> str:
        return sentence.replace(f"{folder}{os.sep}", "")

    problems = [Problem(one.name, short(one.sentence), one.severity == "unusable") for one in report.problems]
    problems.sort(key=lambda problem: not problem.unusable)
    problems += [Problem("", short(note), False) for note in report.notes]
    usable = report.labelled + report.unlabelled
    labelled = report.labelled if known is None else known.labelled
    line = counts_line(usable, labelled, report.patients, report.unusable, "" if known is None else known.words)
    details = "\n".join(report.in_words().split("\n")[0 if known is None else 1 : 4])
    return Finding(
        line, tuple(problems), usable=usable, labelled=labelled, details=details,
        lacking="" if known is None else known.lacking,
    )  # fmt: skip
