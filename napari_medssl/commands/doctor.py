"""``napari-medssl doctor``: what this machine is like, to paste into a bug report."""

from __future__ import annotations

import argparse

from napari_medssl.commands import options
from napari_medssl.commands.output import print_json


def add_parser(subparsers: options.Subparsers) -> None:
    """Describe the command's options."""
    options.add_command(
        subparsers, "doctor", run, "show versions, devices, OpenGL and models in a form to paste into a report"
    )


def run(args: argparse.Namespace) -> int:
    """Print the diagnosis; what it finds wrong is part of it, not an error of the command."""
    from napari_medssl.diagnostics import as_markdown, diagnose

    diagnosis = diagnose()
    if args.json:
        print_json(diagnosis)
    else:
        print(as_markdown(diagnosis))
    return 0
