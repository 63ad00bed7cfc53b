"""A teacher's batch norms come to know what it sees; nothing else of it changes."""

from __future__ import annotations

import torch
from torch import nn

from napari_medssl.strategies.statistics import follow_statistics


def test_batch_norms_come_to_keep_the_statistics_of_what_is_seen() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv3d(1, 4, 3), nn.BatchNorm3d(4), nn.Dropout(0.5)).eval()
    network[1].running_mean.fill_(7.0)
    weights = [value.clone() for value in network.parameters()]
    images = 3 * torch.randn(4, 1, 8, 8, 8) + 1
    for _ in range(200):
        follow_statistics(network, images)
    with torch.no_grad():
        found, seen = network(images[:1]), network[0](images)
    mean, variance = seen.mean((0, 2, 3, 4), keepdim=True), seen.var((0, 2, 3, 4), keepdim=True)
    assert torch.allclose(found, (seen[:1] - mean) / torch.sqrt(variance + 1e-5), atol=1e-2)  # and nothing dropped
    assert all(torch.equal(now, before) for now, before in zip(network.parameters(), weights, strict=True))
    assert network[1].momentum == 0.1


def test_one_batch_counts_little_and_a_network_goes_on_as_it_was() -> None:
    network = nn.Sequential(nn.BatchNorm3d(1), nn.Dropout()).train()
    network[1].eval()
    follow_statistics(network, torch.full((1, 1, 2, 2, 2), 10.0))
    assert 0 < float(network[0].running_mean) < 1
    assert network.training
    assert network[0].training
    assert not network[1].training
