"""``napari-medssl train``: train a model by one of the recipes, in a run folder that can be resumed."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medssl.commands import options
from napari_medssl.commands.checks import check_folder_output
from napari_medssl.commands.interrupts import Interruption
from napari_medssl.commands.output import Progress, duration, print_json
from napari_medssl.errors import BadInput

if TYPE_CHECKING:
    from napari_medssl.training import TrainedModel

CANCELLED = 3


def add_parser(subparsers: options.Subparsers) -> None:
    """Describe the command's options."""
    parser = options.add_command(subparsers, "train", run, "train a model by one of the recipes")
    add = parser.add_argument
    # fmt: off
    add("recipe", metavar="RECIPE", help="see napari-medssl recipes")
    add("--data", metavar="DIR", type=Path,
        help="the data folder, with images/ and, where there are any, labels/; with --resume, that of the run")
    add("--run", metavar="DIR", type=Path, required=True, dest="run_folder", help="the run folder to write")
    add("--preset", metavar="NAME", help="settings for a situation, see napari-medssl recipes RECIPE")
    add("--set", metavar="KEY=VALUE", action="append", default=[], dest="settings",
        help="change a setting; may be given several times")
    add("--resume", action="store_true", help="go on where the run folder's checkpoint stopped")
    # fmt: on


def run(args: argparse.Namespace) -> int:
    """Train until the recipe is done, or until it is stopped; the run folder can be resumed either way."""
    if args.data is None and not args.resume:
        raise BadInput("Say where the scans are: --data DIR is needed for a new run.")
    settings = parse_settings(args.settings)
    if args.device != "auto":
        settings.setdefault("device", args.device)
    check_folder_output(args.run_folder)
    # Of the processes that torchrun starts one speaks for all.
    leads = os.environ.get("RANK", "0") == "0"
    if not leads:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  (until this process ends)

    from napari_medssl.commands.recipes import preset_settings
    from napari_medssl.training import find_recipe, train

    if args.preset is not None:
        settings = preset_settings(find_recipe(args.recipe), args.preset) | settings
    new = not args.run_folder.exists()
    teller = Teller(args.run_folder) if leads else None
    with Interruption() as cancelled:
        try:
            trained = train(
                args.recipe, args.data, args.run_folder,
                resume=args.resume, on_event=teller, cancelled=cancelled, **settings,
            )  # fmt: skip
        except BadInput:
            if new and args.run_folder.is_dir() and not any(args.run_folder.iterdir()):
                args.run_folder.rmdir()
            raise
        finally:
            if teller is not None:
                teller.close()
    report = Report.of(trained, args.recipe)
    if args.json:
        print_json(report)
    else:
        print(report.in_words())
    return 0 if report.complete else CANCELLED


class Teller:
    """Says on stderr what a run tells, in a person's words."""

    def __init__(self, folder: Path) -> None:
        self._progress, self._folder = Progress(), folder

    def __call__(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "prepare":
            part = event["done"] / max(1, event["total"])
            self._progress.fraction(part, f"{event['text']}: {event['done']} of {event['total']}")
        elif kind == "start":
            self._line(_start_words(event))
        elif kind == "step":
            words = f"Step {event['step']}, loss {_number(event['loss'])}"
            self._progress.fraction(event["done"], words, event["left"])
        elif kind == "validation" and event["metrics"]:
            figures = ", ".join(f"{name} {_number(value)}" for name, value in event["metrics"].items())
            self._line(f"Validation at step {event['step']}: {figures}{', the best so far' if event['best'] else ''}")
        self._keep_log_short()

    def close(self) -> None:
        self._progress.close()

    def _line(self, words: str) -> None:
        self._progress.close()
        print(words, file=sys.stderr, flush=True)

    def _keep_log_short(self) -> None:
        """A run that nobody supervises must not fill the disk with what it prints."""
        from napari_medssl.training.launch import trim_log

        with suppress(OSError, ValueError):
            log = self._folder / "log.txt"
            if os.path.samestat(os.fstat(sys.stderr.fileno()), log.stat()):
                trim_log(log)


def _start_words(event: Mapping[str, Any]) -> str:
    scans = " and ".join(f"{event[kind]} {kind}" for kind in ("labelled", "unlabelled") if event[kind])
    begin = f"Going on from step {event['step']}" if event["step"] else "Training"
    return f"{begin} on {event['device']} ({event['precision']}) with {scans} scans"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


@dataclass(frozen=True)
class Report:
    """What a run left behind."""

    recipe: str
    run: str
    model: str
    weights: str
    steps: int
    seconds: float
    complete: bool
    metrics: dict[str, float]

    @classmethod
    def of(cls, trained: TrainedModel, recipe: str) -> Report:
        name, folder = trained.card.name, trained.folder
        weights = folder / f"{name}.safetensors"
        metrics = dict(trained.card.metrics.get("validation") or {})
        return cls(recipe, str(folder), name, str(weights), trained.steps, trained.seconds, trained.complete, metrics)

    def in_words(self) -> str:
        """The report for people."""
        first = f"Trained model {self.model}" if self.complete else "Cancelled; the model as it stands was kept"
        lines = [f"{first}: {self.steps} steps in {duration(self.seconds)}, in {self.weights}."]
        if self.metrics:
            lines.append("Validation: " + ", ".join(f"{name} {_number(v)}" for name, v in self.metrics.items()) + ".")
        lines.append(f"Put it on the shelf: napari-medssl models add {shlex.quote(self.run)}")
        if not self.complete:
            lines.append("Go on with the same command and --resume.")
        return "\n".join(lines)


def parse_settings(words: list[str]) -> dict[str, Any]:
    """The values of ``--set KEY=VALUE``: JSON where they are (numbers, true, lists), else text.

    Raises
    ------
    BadInput
        A word that is not of this form.
    """
    given: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key.isidentifier():
            raise BadInput(f"--set {word} is not of the form KEY=VALUE, such as --set steps=2000.")
        try:
            given[key] = json.loads(text)
        except ValueError:
            given[key] = text
    return given
