"""Which options of ``napari-medssl propagate`` go with a session."""

from __future__ import annotations

import argparse

from napari_medssl.errors import BadInput


def check_options(args: argparse.Namespace, *, folder: bool) -> None:
    """Refuse options that say the same as the session, or a session for more than one scan."""
    if args.session is None:
        return
    if folder:
        raise BadInput("--session is for one scan, not for a folder of scans.")
    for option, value in (("--seed-slices", args.seed_slices), ("--axis", args.axis)):
        if value is not None:
            raise BadInput(f"--session says already what {option} would say; give one of them.")
