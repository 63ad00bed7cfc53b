"""``napari-medssl train``: train a model by one of the recipes, in a run folder that can be resumed."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from napari_medssl.commands import options
from napari_medssl.commands.checks import check_folder_output
from napari_medssl.commands.interrupts import Interruption
from napari_medssl.commands.output import Progress, plain, print_json
from napari_medssl.errors import BadInput


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

    settings = {"device": args.device, **parse_settings(args.settings)}
    check_folder_output(args.run_folder)
    progress = Progress("Step")

    def on_event(event: dict[str, Any]) -> None:
        raise NotImplementedError

    with Interruption() as cancelled:
        try:
            trained = train(
                args.recipe, args.data, args.run_folder,
                resume=args.resume, on_event=on_event, cancelled=cancelled, **settings,
            )  # fmt: skip
        finally:
            progress.close()
    print_json(plain(trained))
    return 0


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
