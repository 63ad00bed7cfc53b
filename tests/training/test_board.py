import pytest

from napari_medssl.training.board import Board


def test_curves_come_back_from_the_log_and_what_a_resume_made_void_does_not(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    first = Board(tmp_path, wanted=True)
    for step in (1, 2, 3):
        first.write("train", {"loss": 1.0 / step, "nothing": None}, step)
    first.close()
    second = Board(tmp_path, wanted=True, step=2)
    second.write("train", {"loss": 0.25}, 2)
    second.close()
    log = accumulator.EventAccumulator(str(tmp_path))
    log.Reload()
    assert log.Tags()["scalars"] == ["train/loss"]
    assert [(event.step, event.value) for event in log.Scalars("train/loss")] == [(1, 1.0), (2, 0.25)]


def test_where_it_is_not_wanted_nothing_is_written(tmp_path):
    board = Board(tmp_path / "log", wanted=False)
    board.write("train", {"loss": 1.0}, 1)
    board.close()
    assert not (tmp_path / "log").exists()
