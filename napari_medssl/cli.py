"""The ``napari-medssl`` command: every job of the viewer without a viewer.

Nothing heavy is imported before a command needs it, so that ``napari-medssl --help`` answers at once.
"""

import argparse
import errno
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import NoReturn

from napari_medssl.commands import COMMANDS
from napari_medssl.commands.interrupts import sigterm_as_keyboard_interrupt
from napari_medssl.commands.output import complain
from napari_medssl.errors import BadInput, Cancelled

DONE, OUR_FAULT, BAD_INPUT, CANCELLED = 0, 1, 2, 3

# What the file system, not the program, is to blame for.
_USERS_DISK = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENAMETOOLONG, errno.ELOOP,
    errno.ENOTDIR, errno.EIO,
}  # fmt: skip


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are one sentence, raised as `BadInput` instead of printed with the usage."""

    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{message[:1].upper()}{message[1:].rstrip('.')}; see {self.prog} --help.")


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command, one subparser for each module in `commands`."""
    parser = _Parser(
        prog="napari-medssl",
        description="Draw one slice, get the volume: propagate, measure and train without a viewer.",
        epilog="Exit status: 0 done, 1 an error of ours, 2 something given cannot be used, 3 cancelled.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version and stop")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for module in COMMANDS:
        module.add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; every error becomes one sentence.

    Parameters
    ----------
    argv : the words after ``napari-medssl``; those of the process when None

    Returns
    -------
    0 done, 1 an unexpected error inside the program, 2 bad input, 3 cancelled with what was done kept
    """
    words = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in words
    verbose = False
    try:
        with sigterm_as_keyboard_interrupt():
            args = build_parser().parse_args(words)
            if args.version:
                from napari_medssl import __version__

                print(__version__)
                return DONE
            if args.command is None:
                raise BadInput("Say what to do, for example napari-medssl propagate; see napari-medssl --help.")
            verbose = args.verbose
            return _run(args)
    except SystemExit as stop:  # argparse leaves this way after --help
        return stop.code if isinstance(stop.code, int) else OUR_FAULT
    except BadInput as error:
        complain(str(error), as_json)
        return BAD_INPUT
    except (KeyboardInterrupt, Cancelled) as error:
        complain(str(error) or "Cancelled.", as_json)
        return CANCELLED
    except BrokenPipeError:
        # The reader of our output has gone (as with `| head`); what Python still holds must not be written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return DONE
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _USERS_DISK:
            complain(f"Cannot use {error.filename or 'the file'}: {(error.strerror or 'it failed').lower()}.", as_json)
            return BAD_INPUT
        if verbose:
            traceback.print_exc()
        complain(_our_fault(error, verbose), as_json)
        return OUR_FAULT


def _run(args: argparse.Namespace) -> int:
    with warnings.catch_warnings():
        if not args.verbose:
            warnings.simplefilter("ignore")
        status: int = args.run(args)
        sys.stdout.flush()  # here, so that a closed pipe is noticed while it can still be handled
        return status


def _our_fault(error: Exception, verbose: bool) -> str:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return "There was not enough memory: close other programs, use --device cpu, or take fewer slices with --range."
    what = f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": .")
    again = "" if verbose else "run it again with -v for the traceback and "
    return f"This is our fault, not yours ({what}); please {again}report it with the output of napari-medssl doctor."


if __name__ == "__main__":
    sys.exit(main())
