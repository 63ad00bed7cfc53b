"""``napari-medssl demo``: the main job on the packaged sample, in napari."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

from napari_medssl.commands import options
from napari_medssl.commands.checks import check_folder_output
from napari_medssl.commands.interrupts import Interruption
from napari_medssl.commands.output import duration, print_json
from napari_medssl.errors import BadInput

CANCELLED = 3


def add_parser(subparsers: options.Subparsers) -> None:
    """Describe the command's options."""
    parser = options.add_command(
        subparsers, "demo", run, "open napari with the sample scan and propagate its one drawn slice"
    )
    parser.add_argument(
        "--headless", metavar="DIR", type=Path, help="open nothing to look at; write the mask and a screenshot into DIR"
    )


def run(args: argparse.Namespace) -> int:
    """Show the main job, or do it unseen and say where the results are."""
    from napari_medssl.diagnostics import probe_display, probe_gl

    if args.headless is None:
        _refuse_without_window(probe_display(), probe_gl())
        from napari_medssl.widgets.demo import show

        show(device=args.device)
        return 0
    check_folder_output(args.headless)
    gl = probe_gl() if importlib.util.find_spec("qtpy") else {"error": "Qt is not installed"}
    with Interruption() as cancelled:
        if "error" in gl:
            from napari_medssl.commands import demo_without_viewer

            outcome = demo_without_viewer.run(args.headless, device=args.device, cancelled=cancelled)
        else:
            from napari_medssl.widgets.demo import run_unseen

            outcome = run_unseen(args.headless, device=args.device, cancelled=cancelled)
    if args.json:
        print_json({**outcome, "opengl": gl})
        return 0
    if "error" in gl:
        print(f"The picture is a plain drawing, not a screenshot of napari: {gl['error']}.")
    print(f"Propagated the drawn slices through the sample scan in {duration(outcome['seconds'])}.")
    print(f"Mask: {outcome['mask']}\nPicture: {outcome['picture']}")
    return 0


def _refuse_without_window(display: dict[str, object], gl: dict[str, object]) -> None:
    if not display["screen"]:
        raise BadInput("There is no screen here to open napari on; use napari-medssl demo --headless DIR.")
    if "error" in gl:
        raise BadInput(f"napari cannot open a window here ({gl['error']}); napari-medssl doctor says more.")
