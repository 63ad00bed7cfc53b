"""Processes that prepare batches, kept safe: they are spawned, leave signals to their parent, and die with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import psutil
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from napari_medssl.errors import BadInput
from napari_medssl.training.strategy import Batch

_SHARED_MEMORY = "/dev/shm"
_ENOUGH_SHARED = 1 << 29  # a container has 64 MB unless told otherwise, and a process that finds it full is killed


class Failure:
    """What went wrong in a process, on its way to its parent."""

    def __init__(self, error: Exception) -> None:
        self.error = error


class _Steps(Dataset[Any]):
    """Batches by step, for a process of a DataLoader."""

    def __init__(self, batch: Callable[[int, Sequence[int]], Batch], indices: Sequence[int], as_arrays: bool) -> None:
        self._batch, self._indices, self._as_arrays = batch, tuple(indices), as_arrays

    def __getitem__(self, step: int) -> Any:
        # DataLoader would raise another error with a traceback in its message.
        try:
            made = self._batch(step, self._indices)
        except Exception as error:
            return step, Failure(_sendable(error))
        return step, {name: value.numpy() for name, value in made.items()} if self._as_arrays else made


class _Order(Sampler[int]):
    """The steps in order, without end where there is none."""

    def __init__(self, steps: Iterable[int]) -> None:
        self._steps = steps

    def __iter__(self) -> Iterator[int]:
        return iter(self._steps)


def batches_of_processes(
    batch: Callable[[int, Sequence[int]], Batch], indices: Sequence[int], steps: Iterable[int], count: int, *,
    pin: bool, ahead: int,
) -> Iterator[tuple[int, Batch]]:  # fmt: skip
    """(step, batch) for each step in order, prepared by `count` processes, each `ahead` batches at a time.

    Processes are spawned, never forked: a fork of a process with threads, as every viewer has, can freeze.
    """
    loader: DataLoader[Any] = DataLoader(
        _Steps(batch, indices, _little_shared_memory()),
        batch_size=None,
        sampler=_Order(steps),
        num_workers=count,
        multiprocessing_context="spawn",
        prefetch_factor=ahead,
        collate_fn=_as_it_is,
        worker_init_fn=_begin,
        pin_memory=pin,
        generator=torch.Generator(),  # else the seed it draws moves on the caller's random state
    )
    iterator: Any = None
    try:
        iterator = iter(loader)
        for step, made in iterator:
            if isinstance(made, Failure):
                raise made.error
            yield step, {name: _tensor(value) for name, value in made.items()}
    except RuntimeError as error:
        if "DataLoader worker" in str(error):
            raise BadInput(
                "A process that prepares samples was ended, perhaps for want of memory. Nothing is lost: resume with"
                " fewer of them (workers)."
            ) from error
        raise
    finally:
        processes = list(getattr(iterator, "_workers", ()))
        if iterator is not None and hasattr(iterator, "_shutdown_workers"):
            iterator._shutdown_workers()
        for process in processes:  # those that were asked to end and still prepare a batch
            if process.is_alive():
                process.kill()
                process.join()


def _begin(_: int) -> None:
    """The first thing in each process."""
    # Ctrl-C and the like reach the whole group of processes; the parent decides what to do and ends its children.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    torch.set_num_threads(1)
    threading.Thread(target=_die_with_parent, name="watching the parent", daemon=True).start()


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _as_it_is(item: Any) -> Any:
    return item


def _tensor(value: Any) -> torch.Tensor:
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value


def _little_shared_memory() -> bool:
    """Whether tensors had better go through pipes, as arrays."""
    try:
        return os.path.isdir(_SHARED_MEMORY) and psutil.disk_usage(_SHARED_MEMORY).free < _ENOUGH_SHARED
    except OSError:
        return True


def _sendable(error: Exception) -> Exception:
    """The error itself, or where it cannot be sent one that says the same."""
    try:
        from multiprocessing.reduction import ForkingPickler

        ForkingPickler.loads(ForkingPickler.dumps(error))
        return error
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
