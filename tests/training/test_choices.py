"""What is remembered from one training to the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_medssl.training.choices import FILE, MOST_FOLDERS, Choices


def test_choices_come_back_as_they_were(tmp_path: Path) -> None:
    choices = Choices("sli2vol", presets={"sli2vol": "Quick check"}, changes={"sli2vol": {"batch": 2, "clip": 0.5}})
    choices.use_folder(tmp_path / "a")
    choices.dismiss("run-1")
    choices.write(tmp_path / "runs")
    assert Choices.read(tmp_path / "runs") == choices


def test_the_last_folder_stands_first_once_and_the_list_stays_short(tmp_path: Path) -> None:
    choices = Choices()
    for number in range(MOST_FOLDERS + 3):
        choices.use_folder(tmp_path / str(number))
    choices.use_folder(tmp_path / "5")
    assert choices.folders[:2] == [str(tmp_path / "5"), str(tmp_path / str(MOST_FOLDERS + 2))]
    assert len(choices.folders) == len(set(choices.folders)) == MOST_FOLDERS


@pytest.mark.parametrize("content", ["", "[]", "null", '{"folders": 3}', '{"changes": {"a": 1}}', "\x00"])
def test_a_damaged_file_stops_nobody(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content, encoding="utf-8")
    assert Choices.read(tmp_path) == Choices()


def test_a_folder_that_cannot_be_written_to_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file", encoding="utf-8")
    Choices("sli2vol").write(tmp_path / "runs")
    assert Choices.read(tmp_path / "runs") == Choices()
