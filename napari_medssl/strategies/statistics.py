"""The statistics by which a network that makes targets sees."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

_MOMENTUM = 0.05  # about the last twenty batches count


def follow_statistics(network: nn.Module, images: Tensor) -> None:
    """Move the statistics that the batch norms of `network` keep a little towards what it sees in `images`.

    An average of weights keeps the average of other networks' statistics, which are not its own: while weights change
    quickly it sees things everywhere, and what learns from it does, too. Those of one small batch are its own, but
    differ too much from one batch to the next. Nothing else of the network changes, and nothing is learnt.
    """
    was = {module: module.training for module in network.modules()}
    norms = [module for module in was if isinstance(module, _BatchNorm) and module.track_running_stats]
    momenta = [norm.momentum for norm in norms]
    network.eval()
    for norm in norms:
        norm.train()
        norm.momentum = _MOMENTUM
    try:
        with torch.no_grad():
            network(images)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for module, training in was.items():
            module.training = training
