"""What commands print: strict JSON, aligned tables, times that people read."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from napari_medssl.commands.output import Progress, complain, duration, plain, print_json, table


@dataclass
class Inner:
    values: np.ndarray
    where: Path


def test_plain_is_what_strict_json_knows() -> None:
    content = {
        1: Inner(np.array([1.0, np.nan, np.inf]), Path("a/b")),
        "numbers": (np.float32(0.5), np.int16(3), np.bool_(True), math.inf),
        "none": None,
        "set": {4},
    }
    assert json.loads(json.dumps(plain(content), allow_nan=False)) == {
        "1": {"values": [1.0, None, None], "where": "a/b"},
        "numbers": [0.5, 3, True, None],
        "none": None,
        "set": [4],
    }


def test_print_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": math.nan, "name": "Zürich"})
    assert json.loads(capsys.readouterr().out) == {"a": None, "name": "Zürich"}


def test_complaints_stay_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    complain("A sentence\nover  two lines.", as_json=True)
    captured = capsys.readouterr()
    assert captured.err == "A sentence over two lines.\n"
    assert json.loads(captured.out) == {"error": "A sentence over two lines."}


def test_table_is_aligned() -> None:
    assert table(("Label", "ml"), [("1", "12.5"), ("mean", "3")]) == "Label    ml\n1      12.5\nmean      3"
    assert table(("Name", ""), [("a", "words")], left=2) == "Name\na     words"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3600, "1 h 00 min"),
        (4320, "1 h 12 min"),
    ],
)
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_progress_tells_the_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    progress = Progress("Slice", every=5, clock=lambda: now[0])
    for done in range(1, 11):
        now[0] += 2.0
        progress.update(done, 10)
    progress.close()
    assert capsys.readouterr().err.splitlines() == [
        "Slice 1 of 10, about 18 s left",
        "Slice 4 of 10, about 12 s left",
        "Slice 7 of 10, about 6 s left",
        "Slice 10 of 10, done",
    ]
