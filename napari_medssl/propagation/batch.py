"""The same work for every scan of a folder: scans paired with what was drawn, failures kept, taken up where it stopped.

A mask that a person has changed is never written over, and one whose scan, drawing and settings are as they were is not
made again.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from napari_medssl.errors import BadInput
from napari_medssl.models.shelf import weights_path
from napari_medssl.propagation.review import FAILED, NAME, REVIEWED, TO_REVIEW, Entry, put, read_review, stamp
from napari_medssl.propagation.scan_job import Job, Report, Settings
from napari_medssl.propagation.series_job import run_job
from napari_medssl.propagation.session_file import session_path
from napari_medssl.volumes.formats import extension, kind_by_name, plain_name
from napari_medssl.volumes.writing import WRITABLE

Outcome = Literal["done", "unchanged", "failed", "cancelled"]


@dataclass(frozen=True)
class Case:
    """A scan with what was drawn on it; `why` says in a sentence why it cannot be done, where it cannot.

    `session` lies beside what was drawn, where there is one, and says what of it was drawn by hand.
    """

    name: str
    job: Job | None
    why: str = ""
    session: Path | None = None


@dataclass(frozen=True)
class CaseResult:
    """What became of a case: `report` where it was done, a sentence in `message` where it failed."""

    case: Case
    outcome: Outcome
    report: Report | None = None
    message: str = ""


def find_cases(images: Path, seeds: Path, output: Path) -> list[Case]:
    """The scans of a folder with the drawings of the same names, in alphabetical order.

    Names are compared without extension; a folder inside `images` counts as a DICOM scan.

    Raises
    ------
    BadInput
        A folder that is missing, there is nothing to do, or the output folder is one of the others.
    """
    for given in (images, seeds):
        if not given.is_dir():
            raise BadInput(f"There is no folder {given}.")
        if output.exists() and output.samefile(given):
            raise BadInput(
                f"The output folder {output} is also an input; choose another, so that nothing is overwritten."
            )
    scans, drawn = _by_name(images, folders=True, but=(seeds, output)), _by_name(seeds, folders=False)
    if not scans:
        raise BadInput(
            f"{images} holds no scan to propagate; give NIfTI, NRRD, MHA or MHD files, or DICOM folders, in it."
        )
    return [
        _case(name, scans.get(name, []), drawn.get(name, []), (images, seeds, output))
        for name in sorted(scans.keys() | drawn.keys())
    ]


def run_cases(
    cases: list[Case],
    settings: Settings,
    output: Path,
    cancelled: Callable[[], bool],
    *,
    on_start: Callable[[int, Case], None] | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> Iterator[CaseResult]:
    """Do one case after the other into the folder `output`, and keep its review list; yields what became of each.

    A case that fails stops none of the others. After a cancellation the case under way is let go, and the rest are not
    begun; running again goes on there.

    Raises
    ------
    BadInput
        The output folder cannot be made, or holds a file ``review.csv`` of something else.
    """
    made = not output.exists()
    try:
        output.mkdir(exist_ok=True)
    except OSError as error:
        raise BadInput(f"Cannot make the folder {output}: {(error.strerror or str(error)).lower()}.") from error
    try:
        read_review(output)
        for number, case in enumerate(cases):
            if cancelled():
                return
            if on_start is not None:
                on_start(number, case)
            result = _do(case, settings, output, cancelled, on_step)
            if result.outcome == "cancelled":
                return
            yield result
    finally:
        if made and {path.name for path in output.iterdir()} <= {NAME} and not _masks(output):
            (output / NAME).unlink(missing_ok=True)
            output.rmdir()


def _do(
    case: Case,
    settings: Settings,
    output: Path,
    cancelled: Callable[[], bool],
    on_step: Callable[[int, int], None] | None,
) -> CaseResult:
    earlier = read_review(output).get(case.name)
    if case.job is None:
        return _failed(case, output, earlier, case.why)
    if case.session is not None and settings.seed_slices is None:
        settings = replace(settings, session=case.session)
    inputs = _digest(case.job, settings)
    mask = case.job.output
    if mask.exists():
        ours = earlier is not None and earlier.written == stamp(mask) and earlier.status != REVIEWED
        if earlier is not None and earlier.inputs == inputs:  # perhaps corrected since, from the same drawing
            return CaseResult(case, "unchanged")
        if not ours:
            return _failed(
                case, output, earlier,
                f"{mask.name} is there already and was reviewed or changed by someone; move it away to make it anew.",
            )  # fmt: skip
    try:
        # Among finished masks half a one could not be told apart later.
        report = run_job(case.job, settings, cancelled, keep_unfinished=False, on_step=on_step)
    except BadInput as error:
        return _failed(case, output, earlier, str(error))
    except (RuntimeError, MemoryError, OSError) as error:  # one scan that does not fit must not end the night's work
        return _failed(case, output, earlier, f"It failed: {type(error).__name__}: {error}")
    if not report.complete:
        return CaseResult(case, "cancelled", report)
    put(output, _entry(case, case.job, report, inputs))
    return CaseResult(case, "done", report)


def _failed(case: Case, output: Path, earlier: Entry | None, why: str) -> CaseResult:
    line = " ".join(why.split())
    if earlier is None or not earlier.mask:  # a mask from before stays in the list as it is
        scan = "" if case.job is None else case.job.image.name
        put(output, Entry(case.name, scan, status=FAILED, message=line))
    else:
        put(output, replace(earlier, message=line))
    return CaseResult(case, "failed", message=line)


def _entry(case: Case, job: Job, report: Report, inputs: str) -> Entry:
    found = dict(sorted(report.labels.items()))
    return Entry(
        case=case.name,
        scan=job.image.name,
        mask=job.output.name,
        status=TO_REVIEW,
        labels=" ".join(map(str, found)),
        millilitres=" ".join(f"{one.millilitres:.4g}" for one in found.values()),
        lowest_confidence=min((one.lowest_confidence for one in found.values()), default=math.nan),
        inputs=inputs,
        written=stamp(job.output),
    )


def _digest(job: Job, settings: Settings) -> str:
    """What a mask depends on: the scan, the drawing, its session, the settings and the model's weights."""
    parts = [stamp(job.image), stamp(job.seeds), "" if settings.session is None else stamp(settings.session)]
    try:
        weights = stamp(weights_path(settings.model))
    except BadInput:
        weights = ""
    told = replace(settings, session=None, device="auto", hints=None)
    return hashlib.sha256(repr((*parts, weights, told)).encode()).hexdigest()[:16]


def _masks(output: Path) -> list[Entry]:
    return [entry for entry in read_review(output).values() if entry.mask]


def _case(name: str, image: list[Path], seed: list[Path], folders: tuple[Path, Path, Path]) -> Case:
    images, seeds, output = folders
    if len(image) > 1 or len(seed) > 1:
        several = image if len(image) > 1 else seed
        return Case(name, None, f"Several files have this name: {', '.join(path.name for path in several)}.")
    if not image:
        return Case(name, None, f"There is no scan of this name in {images}.")
    if not seed:
        return Case(name, None, f"There are no seeds of this name in {seeds}.")
    beside = session_path(seed[0])
    job = Job(image[0], seed[0], output / _mask_name(seed[0]))
    return Case(name, job, session=beside if beside.is_file() else None)


def _by_name(folder: Path, *, folders: bool, but: tuple[Path, ...] = ()) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = defaultdict(list)
    others = {path.resolve() for path in but}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.resolve() in others:
            continue
        if path.is_dir():
            if folders:
                found[path.name].append(path)
        elif kind_by_name(path) not in ("", "DICOM") and not extension(path).startswith(".img"):  # a part of its .hdr
            found[plain_name(path)].append(path)
    return found


def _mask_name(seeds: Path) -> str:
    return seeds.name if seeds.name.lower().endswith(WRITABLE) else f"{plain_name(seeds)}.nii.gz"
