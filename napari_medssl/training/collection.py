"""The scans of a run: checked, kept at hand, and split into those to train on and those to validate on."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from napari_medssl.errors import BadInput
from napari_medssl.training.check import read_cases
from napari_medssl.training.data import Case
from napari_medssl.training.facts import Facts, Scan, Unusable
from napari_medssl.training.report import DataReport, report_on
from napari_medssl.training.splits import merged_groups, split_patients
from napari_medssl.training.store import OnDisk, Store, memory_budget

__all__ = ["Collection", "Scan"]


class Collection:
    """The scans of a run; make it with `open`.

    It can be sent to other processes; they share the scans' memory where it was opened with `shared`.

    Attributes
    ----------
    cases : those that can be used
    report : on all of them
    training, validation : indices into `cases`; no patient is in both
    label_values : that occur, without 0
    """

    def __init__(
        self, cases: Sequence[Case], kept: Sequence[Scan | OnDisk], facts: Sequence[Facts], report: DataReport,
        split: tuple[tuple[int, ...], tuple[int, ...]],
    ) -> None:  # fmt: skip
        self.cases, self.report = list(cases), report
        self.training, self.validation = split
        self.label_values = tuple(count.value for count in report.label_values)
        self._kept = list(kept)
        self._labelled = frozenset(i for i, known in enumerate(facts) if known.labels is not None)
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    @classmethod
    def open(
        cls,
        cases: Sequence[Case],
        *,
        cache: Path | None,
        memory_gb: float = 0.0,
        validation: float = 0.1,
        seed: int = 0,
        leave_out_unusable: bool = False,
        needs_labels: bool = False,
        shared: bool = False,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Collection:
        """Read and check all scans, each once, and keep them at hand.

        Parameters
        ----------
        cases : from `find_cases`
        cache : folder for scans past the memory budget, used again when a run is resumed; None for a temporary one
        memory_gb : memory for scans; 0 for a quarter of what is available
        validation : share of the patients that is not trained on
        seed : of that split
        leave_out_unusable : do without scans that cannot be used, instead of refusing
        needs_labels : refuse a folder without any labels
        shared : keep every scan as a memory-mapped file, so that processes share them
        on_progress : told (scans read, all scans)

        Raises
        ------
        BadInput
            Scans that cannot be used, no labels where they are needed, or no place to keep scans.
        """
        temporary = None
        if cache is None:  # Windows removes no file that is mapped
            temporary = tempfile.TemporaryDirectory(prefix="napari-medssl-", ignore_cleanup_errors=True)
            cache = Path(temporary.name)
        store = Store(cache, 0 if shared else memory_budget(memory_gb))
        kept, found = _read(cases, store, leave_out_unusable, on_progress)
        report = report_on(cases, found, needs_labels=needs_labels)
        if refusal := report.refusal(leave_out_unusable):
            raise BadInput(refusal)
        usable = [(case, facts) for case, facts in zip(cases, found, strict=True) if isinstance(facts, Facts)]
        used, facts = [case for case, _ in usable], [known for _, known in usable]
        groups = merged_groups([case.patient for case in used], [known.digest for known in facts])
        collection = cls(used, kept, facts, report, split_patients(used, validation, seed, groups))
        collection._temporary = temporary
        return collection

    def __len__(self) -> int:
        return len(self.cases)

    def scan(self, index: int) -> Scan:
        """A scan with its labels; one on disk is memory-mapped, so that only what is looked at is read.

        Ask for it each time instead of keeping it: each memory map that is kept holds a file open.

        Raises
        ------
        BadInput
            A file of the cache has gone or is damaged.
        """
        kept = self._kept[index]
        return kept if isinstance(kept, Scan) else kept.open()

    def labelled(self, indices: Iterable[int]) -> tuple[int, ...]:
        """Those of the indices whose scans have labels."""
        return tuple(index for index in indices if index in self._labelled)

    def unlabelled(self, indices: Iterable[int]) -> tuple[int, ...]:
        """Those of the indices whose scans have no labels."""
        return tuple(index for index in indices if index not in self._labelled)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_temporary": None}  # the process that made the folder removes it


def _read(
    cases: Sequence[Case], store: Store, leave_out_unusable: bool, on_progress: Callable[[int, int], None] | None
) -> tuple[list[Scan | OnDisk], list[Facts | Unusable]]:
    recalled = [store.recall(case) for case in cases]
    kept: list[Scan | OnDisk] = []
    found: list[Facts | Unusable] = []
    refused = False
    with closing(read_cases([case for case, before in zip(cases, recalled, strict=True) if before is None])) as reading:
        for case, before in zip(cases, recalled, strict=True):
            read = before or next(reading)
            if isinstance(read, Unusable):
                found.append(read)
                refused = refused or not leave_out_unusable
            else:
                scan, facts = read
                found.append(facts)
                if not refused:  # else the rest is only read for the report
                    kept.append(store.keep(case, scan, facts) if isinstance(scan, Scan) else scan)
            if on_progress is not None:
                on_progress(len(found), len(cases))
    return kept, found
