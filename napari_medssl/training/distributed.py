"""Several processes training one model, as ``torchrun`` starts them; alone, everything here is a plain pass."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from napari_medssl.errors import BadInput
from napari_medssl.training.synced_norm import sync_batch_norm


@dataclass(frozen=True)
class World:
    """The processes that train together, and which one this is."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    @property
    def alone(self) -> bool:
        return self.size == 1

    def share(self, batch: int) -> Sequence[int]:
        """The places of the whole batch that this process computes."""
        if batch < self.size:
            raise BadInput(f"batch ({batch}) is smaller than the number of processes ({self.size}); make it larger.")
        return range(self.rank, batch, self.size)

    def total(self, values: Tensor) -> Tensor:
        """The sum over all processes."""
        if not self.alone:
            dist.all_reduce(values)
        return values

    def agree(self, *values: float) -> tuple[float, ...]:
        """The leading process's values, for all."""
        if self.alone:
            return values
        told = torch.tensor(values, dtype=torch.float64, device=_device())
        dist.broadcast(told, 0)
        return tuple(told.tolist())

    def wait(self) -> None:
        """Go on when all have come this far."""
        if not self.alone:
            dist.barrier()

    def wrap(self, network: nn.Module, on: torch.device) -> nn.Module:
        """The network as the loss is to call it: gradients are averaged over the processes."""
        if self.alone:
            return network
        sync_batch_norm(network)
        devices = [on] if on.type == "cuda" else None
        return DistributedDataParallel(network, device_ids=devices, broadcast_buffers=False)


@contextmanager
def joined_world(wanted: str) -> Iterator[tuple[World, str]]:
    """The processes that ``torchrun`` started, and the device this one should ask for (`wanted` when alone)."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size < 2:
        yield World(), wanted
        return
    local = int(os.environ.get("LOCAL_RANK", "0"))
    on_gpu = wanted.startswith("cuda") or (wanted == "auto" and torch.cuda.is_available())
    if on_gpu and local >= torch.cuda.device_count():
        raise BadInput(
            f"There are {torch.cuda.device_count()} GPUs for {size} processes; start at most one process a GPU."
        )
    if on_gpu:
        torch.cuda.set_device(local)
    ours = not dist.is_initialized()
    if ours:
        dist.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield World(dist.get_rank(), dist.get_world_size()), f"cuda:{local}" if on_gpu else "cpu"
    finally:
        if ours:
            dist.destroy_process_group()


def _device() -> str:
    return "cuda" if dist.get_backend() == "nccl" else "cpu"
