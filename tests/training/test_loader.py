"""Batches come in order and are the same whatever prepares them; nothing is left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from napari_medssl.errors import BadInput
from napari_medssl.training.loader import Loader, choose_workers
from napari_medssl.training.loading_processes import Failure, _Steps
from napari_medssl.training.randomness import torch_generator


class Samples:
    """Stands for a task: a batch is a function of (step, index)."""

    def __init__(self, fails_at: int | None = None, error: Exception | None = None) -> None:
        self.fails_at, self.error = fails_at, error
        self.network = threading.Lock()  # cannot be pickled, as a network had better not be

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "network": None}

    def batch(self, step: int, indices: Any) -> dict[str, torch.Tensor]:
        if step == self.fails_at:
            assert self.error is not None
            raise self.error
        drawn = [torch.rand(3, 4, generator=torch_generator(5, step, index)) for index in indices]
        return {"x": torch.stack(drawn), "where": torch.tensor([os.getpid(), torch.get_num_threads()])}


def expected(step: int, indices: Any) -> torch.Tensor:
    return Samples().batch(step, indices)["x"]


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_come_in_order_from_any_step(workers: int) -> None:
    random_state = torch.get_rng_state()
    indices = (1, 3)
    with Loader(Samples().batch, indices, start=7, stop=18, workers=workers) as loader:
        got = list(loader)
    assert [step for step, _ in got] == list(range(7, 18))
    assert all(torch.equal(batch["x"], expected(step, indices)) for step, batch in got)
    made_in = {int(batch["where"][0]) for _, batch in got}
    assert (os.getpid() in made_in) == (workers == 0)
    if workers:
        assert {int(batch["where"][1]) for _, batch in got} == {1}  # a process each, and no more threads
        assert not any(psutil.pid_exists(pid) for pid in made_in)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert loader.waited > 0


@pytest.mark.parametrize("workers", [0, 1])
def test_what_goes_wrong_is_raised_as_itself_after_the_batches_before_it(
    workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As in a container with little shared memory: batches then go through pipes.
    monkeypatch.setattr("napari_medssl.training.loading_processes._ENOUGH_SHARED", float("inf"))
    samples = Samples(3, BadInput("scan 4 is gone; put it back."))
    with Loader(samples.batch, (0, 1), start=1, workers=workers) as loader:
        for step in (1, 2):
            assert torch.equal(next(loader)[1]["x"], expected(step, (0, 1)))
        with pytest.raises(BadInput, match=r"^scan 4 is gone; put it back\.$"):
            next(loader)


def test_an_error_that_cannot_be_sent_is_told() -> None:
    class Local(Exception):
        pass

    _, failed = _Steps(Samples(0, Local("why")).batch, (0,), False)[0]
    assert isinstance(failed, Failure)
    assert str(failed.error) == "Local: why"


def test_the_thread_works_ahead_but_no_more_than_two_batches() -> None:
    asked: list[int] = []
    third = threading.Event()

    def batch(step: int, indices: Any) -> dict[str, torch.Tensor]:
        asked.append(step)
        if step == 2:
            third.set()
        return {"x": torch.zeros(1)}

    loader = Loader(batch, (0,), start=0)
    assert next(loader)[0] == 0
    assert third.wait(10)  # 1 lies ready, 2 is in the thread's hand
    assert next(loader)[0] == 1
    loader.close()
    assert max(asked) <= 3
    assert not any(thread.name == "preparing batches" for thread in threading.enumerate())


def test_closing_before_the_first_batch_or_twice_does_no_harm() -> None:
    loader = Loader(Samples().batch, (0,), start=0, workers=2)
    loader.close()
    loader.close()
    with pytest.raises(StopIteration):
        next(loader)


def test_waiting_is_measured() -> None:
    def slow(step: int, indices: Any) -> dict[str, torch.Tensor]:
        time.sleep(0.02)
        return {"x": torch.zeros(1)}

    started = time.monotonic()
    with Loader(slow, (0,), start=0, stop=5) as loader:
        list(loader)
    assert 0.05 < loader.waited <= time.monotonic() - started


def test_the_choice_of_workers() -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert [choose_workers(wanted, cpu, 16) for wanted in (-1, 0, 3)] == [0, 0, 3]
    assert [choose_workers(-1, cuda, cores) for cores in (1, 2, 4, 16)] == [0, 0, 2, 8]


def test_training_processes_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert choose_workers(-1, torch.device("cuda"), 16) == 3


_PARENT = """
import sys, time
from training.test_loader import Samples
from napari_medssl.training.loader import Loader

if __name__ == "__main__":
    loader = Loader(Samples().batch, (0,), start=0, workers=2)
    pids = {int(next(loader)[1]["where"][0]) for _ in range(8)}
    print(*pids, flush=True)
    while True:
        next(loader)
        time.sleep(0.01)
"""


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_processes_leave_signals_to_their_parent_and_die_with_it(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(_PARENT)
    tests = Path(__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tests.parent), str(tests)])}
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        try:
            children = [psutil.Process(int(word)) for word in parent.stdout.readline().split()]
            assert len(children) == 2
            for child in children:
                child.send_signal(signal.SIGINT)
                child.send_signal(signal.SIGTERM)
            with pytest.raises(psutil.TimeoutExpired):
                children[0].wait(0.5)
            assert parent.poll() is None
        finally:
            parent.kill()
    gone, alive = psutil.wait_procs(children, timeout=20)
    assert not alive
    assert len(gone) == 2
