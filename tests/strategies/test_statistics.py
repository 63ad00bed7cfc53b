"""A teacher sees its batch by the statistics of the student's and is left as it was."""

from __future__ import annotations

import torch
from torch import nn

from napari_medssl.strategies.statistics import statistics_of


def test_batch_norms_use_these_images_and_keep_nothing() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv3d(1, 4, 3), nn.BatchNorm3d(4), nn.Dropout(0.5)).eval()
    network[1].running_mean.fill_(7.0)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    images, others = torch.randn(2, 1, 8, 8, 8), 3 * torch.randn(4, 1, 8, 8, 8) + 1
    with torch.no_grad(), statistics_of(network, others):
        found = network(images)
    convolved, around = network[0](images), network[0](others)
    mean, variance = around.mean((0, 2, 3, 4), keepdim=True), around.var((0, 2, 3, 4), keepdim=True)
    assert torch.allclose(found, (convolved - mean) / torch.sqrt(variance + 1e-5), atol=1e-5)  # and nothing dropped
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(module.training for module in network.modules())
    assert network[1].momentum == 0.1


def test_a_network_in_training_goes_on_training() -> None:
    network = nn.Sequential(nn.BatchNorm3d(1), nn.Dropout()).train()
    network[1].eval()
    with statistics_of(network, torch.randn(1, 1, 2, 2, 2)):
        assert not network.training
    assert network.training
    assert network[0].training
    assert not network[1].training
