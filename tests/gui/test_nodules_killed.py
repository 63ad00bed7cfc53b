"""The process is killed while it looks for nodules, or right after an accept: the next one has the list again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from napari_medssl.nodules.reading_recovery import ReadingOffer, reading_offers
from napari_medssl.volumes import write_volume
from tests.gui.nodules_kit import Desk, small_chest
from tests.gui.propagation_kit import click

ROOT = Path(__file__).parents[2]


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    volume = small_chest()
    write_volume(tmp_path / "thorax.nii.gz", volume.array, volume.geometry)
    return tmp_path / "thorax.nii.gz"


@pytest.fixture
def start(scan: Path) -> Iterator[Callable[[str], Any]]:
    """Starts a reading, and waits until its accept is done."""
    children = []

    def begin(moment: str) -> Any:
        command = [sys.executable, "-m", "tests.gui.reading_killed", str(scan), moment]
        child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        children.append(child)
        for line in child.stdout:
            if line.strip() == "ready":
                return child
        raise AssertionError(f"it ended with {child.wait()}")

    yield begin
    for child in children:
        child.kill()
        child.wait()


def states(offer: ReadingOffer) -> list[str]:
    return [one.state for one in sorted(offer.findings, key=lambda one: one.number)]


def test_a_reading_whose_process_is_killed_is_offered(
    start: Callable[[str], Any], scan: Path, make_napari_viewer: Callable[..., Any], qtbot: Any, tmp_path: Path
) -> None:
    from napari_medssl.files import recovery_folder

    child = start("search")

    def written() -> list[Path]:
        return [path for path in recovery_folder().glob("*.reading") if '"accepted"' in path.read_text()]

    qtbot.waitUntil(lambda: bool(written()), timeout=30000)  # while the search goes on
    assert reading_offers() == []  # it is being worked on
    child.kill()
    child.wait()
    (offer,) = reading_offers()
    assert states(offer) == ["accepted", "unread", "unread"]

    desk = Desk(make_napari_viewer(show=True), qtbot)
    desk.dock()
    qtbot.waitUntil(lambda: "thorax from today" in desk.form.offer.line.text(), timeout=10000)
    assert "3 findings, 1 read" in desk.form.offer.line.text()
    click(qtbot, desk.form.offer.bring_back)  # opens the scan, too
    qtbot.waitUntil(lambda: "as it was" in desk.says, timeout=20000)
    assert desk.viewer.layers[0].name == "thorax"
    assert [desk.state(number) for number in (1, 2)] == ["accepted", "unread"]
    assert desk.form.score.value == pytest.approx(0.3)  # as it was shown
    assert desk.numbers == [1, 2]

    child = start("accept")
    child.kill()  # before or after the accept is written
    child.wait()
    found = [states(one) for one in reading_offers()]
    assert found in ([], [["unread"] * 3], [["accepted", "unread", "unread"]])
    leftover = [path for path in recovery_folder().iterdir() if path.suffix == ".reading"]
    assert len(leftover) == 1 + len(found)  # nothing that cannot be read
