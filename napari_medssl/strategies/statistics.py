"""How a network that makes targets sees its batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def statistics_of(network: nn.Module, images: Tensor) -> Iterator[None]:
    """Within it `network` predicts (no dropout), and its batch norms use the statistics of `images`, not their own.

    A student in training sees the statistics of its batch. A teacher that used others would not give it back what it
    said: where it saw a little more than the student every time, both would see more and more.
    """
    was = {module: module.training for module in network.modules()}
    norms = [module for module in was if isinstance(module, _BatchNorm) and module.track_running_stats]
    kept = [(norm.momentum, [buffer.clone() for buffer in norm.buffers()]) for norm in norms]
    network.eval()
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
    try:
        with torch.no_grad():
            network(images)
        network.eval()
        yield
    finally:
        for norm, (momentum, buffers) in zip(norms, kept, strict=True):
            norm.momentum = momentum
            for buffer, before in zip(norm.buffers(), buffers, strict=True):
                buffer.copy_(before)
        for module, training in was.items():
            module.training = training
