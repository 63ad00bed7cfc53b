"""The command as a whole: help at once, one sentence for every error, exit statuses that scripts can rely on."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from napari_medssl import commands
from napari_medssl.cli import build_parser, main
from napari_medssl.commands import doctor, options
from napari_medssl.errors import BadInput, Cancelled
from tests.commands.conftest import Call

COMMAND = [sys.executable, "-m", "napari_medssl.cli"]


def test_each_module_of_the_folder_that_is_a_command_is_listed() -> None:
    folder = Path(commands.__file__).parent
    written = {path.stem for path in folder.glob("*.py") if "def add_parser(" in path.read_text(encoding="utf-8")}
    assert written == {module.__name__.rsplit(".", 1)[-1] for module in commands.COMMANDS}


def test_help_of_every_command(call: Call) -> None:
    for module in commands.COMMANDS:
        name = module.__name__.rsplit(".", 1)[-1]
        outcome = call(name, "--help")
        assert (outcome.status, outcome.err) == (0, "")
        assert f"napari-medssl {name}" in outcome.out
    assert call("evaluate", "segmentation", "--help").status == 0


def test_version(call: Call) -> None:
    assert call("--version").out.strip() == __import__("napari_medssl").__version__


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["frobnicate"],
        ["propagate"],
        ["propagate", "a.nii", "b.nii"],
        ["propagate", "a.nii", "b.nii", "-o"],
        ["propagate", "a.nii", "b.nii", "-o", "c.nii", "--axis", "3"],
        ["propagate", "a.nii", "b.nii", "-o", "c.nii", "--range", "5:5"],
        ["propagate", "a.nii", "b.nii", "-o", "c.nii", "--seed-slices", "1:"],
        ["propagate", "a.nii", "b.nii", "-o", "c.nii", "--verification", "maybe"],
        ["propagate", "a.nii", "b.nii", "-o", "c.nii", "--adapt-seconds", "nan"],
        ["propagate", "a.nii", "b.nii", "-o", "c.nii", "--frame", "one"],
        ["propagate", "a.nii", "b.nii", "-o", "c.nii", "--outpt", "d.nii"],
        ["propagate", "a.nii", "b.nii", "-o", "c.nii", "--device", "tpu"],
        ["evaluate"],
        ["evaluate", "segmentation", "a.nii"],
        ["models"],
        ["models", "show"],
        ["train", "sli2vol"],
        ["doctor", "please"],
    ],
)
def test_a_command_line_that_cannot_be_read_is_refused_in_a_sentence(call: Call, words: list[str]) -> None:
    sentence = call(*words).refused()
    assert "usage:" not in sentence
    if words:
        outcome = call(*words, "--json")
        assert outcome.status == 2
        assert outcome.json["error"] == outcome.err.strip()


def raising(error: BaseException) -> Callable[[object], int]:
    def run(args: object) -> int:
        raise error

    return run


def with_doctor(monkeypatch: pytest.MonkeyPatch, run: Callable[[object], int]) -> None:
    """Let ``napari-medssl doctor`` do something else; the rest of the command stays as it is."""

    def add_parser(subparsers: options.Subparsers) -> None:
        options.add_command(subparsers, "doctor", run, "stand-in")

    monkeypatch.setattr(doctor, "add_parser", add_parser)


def test_an_error_of_ours_says_so_and_shows_its_traceback_only_when_asked(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_doctor(monkeypatch, raising(KeyError("x")))
    outcome = call("doctor")
    assert outcome.status == 1
    assert len(outcome.err.splitlines()) == 1
    assert "our fault" in outcome.err
    assert "-v" in outcome.err
    assert "napari-medssl doctor" in outcome.err
    verbose = call("doctor", "-v")
    assert verbose.status == 1
    assert "Traceback" in verbose.err
    assert call("doctor", "--json").json == {"error": outcome.err.strip()}


@pytest.mark.parametrize("extra", [[], ["-v"]])
def test_bad_input_never_shows_a_traceback(call: Call, monkeypatch: pytest.MonkeyPatch, extra: list[str]) -> None:
    with_doctor(monkeypatch, raising(BadInput("The file scan.nii is a poem; choose a scan.")))
    assert call("doctor", *extra).refused() == "The file scan.nii is a poem; choose a scan."


@pytest.mark.parametrize("code", [errno.EACCES, errno.ENOSPC, errno.EROFS, errno.ENAMETOOLONG])
def test_what_the_disk_refuses_is_not_our_fault(call: Call, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    with_doctor(monkeypatch, raising(OSError(code, os.strerror(code), "out.nii.gz")))
    assert "out.nii.gz" in call("doctor").refused()


def test_running_out_of_memory_gives_advice(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    with_doctor(monkeypatch, raising(MemoryError()))
    outcome = call("doctor")
    assert outcome.status == 1
    assert "memory" in outcome.err
    assert "fault" not in outcome.err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Cancelled("Cancelled after step 3.")])
def test_cancelling_exits_with_3(call: Call, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    with_doctor(monkeypatch, raising(error))
    outcome = call("doctor")
    assert outcome.status == 3
    assert outcome.err.startswith("Cancelled")


def test_warnings_are_for_the_verbose_only(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(args: object) -> int:
        import warnings

        warnings.warn("a library changes its mind", UserWarning, stacklevel=1)
        return 0

    with_doctor(monkeypatch, run)
    assert call("doctor").err == ""


def test_sigterm_unwinds_and_leaves_the_old_handler_behind(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    cleaned = []

    def run(args: object) -> int:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        finally:
            cleaned.append(True)
        return 0

    with_doctor(monkeypatch, run)
    before = signal.getsignal(signal.SIGTERM)
    assert call("doctor").status == 3
    assert cleaned == [True]
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_reader_that_goes_away_is_no_error() -> None:
    process = subprocess.Popen([*COMMAND, "models", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")


def test_help_needs_no_second() -> None:
    # The best of three, against neighbours that keep the machine busy; imports of torch or napari take several seconds.
    times = []
    for _ in range(3):
        started = time.monotonic()
        subprocess.run([*COMMAND, "--help"], check=True, capture_output=True)
        times.append(time.monotonic() - started)
    assert min(times) < 1.0


def test_the_installed_command_is_this_one() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("napari-medssl")), "propagate", "--json"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "error" in json.loads(done.stdout)


def test_main_leaves_no_state_in_the_parser() -> None:
    assert build_parser() is not build_parser()
    assert main(["--version"]) == 0
