"""Run under ``torchrun``: what test_distributed.py compares with a single process."""

from __future__ import annotations

import json
import os
import sys

os.environ["OMP_NUM_THREADS"] = "1"


def synced_norm(out: str) -> None:
    """Half of a batch through a synchronised normalisation; every rank writes what it got."""
    import torch
    import torch.distributed as dist
    from torch import nn

    from napari_medssl.training.distributed import joined_world
    from napari_medssl.training.synced_norm import sync_batch_norm

    with joined_world("cpu") as (world, device):
        assert device == "cpu"
        torch.manual_seed(0)
        whole = torch.randn(5, 3, 4, 6) * 2 + 1
        norm = nn.BatchNorm2d(3)
        with torch.no_grad():
            norm.weight.copy_(torch.tensor([1.0, 2.0, 3.0]))
        sync_batch_norm(norm)
        part = whole[list(world.share(5))].requires_grad_(True)
        result = norm(part)
        (result * torch.arange(6.0)).square().sum().backward()
        gradient = norm.weight.grad.clone()
        dist.all_reduce(gradient)
        told = {
            "rank": world.rank,
            "agreed": world.agree(float(world.rank + 3)),
            "result": result.detach().tolist(),
            "gradient": part.grad.tolist(),
            "weight": gradient.tolist(),
            "mean": norm.running_mean.tolist(),
            "variance": norm.running_var.tolist(),
        }
        with open(f"{out}.{world.rank}", "w") as handle:
            json.dump(told, handle)


def run(data: str, folder: str, settings: str) -> None:
    """A training run."""
    from napari_medssl.training import train

    train("sli2vol", data, folder, **json.loads(settings))


if __name__ == "__main__":
    {"norm": synced_norm, "run": run}[sys.argv[1]](*sys.argv[2:])
