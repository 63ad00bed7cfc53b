"""What a run uses of the machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import torch


def memory_in_use() -> int:
    """Bytes of the computer's memory that this process holds."""
    return int(psutil.Process().memory_info().rss)


def device_memory_in_use(device: torch.device) -> int | None:
    """Bytes of the device's own memory that this process has taken; None where it has none of its own."""
    if device.type == "cuda":
        return int(torch.cuda.memory_reserved(device))
    if device.type == "mps":
        return int(torch.mps.driver_allocated_memory())
    return None


@contextmanager
def computing_threads(count: int) -> Iterator[None]:
    """Compute on the CPU with so many threads (0: as it is), and put the number back."""
    before = torch.get_num_threads()
    if count:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
