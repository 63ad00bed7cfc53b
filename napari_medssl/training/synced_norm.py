"""Batch normalisation over the samples of all processes, on CPUs too (torch has it for GPUs only)."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def sync_batch_norm(network: nn.Module) -> None:
    """Make every batch normalisation of a network take its statistics over all processes, in place.

    Parameters and buffers stay the same objects under the same names.
    """
    for module in network.modules():
        if isinstance(module, _BatchNorm) and not isinstance(module, _Synced):
            module.__class__ = type(f"Synced{type(module).__name__}", (_Synced, type(module)), {})


class _Synced(_BatchNorm):
    def forward(self, input: Tensor) -> Tensor:
        if not self.training or not dist.is_initialized() or self.momentum is None:
            return super().forward(input)
        # In float32 whatever the autocast: sums over many voxels lose too much in 16 bits.
        x = input.float()
        places = [0, *range(2, x.dim())]
        counts = x.new_full((x.shape[1],), x.numel() / x.shape[1])
        sums: Tensor = _Sum.apply(torch.stack([x.sum(places), (x * x).sum(places), counts]))  # type: ignore[no-untyped-call]
        count = sums[2].detach()
        mean = sums[0] / count
        variance = (sums[1] / count - mean * mean).clamp_min(0)
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            with torch.no_grad():
                self.num_batches_tracked.add_(1)
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        shape = [1, -1, *[1] * (x.dim() - 2)]
        scaled: Tensor = (x - mean.view(shape)) * torch.rsqrt(variance + self.eps).view(shape)
        if self.affine:
            scaled = scaled * self.weight.view(shape) + self.bias.view(shape)
        return scaled.to(input.dtype)


class _Sum(torch.autograd.Function):
    """A sum over all processes, whose gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous()
        dist.all_reduce(total)
        return total
