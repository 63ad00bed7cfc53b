"""Options that commands share, and the small notations they take (``40:60``, ``1:40,55;2:60``)."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from typing import Any

Subparsers = Any  # argparse keeps the type to itself
Run = Callable[[argparse.Namespace], int]


def add_command(
    subparsers: Subparsers, name: str, run: Run | None, summary: str, **more: Any
) -> argparse.ArgumentParser:
    """A subparser with the options every command takes: ``--device``, ``--json`` and ``-v``."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name, help=summary, description=f"{summary[:1].upper()}{summary[1:]}.", allow_abbrev=False, **more
    )
    parser.set_defaults(run=run, verbose=False)
    if run is not None:
        parser.add_argument(
            "--device",
            metavar="auto|cpu|cuda|mps",
            type=device,
            default="auto",
            help="where to compute (default: auto, the fastest there is; cuda:1 takes a second card)",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of words")
        parser.add_argument("-v", "--verbose", action="store_true", help="show warnings, and tracebacks of our errors")
    return parser


def device(text: str) -> str:
    """A name that a device may have; whether this machine has it is seen when it is needed."""
    if not re.fullmatch(r"(auto|cpu|mps|cuda(:\d{1,2})?)", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is not a device; choose from auto, cpu, cuda and mps")
    return text


def seed_slices(text: str) -> dict[int, tuple[int, ...]]:
    """``"1:40,55;2:60"`` as ``{1: (40, 55), 2: (60,)}``: for each label the slices that were drawn by hand."""
    found: dict[int, tuple[int, ...]] = {}
    for part in text.strip().rstrip(";").split(";"):
        match = re.fullmatch(r"\s*(\d{1,9})\s*:\s*(\d{1,9}(?:\s*,\s*\d{1,9})*)\s*", part, re.ASCII)
        if match is None:
            raise argparse.ArgumentTypeError(f"{text!r} is not of the form label:slice,slice;label:slice")
        label, slices = int(match[1]), tuple(int(number) for number in match[2].split(","))
        if label == 0:
            raise argparse.ArgumentTypeError("label 0 is the background and has no seed slices")
        found[label] = tuple(sorted({*found.get(label, ()), *slices}))
    return found


def slice_range(text: str) -> tuple[int, int | None]:
    """``"40:60"`` as ``(40, 60)``: from the first slice up to, not including, the second; either may be left out."""
    match = re.fullmatch(r"\s*(\d{0,9})\s*:\s*(\d{0,9})\s*", text, re.ASCII)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form first:end, such as 40:60")
    first, end = int(match[1] or 0), int(match[2]) if match[2] else None
    if end is not None and end <= first:
        raise argparse.ArgumentTypeError(f"{text!r} holds no slice; the first number must be smaller than the second")
    return first, end


def seconds(text: str) -> float:
    """A time of zero or more seconds."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


def fraction(text: str) -> float:
    """``"0.8"`` as 0.8: a number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


def add_scan_choice(parser: argparse.ArgumentParser) -> None:
    """``--series`` and ``--frame``: which scan of a file or folder that holds several."""
    parser.add_argument(
        "--series", metavar="ID", help="which series of a DICOM folder that holds several: its number or UID"
    )
    parser.add_argument("--frame", metavar="N", type=int, help="which frame of a 4D scan, counted from 0")
