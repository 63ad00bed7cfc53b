"""``napari-medssl segment``: a scan and a trained model in, labels on the scan's own grid out."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medssl.commands import options
from napari_medssl.commands.checks import check_label_output
from napari_medssl.commands.interrupts import Interruption
from napari_medssl.commands.output import Progress, duration, print_json
from napari_medssl.errors import BadInput, Cancelled

if TYPE_CHECKING:
    from napari_medssl.segmentation import Segmented
    from napari_medssl.volumes import Volume

CANCELLED = 3
TRAIN_ONE = "train one with napari-medssl train segmentation --data DIR --run DIR, then napari-medssl models add it"


@dataclass(frozen=True)
class Found:
    """One label of the result."""

    name: str
    voxels: int
    millilitres: float


@dataclass(frozen=True)
class Report:
    """What came of one scan; `output` is None where nothing was written."""

    image: str
    output: str | None
    model: str
    complete: bool
    seconds: float = 0.0
    labels: dict[int, Found] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def add_parser(subparsers: options.Subparsers) -> None:
    """Describe the command's options."""
    parser = options.add_command(subparsers, "segment", run, "find in a scan what a model was trained to find")
    add = parser.add_argument
    # fmt: off
    add("image", metavar="IMAGE", type=Path, help="the scan: NIfTI, NRRD, MHA, MHD or a DICOM folder")
    add("-o", "--output", metavar="OUT", type=Path, required=True, help="the label map to write")
    add("--model", metavar="NAME", default="",
        help="a model for segmentation, see napari-medssl models list (default: the only one there is)")
    # fmt: on
    options.add_scan_choice(parser)


def run(args: argparse.Namespace) -> int:
    """Segment one scan."""
    with Interruption() as cancelled:
        report = segment_file(args, cancelled)
    if args.json:
        print_json(report)
    else:
        print(in_words(report))
    return 0 if report.complete else CANCELLED


def segment_file(args: argparse.Namespace, cancelled: Callable[[], bool]) -> Report:
    """Read, segment, write.

    Raises
    ------
    BadInput
        Anything about the file, the model or the output that cannot be used; nothing has been written then.
    """
    from napari_medssl.volumes import read_volume, write_labels

    check_label_output(args.output, (args.image,))
    model = chosen_model(args.model)
    volume = read_volume(args.image, series=args.series, frame=args.frame)

    from napari_medssl.segmentation import segment

    progress = Progress("Window")
    try:
        result = segment(volume, model=model, device=args.device, on_progress=progress.update, cancelled=cancelled)
    except Cancelled:
        return Report(str(args.image), None, model, False, notes=volume.notes)
    finally:
        progress.close()
    write_labels(args.output, result.labels, volume.geometry)
    return Report(
        str(args.image), str(args.output), model, True, result.seconds, found_in(result, volume), volume.notes
    )


def chosen_model(name: str) -> str:
    """The model of that name or, without one, the only one for segmentation.

    Raises
    ------
    BadInput
        There is none, or there are several to choose from.
    """
    from napari_medssl.models import list_cards

    if name:
        return name
    names = [card.name for card in list_cards("segmentation")]
    if not names:
        raise BadInput(f"There is no model for segmentation yet; {TRAIN_ONE}.")
    if len(names) > 1:
        raise BadInput(f"There are several models for segmentation; choose one with --model: {', '.join(names)}.")
    return names[0]


def found_in(result: Segmented, volume: Volume) -> dict[int, Found]:
    """How large each label is."""
    import numpy as np

    millilitres = float(np.prod(volume.spacing)) / 1000
    values, counts = np.unique(result.labels[result.labels > 0], return_counts=True)
    return {
        int(value): Found(result.names.get(int(value), ""), int(count), int(count) * millilitres)
        for value, count in zip(values, counts, strict=True)
    }


def in_words(report: Report) -> str:
    """What was done, for people."""
    lines = [note.rstrip(".") + "." for note in report.notes]
    if report.output is None:
        return "\n".join([*lines, "Cancelled; nothing was written."])
    lines.append(f"Wrote {report.output} in {duration(report.seconds)}, with the model {report.model}.")
    for label, found in report.labels.items():
        called = f" ({found.name})" if found.name else ""
        lines.append(f"Label {label}{called}: {found.millilitres:.4g} ml.")
    if not report.labels:
        lines.append("Nothing was found in this scan.")
    return "\n".join(lines)
