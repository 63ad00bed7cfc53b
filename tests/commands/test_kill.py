"""Stopped in the middle: what is done is kept whole, or nothing is written; never half a file."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from tests.commands.conftest import Case, make_case

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")

SLICES = 300


@pytest.fixture
def long_case(tmp_path: Path) -> Case:
    folder = tmp_path / "case"
    folder.mkdir()
    return make_case(folder, slices=SLICES, side=112, drawn=60)


@contextmanager
def running(*words: object) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "napari_medssl.cli", *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until_slice(process: subprocess.Popen[str], least: int) -> None:
    """Wait until at least so many slices of the long case are done, and see that there are others to do."""
    assert process.stderr is not None
    for line in process.stderr:
        said = re.match(r"Slice (\d+) of (\d+), about", line)
        if said and int(said[1]) >= least and int(said[2]) >= SLICES:
            return
    pytest.fail("it was over too soon to be stopped")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_done_is_kept(long_case: Case, number: signal.Signals) -> None:
    out = long_case.folder / "mask.nii.gz"
    before = long_case.files
    with running("propagate", long_case.image, long_case.seeds, "-o", out) as process:
        wait_until_slice(process, 3)
        asked = time.monotonic()
        process.send_signal(number)
        said, err = process.communicate(timeout=30)
        assert time.monotonic() - asked < 10
    assert process.returncode == 3
    assert "Cancelled" in said
    assert "Traceback" not in err
    assert long_case.files == before | {out.name}
    labels, truth = (sitk.GetArrayFromImage(sitk.ReadImage(str(path))) for path in (out, long_case.truth))
    np.testing.assert_array_equal(labels[60], truth[60])
    assert 1 < labels.any(axis=(1, 2)).sum() < SLICES


def test_a_kill_leaves_the_old_file_and_nothing_else(long_case: Case) -> None:
    out = long_case.folder / "mask.nii.gz"
    out.write_bytes(b"the old mask")
    before = long_case.files
    with running("propagate", long_case.image, long_case.seeds, "-o", out) as process:
        wait_until_slice(process, 3)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
    assert process.returncode == -signal.SIGKILL
    assert long_case.files == before
    assert out.read_bytes() == b"the old mask"


def test_a_batch_keeps_the_masks_that_are_whole(long_case: Case) -> None:
    images, seeds, out = (long_case.folder / name for name in ("images", "seeds", "masks"))
    for folder, source in ((images, long_case.image), (seeds, long_case.seeds)):
        folder.mkdir()
        (folder / "b.nii.gz").write_bytes(source.read_bytes())
    quick = make_case(long_case.folder, "quick-", slices=5, side=48, drawn=2)
    (images / "a.nii.gz").write_bytes(quick.image.read_bytes())
    (seeds / "a.nii.gz").write_bytes(quick.seeds.read_bytes())
    with running("propagate", images, seeds, "-o", out) as process:
        wait_until_slice(process, 3)
        process.terminate()
        _, err = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "Cancelled after 1 of 2 scans" in err
    assert sorted(path.name for path in out.iterdir()) == ["a.nii.gz", "review.csv"]
    assert sitk.GetArrayFromImage(sitk.ReadImage(str(out / "a.nii.gz"))).any()
