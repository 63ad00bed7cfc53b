"""Batches in order from any step on, prepared while the step before is computed, the same whatever prepares them."""

from __future__ import annotations

import itertools
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import device

from napari_medssl.training.loading_processes import batches_of_processes
from napari_medssl.training.strategy import Batch

_AHEAD = 2
_MOST_PROCESSES = 8
Numbered = tuple[int, Batch]


def choose_workers(wanted: int, device: device, cores: int | None = None) -> int:
    """How many processes prepare batches: `wanted`, or a choice where it is -1.

    On a CPU none: the steps themselves use all cores, and processes would only take them away. With a graphics card
    all cores but two (for the training process and what people do meanwhile), eight at most, shared by the training
    processes of this machine.
    """
    if wanted >= 0:
        return wanted
    if device.type == "cpu":
        return 0
    if cores is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    processes = max(1, int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
    return max(0, min(_MOST_PROCESSES, (cores - 2) // processes))


class Loader:
    """Gives (step, batch) from `start` on, in order.

    With `workers` 0 a thread prepares the next two batches. Else processes do, to which `batch` is sent: a task takes
    part by leaving out of its `__getstate__` what they do not need, its network above all, and by holding a
    `Collection` that was opened with `shared`. What goes wrong in `batch` is raised where the batch is asked for.

    Parameters
    ----------
    batch : makes the samples of a step at some places of the whole batch; a function of (step, indices) alone
    indices : the places this process computes
    start, stop : first step, and the one before which to stop; None for never
    workers : processes to prepare batches
    pin : whether to put batches into memory that a graphics card can fetch from by itself

    Attributes
    ----------
    waited : seconds spent waiting for batches
    """

    def __init__(
        self, batch: Callable[[int, Sequence[int]], Batch], indices: Sequence[int], *, start: int,
        stop: int | None = None, workers: int = 0, pin: bool = False,
    ) -> None:  # fmt: skip
        self.waited = 0.0
        steps = itertools.count(start) if stop is None else range(start, stop)
        pin = pin and torch.cuda.is_available()
        self._source: Iterator[Numbered] = (
            batches_of_processes(batch, indices, steps, workers, pin=pin, ahead=_AHEAD)
            if workers > 0
            else batches_of_a_thread(batch, indices, steps, pin=pin)
        )

    def __iter__(self) -> Iterator[Numbered]:
        return self

    def __next__(self) -> Numbered:
        asked = time.monotonic()
        try:
            return next(self._source)
        finally:
            self.waited += time.monotonic() - asked

    def close(self) -> None:
        """End the thread or the processes; a batch that is being prepared is waited for."""
        self._source.close()  # type: ignore[attr-defined]

    def __enter__(self) -> Loader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def batches_of_a_thread(
    batch: Callable[[int, Sequence[int]], Batch], indices: Sequence[int], steps: Any, *, pin: bool = False
) -> Iterator[Numbered]:
    """(step, batch) for each step, prepared by a thread that is at most two batches ahead."""
    ready: queue.Queue[Numbered | BaseException | None] = queue.Queue(_AHEAD - 1)  # one more is in the thread's hand
    stopped = threading.Event()

    def put(item: Numbered | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                return ready.put(item, timeout=0.2)
            except queue.Full:
                continue

    def prepare() -> None:
        try:
            for step in steps:
                made = batch(step, indices)
                put((step, {name: value.pin_memory() for name, value in made.items()} if pin else made))
                if stopped.is_set():
                    return
            put(None)
        except BaseException as error:
            put(error)

    thread = threading.Thread(target=prepare, name="preparing batches", daemon=True)
    thread.start()
    try:
        while True:
            item = ready.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()
