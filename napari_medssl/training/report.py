"""What is in a data folder, and what is wrong with it: said before the first step of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from napari_medssl.training.data import Case, orphan_labels
from napari_medssl.training.facts import Facts, Unusable
from napari_medssl.training.splits import merged_groups

Triple = tuple[float, float, float]
_THICK = 4.0  # slices this many times thicker than the pixels are large are worth a note
_AIR = -500.0  # CT has air below this, MR has no such values


@dataclass(frozen=True)
class Problem:
    """Something wrong with one scan.

    Attributes
    ----------
    name : of the case
    severity : an unusable scan cannot be trained on; a warning should be looked at
    kind : what is wrong, in a few words that name nothing
    sentence : for the person, naming the file and what to do
    """

    name: str
    severity: Literal["unusable", "warning"]
    kind: str
    sentence: str


@dataclass(frozen=True)
class LabelCount:
    """A label's value, how many scans have it, and of how many voxels it is over all of them."""

    value: int
    scans: int
    voxels: int


@dataclass(frozen=True)
class Spread:
    """Smallest, median and largest, each along (z, y, x) for shapes and spacings, or a single number."""

    smallest: tuple[float, ...]
    median: tuple[float, ...]
    largest: tuple[float, ...]


@dataclass(frozen=True)
class DataReport:
    """What is in a data folder. Counts are of the usable scans, but for `scans`.

    Attributes
    ----------
    scans, unusable : all scans, and those of them that cannot be trained on
    labelled, unlabelled, patients : counts of usable scans and their patients
    label_values : by value
    shape, spacing, intensity : voxels (z, y, x), mm (z, y, x), and the scans' lowest and highest values; None without
        a usable scan
    bytes : that the scans take once read
    problems : by scan
    notes : on the folder as a whole
    """

    scans: int
    labelled: int
    unlabelled: int
    patients: int
    label_values: tuple[LabelCount, ...]
    shape: Spread | None
    spacing: Spread | None
    intensity: tuple[float, float] | None
    bytes: int
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    needs_labels: bool = False

    @property
    def unusable(self) -> int:
        return self.scans - self.labelled - self.unlabelled

    @property
    def warnings(self) -> int:
        return sum(problem.severity == "warning" for problem in self.problems)

    def refusal(self, leave_out_unusable: bool = False) -> str:
        """Why no training can start, in a sentence; empty where it can."""
        unusable = [problem for problem in self.problems if problem.severity == "unusable"]
        usable = self.labelled + self.unlabelled
        if unusable and not (leave_out_unusable and usable):
            several = f"{len(unusable)} of {some(self.scans, 'scan')} cannot be used; the first: "
            advice = " Or leave out unusable scans (leave_out_unusable)." if usable else ""
            return (several if len(unusable) > 1 else "") + unusable[0].sentence + advice
        if self.needs_labels and not self.labelled:
            return "Scans with labels are needed, and none here has any: put label maps of the same names into labels/."
        if self.needs_labels and not self.label_values:
            return "Scans with labels are needed, and the label maps here mark nothing: draw into them first."
        return ""

    def as_dict(self) -> dict[str, Any]:
        """For the event log: everything but names of files and patients."""
        content = asdict(self)
        kinds = Counter((problem.severity, problem.kind) for problem in self.problems)
        content["problems"] = [
            {"severity": severity, "kind": kind, "scans": count} for (severity, kind), count in kinds.items()
        ]
        return content | {"unusable": self.unusable, "warnings": self.warnings}

    def in_words(self) -> str:
        """For people: a few lines."""
        lines = [_counts(self)]
        if self.label_values:
            found = ", ".join(f"{count.value} (in {some(count.scans, 'scan')})" for count in self.label_values[:20])
            more = f" and {len(self.label_values) - 20} more" if len(self.label_values) > 20 else ""
            lines.append(f"Labels: {found}{more}.")
        if self.shape and self.spacing and self.intensity:
            lines.append(f"Size (z, y, x): {_span(self.shape)} voxels of {_span(self.spacing)} mm.")
            low, high = self.intensity
            lines.append(f"Values: {low:g} to {high:g}. Read, the scans take {self.bytes / 1e9:.2g} GB.")
        lines += self.notes
        lines += [f"Cannot be used: {p.sentence}" for p in self.problems if p.severity == "unusable"]
        lines += [f"Look at: {p.sentence}" for p in self.problems if p.severity == "warning"]
        return "\n".join(lines)


def report_on(cases: Sequence[Case], found: Sequence[Facts | Unusable], *, needs_labels: bool = False) -> DataReport:
    """The report on cases of which one has been found out by reading each."""
    usable = [(case, facts) for case, facts in zip(cases, found, strict=True) if isinstance(facts, Facts)]
    problems = [
        Problem(case.name, "unusable", failed.kind, str(failed))
        for case, failed in zip(cases, found, strict=True)
        if isinstance(failed, Unusable)
    ]
    problems += [problem for case, facts in usable for problem in _warnings(case, facts)]
    problems += _duplicates(usable)
    all_facts = [facts for _, facts in usable]
    labelled = sum(facts.labels is not None for facts in all_facts)
    patients = merged_groups([case.patient for case, _ in usable], [facts.digest for facts in all_facts])
    return DataReport(
        scans=len(cases),
        labelled=labelled,
        unlabelled=len(usable) - labelled,
        patients=len(set(patients)),
        label_values=_label_values(all_facts),
        shape=spread_of([facts.shape for facts in all_facts]),
        spacing=spread_of([facts.spacing for facts in all_facts]),
        intensity=(min(f.lowest for f in all_facts), max(f.highest for f in all_facts)) if all_facts else None,
        bytes=sum(facts.bytes for facts in all_facts),
        problems=tuple(problems),
        notes=_notes(cases, all_facts),
        needs_labels=needs_labels,
    )


def _warnings(case: Case, facts: Facts) -> list[Problem]:
    problems = []
    if facts.not_numbers:
        voxels = "1 voxel that is no number; it is" if facts.not_numbers == 1 else (
            f"{facts.not_numbers:,} voxels that are no numbers; they are"
        )  # fmt: skip
        sentence = f"{case.image} has {voxels} taken as the lowest value, {facts.lowest:g}."
        problems.append(Problem(case.name, "warning", "voxels that are no numbers", sentence))
    if facts.labels == {}:
        sentence = f"{case.label} marks nothing; remove it if the scan has simply not been labelled."
        problems.append(Problem(case.name, "warning", "empty labels", sentence))
    return problems


def _duplicates(usable: Sequence[tuple[Case, Facts]]) -> list[Problem]:
    first: dict[str, Case] = {}
    problems = []
    for case, facts in usable:
        before = first.setdefault(facts.digest, case)
        if before is not case:
            sentence = f"{case.image} holds the same voxels as {before.image.name}; keep one of them."
            problems.append(Problem(case.name, "warning", "duplicate", sentence))
    return problems


def _label_values(all_facts: Sequence[Facts]) -> tuple[LabelCount, ...]:
    scans: Counter[int] = Counter()
    voxels: Counter[int] = Counter()
    for facts in all_facts:
        scans.update((facts.labels or {}).keys())
        voxels.update(facts.labels or {})
    return tuple(LabelCount(value, scans[value], voxels[value]) for value in sorted(scans))


def spread_of(rows: Sequence[Sequence[float]]) -> Spread | None:
    """Smallest, median and largest of each column; None without a row."""
    if not rows:
        return None
    table = np.asarray(rows, dtype=float)
    smallest, median, largest = (
        tuple(round(float(value), 6) for value in row)
        for row in (table.min(0), np.median(table, axis=0), table.max(0))
    )
    return Spread(smallest, median, largest)


def _notes(cases: Sequence[Case], all_facts: Sequence[Facts]) -> tuple[str, ...]:
    notes = []
    thick = sum(max(facts.spacing) >= _THICK * min(facts.spacing) for facts in all_facts)
    if thick:
        have = "1 scan has" if thick == 1 else f"{thick} scans have"
        notes.append(f"{have} slices at least {_THICK:g} times as thick as the pixels are large.")
    hounsfield = sum(facts.lowest < _AIR for facts in all_facts)
    if 0 < hounsfield < len(all_facts):
        notes.append(
            f"Some scans look like CT ({hounsfield}) and others do not ({len(all_facts) - hounsfield}): mixed kinds of"
            " scans are better trained apart."
        )
    orphans = orphan_labels(list(cases))
    if orphans:
        notes.append(f"{some(orphans, 'label file')} in labels/ without an image of the same name: not used.")
    return tuple(notes)


def _counts(report: DataReport) -> str:
    words = f"{some(report.scans, 'scan')} of {some(report.patients, 'patient')}, {report.labelled} with labels"
    return f"{words}; {report.unusable} cannot be used." if report.unusable else f"{words}."


def _span(spread: Spread) -> str:
    def shown(values: Sequence[float]) -> str:
        return " x ".join(f"{value:g}" for value in values)

    if spread.smallest == spread.largest:
        return shown(spread.smallest)
    return f"{shown(spread.smallest)} to {shown(spread.largest)} (median {shown(spread.median)})"


def some(count: int, noun: str) -> str:
    """Such as "1 scan" or "3 scans"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
