"""``napari-medssl train``: train a model by one of the recipes, in a run folder that can be resumed."""

from __future__ import annotations

import argparse
import json
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
    add("--data", metavar="DIR", type=Path, required=True,
        help="the data folder, with images/ and, where there are any, labels/")
    add("--run", metavar="DIR", type=Path, required=True, dest="run_folder", help="the run folder to write")
    add("--set", metavar="KEY=VALUE", action="append", default=[], dest="settings",
        help="change a setting; may be given several times")
    add("--resume", action="store_true", help="go on where the run folder's checkpoint stopped")
    # fmt: on


def run(args: argparse.Namespace) -> int:
    """Train until the recipe is done, or until it is stopped; the run folder can be resumed either way."""
    from napari_medssl.training import train

    settings = parse_settings(args.settings)
    if args.device != "auto":
        settings.setdefault("device", args.device)
    check_folder_output(args.run_folder)
    new = not args.run_folder.exists()
    progress = Progress()

    def on_event(event: dict[str, Any]) -> None:
        if event["event"] == "step":
            progress.fraction(event["done"], f"Step {event['step']}, loss {event['loss']:.4g}")

    with Interruption() as cancelled:
        try:
            trained = train(
                args.recipe, args.data, args.run_folder,
                resume=args.resume, on_event=on_event, cancelled=cancelled, **settings,
            )  # fmt: skip
        except BadInput:
            if new and args.run_folder.is_dir() and not any(args.run_folder.iterdir()):
                args.run_folder.rmdir()
            raise
        finally:
            progress.close()
    report = Report.of(trained, args.recipe)
    if args.json:
        print_json(report)
    else:
        print(report.in_words())
    return 0 if report.complete else CANCELLED


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

    @classmethod
    def of(cls, trained: TrainedModel, recipe: str) -> Report:
        name, folder = trained.card.name, trained.folder
        weights = folder / f"{name}.safetensors"
        return cls(recipe, str(folder), name, str(weights), trained.steps, trained.seconds, trained.complete)

    def in_words(self) -> str:
        """The report for people."""
        first = f"Trained model {self.model}" if self.complete else "Cancelled; the model as it stands was kept"
        use = f"NAPARI_MEDSSL_MODELS={self.run} napari-medssl propagate ... --model {self.model}"
        lines = [f"{first}: {self.steps} steps in {duration(self.seconds)}, in {self.weights}.", f"Use it with {use}"]
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
