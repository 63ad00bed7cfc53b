"""A folder of scans for ``napari-medssl propagate``: one failure does not stop the others."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from napari_medssl.commands.checks import check_folder_output
from napari_medssl.commands.output import complain, duration, print_json
from napari_medssl.commands.propagate_file import Job, Report, Settings, propagate_file
from napari_medssl.errors import BadInput


@dataclass
class Batch:
    """What came of a folder: the reports of the scans that were done and a sentence for each that was not."""

    output: str
    done: list[Report] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    cancelled: bool = False


def run(args: argparse.Namespace, cancelled: Callable[[], bool]) -> int:
    """Propagate every scan of the folder ``args.image`` from the seeds of the same name."""
    jobs, failed = pair(args.image, args.seeds, args.output)
    batch = Batch(str(args.output), failed=failed)
    made = not args.output.exists()
    args.output.mkdir(exist_ok=True)
    try:
        for number, (name, job) in enumerate(jobs.items(), 1):
            if cancelled():
                break
            _do(name, job, args, cancelled, batch, f"[{number} of {len(jobs)}] {name}")
        batch.cancelled = cancelled()
    finally:
        if made and not any(args.output.iterdir()):
            args.output.rmdir()
    return _conclude(batch, args, len(jobs))


def _do(name: str, job: Job, args: argparse.Namespace, cancelled: Callable[[], bool], batch: Batch, title: str) -> None:
    try:
        # Among finished masks half a one could not be told apart later.
        report = propagate_file(job, Settings.of(args), cancelled, keep_unfinished=False)
    except BadInput as error:
        batch.failed[name] = str(error)
        if not args.json:
            complain(f"{title}: {error}", as_json=False)
        return
    if not report.complete:
        return
    batch.done.append(report)
    if not args.json:
        print(f"{title}: wrote {report.output} in {duration(report.seconds)}.", flush=True)


def _conclude(batch: Batch, args: argparse.Namespace, total: int) -> int:
    failures = len(batch.failed)
    sentence = f"{len(batch.done)} of {len(batch.done) + failures} scans were done and {failures} failed: "
    sentence += "; ".join(f"{name} ({why.rstrip('.')})" for name, why in batch.failed.items()) + "."
    if batch.cancelled:
        sentence = f"Cancelled after {len(batch.done)} of {total} scans; their masks are in {batch.output}."
    if args.json:
        content: dict[str, object] = {
            "output": batch.output,
            "done": batch.done,
            "failed": batch.failed,
            "cancelled": batch.cancelled,
        }
        print_json(content | ({"error": sentence} if failures or batch.cancelled else {}))
    if batch.cancelled or failures:
        complain(sentence, as_json=False)
    elif not args.json:
        print(f"All {total} scans are done; their masks are in {batch.output}.")
    return 3 if batch.cancelled else 2 if failures else 0


def pair(images: Path, seeds: Path, output: Path) -> tuple[dict[str, Job], dict[str, str]]:
    """The scans of a folder with their seeds, and a sentence for each name that cannot be done.

    Files pair by name without the extension; a folder inside `images` counts as a DICOM scan.

    Raises
    ------
    BadInput
        Nothing to do, or an output folder that cannot be used.
    """
    check_folder_output(output)
    for given in (images, seeds):
        if output.exists() and output.samefile(given):
            raise BadInput(
                f"The output folder {output} is also an input; choose another, so that nothing is overwritten."
            )
    scans, drawn = _by_name(images, folders=True), _by_name(seeds, folders=False)
    if not scans:
        raise BadInput(
            f"{images} holds no scan to propagate; give NIfTI, NRRD, MHA or MHD files, or DICOM folders, in it."
        )
    jobs, failed = {}, {}
    for name in sorted(scans.keys() | drawn.keys()):
        image, seed = scans.get(name, []), drawn.get(name, [])
        if len(image) > 1 or len(seed) > 1:
            several = image if len(image) > 1 else seed
            failed[name] = f"Several files have this name: {', '.join(path.name for path in several)}."
        elif not image:
            failed[name] = f"There is no scan of this name in {images}."
        elif not seed:
            failed[name] = f"There are no seeds of this name in {seeds}."
        else:
            jobs[name] = Job(image[0], seed[0], output / _mask_name(seed[0]))
    return jobs, failed


def _by_name(folder: Path, *, folders: bool) -> dict[str, list[Path]]:
    from napari_medssl.volumes.formats import extension, kind_by_name, plain_name

    found: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if folders:
                found[path.name].append(path)
        elif kind_by_name(path) not in ("", "DICOM") and not extension(path).startswith(".img"):  # a part of its .hdr
            found[plain_name(path)].append(path)
    return found


def _mask_name(seeds: Path) -> str:
    from napari_medssl.volumes.formats import plain_name
    from napari_medssl.volumes.writing import WRITABLE

    return seeds.name if seeds.name.lower().endswith(WRITABLE) else f"{plain_name(seeds)}.nii.gz"
