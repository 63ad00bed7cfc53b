"""A folder of scans for ``napari-medssl propagate``: one failure does not stop the others."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_medssl.commands.checks import check_folder_output
from napari_medssl.commands.output import Progress, complain, duration, print_json
from napari_medssl.commands.propagate_file import settings_of

if TYPE_CHECKING:
    from napari_medssl.propagation.batch import CaseResult
    from napari_medssl.propagation.scan_job import Report


@dataclass
class Batch:
    """What came of a folder: the reports of the scans that were done, a sentence for each that was not, and the names
    of those that were done already."""

    output: str
    done: list[Report] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    unchanged: list[str] = field(default_factory=list)
    cancelled: bool = False


def run(args: argparse.Namespace, cancelled: Callable[[], bool]) -> int:
    """Propagate every scan of the folder ``args.image`` from the seeds of the same name."""
    from napari_medssl.propagation.batch import find_cases, run_cases

    check_folder_output(args.output)
    cases = find_cases(args.image, args.seeds, args.output)
    batch = Batch(str(args.output))
    progress = Progress("Slice")
    try:
        for number, result in enumerate(
            run_cases(cases, settings_of(args), args.output, cancelled, on_step=progress.update), 1
        ):
            progress.close()
            progress = Progress("Slice")
            _note(batch, result)
            if not args.json:
                _tell(result, f"[{number} of {len(cases)}] {result.case.name}")
    finally:
        progress.close()
    batch.cancelled = cancelled()
    return _conclude(batch, args, len(cases))


def _note(batch: Batch, result: CaseResult) -> None:
    if result.outcome == "failed":
        batch.failed[result.case.name] = result.message
    elif result.report is not None:
        batch.done.append(result.report)
    else:
        batch.unchanged.append(result.case.name)


def _tell(result: CaseResult, title: str) -> None:
    if result.outcome == "failed":
        complain(f"{title}: {result.message}", as_json=False)
    elif result.report is None:
        print(f"{title}: done already.", flush=True)
    else:
        print(f"{title}: wrote {result.report.output} in {duration(result.report.seconds)}.", flush=True)


def _conclude(batch: Batch, args: argparse.Namespace, total: int) -> int:
    failures, there = len(batch.failed), len(batch.done) + len(batch.unchanged)
    sentence = f"{there} of {there + failures} scans were done and {failures} failed: "
    sentence += "; ".join(f"{name} ({why.rstrip('.')})" for name, why in batch.failed.items()) + "."
    if batch.cancelled:
        sentence = f"Cancelled after {there} of {total} scans; their masks are in {batch.output}."
    if args.json:
        content: dict[str, object] = {
            "output": batch.output,
            "done": batch.done,
            "unchanged": batch.unchanged,
            "failed": batch.failed,
            "cancelled": batch.cancelled,
        }
        print_json(content | ({"error": sentence} if failures or batch.cancelled else {}))
    if batch.cancelled or failures:
        complain(sentence, as_json=False)
    elif not args.json:
        print(f"All {total} scans are done; their masks are in {batch.output}, with review.csv to check them by.")
    return 3 if batch.cancelled else 2 if failures else 0
