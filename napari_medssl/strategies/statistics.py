"""How a network that makes targets sees its batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def batch_statistics(network: nn.Module) -> Iterator[None]:
    """Within it `network` predicts (no dropout), but its batch norms use the batch's own statistics and keep none."""
    was = {module: module.training for module in network.modules()}
    norms = [module for module in was if isinstance(module, _BatchNorm)]
    kept = [
        (norm.momentum, None if norm.num_batches_tracked is None else norm.num_batches_tracked.clone())
        for norm in norms
    ]
    network.eval()
    for norm in norms:
        norm.train()
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, (momentum, seen) in zip(norms, kept, strict=True):
            norm.momentum = momentum
            if seen is not None and norm.num_batches_tracked is not None:
                norm.num_batches_tracked.copy_(seen)
        for module, training in was.items():
            module.training = training
