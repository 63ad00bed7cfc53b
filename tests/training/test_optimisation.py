import math

import pytest
import torch
from torch import nn

from napari_medssl.errors import BadInput
from napari_medssl.training.optimisation import Stepper, learning_rate, update_average
from napari_medssl.training.settings import RunSettings

CPU = torch.device("cpu")


def test_the_rate_rises_then_falls_as_its_schedule_says():
    for schedule, half in (("cosine", 0.5), ("linear", 0.5), ("constant", 1.0)):
        settings = RunSettings(learning_rate=0.2, warm_up=10, schedule=schedule)
        assert learning_rate(settings, 0, 0.0) == pytest.approx(0.02)
        assert learning_rate(settings, 4, 0.0) == pytest.approx(0.1)
        assert learning_rate(settings, 500, 0.5) == pytest.approx(0.2 * half)
    assert learning_rate(RunSettings(warm_up=0), 0, 0.0) == pytest.approx(1e-3)
    assert learning_rate(RunSettings(), 99, 1.7) == pytest.approx(0, abs=1e-9)


def test_steps_are_those_of_adamw_with_the_gradient_limited():
    torch.manual_seed(0)
    ours = nn.Linear(4, 1)
    theirs = nn.Linear(4, 1)
    theirs.load_state_dict(ours.state_dict())
    stepper = Stepper(ours, RunSettings(clip=0.01, weight_decay=0.1), CPU, torch.float32)
    reference = torch.optim.AdamW(theirs.parameters(), lr=0.5, weight_decay=0.1)
    for number in range(5):
        x = torch.randn(8, 4, generator=torch.Generator().manual_seed(number))
        stepper.apply(ours(x).square().mean() * 100, 0.5)
        reference.zero_grad()
        (theirs(x).square().mean() * 100).backward()
        total = math.sqrt(sum(float(p.grad.square().sum()) for p in theirs.parameters()))
        for parameter in theirs.parameters():
            parameter.grad *= min(1.0, 0.01 / (total + 1e-6))
        reference.step()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_gradients_that_are_not_numbers_change_nothing_and_many_of_them_end_the_run():
    network = nn.Linear(2, 1)
    before = [p.clone() for p in network.parameters()]
    stepper = Stepper(network, RunSettings(weight_decay=0), CPU, torch.float32)
    for number in range(20):
        stepper.check(number)
        stepper.apply(network(torch.full((1, 2), math.nan)).sum(), 0.1)
    assert all(torch.equal(p, old) for p, old in zip(network.parameters(), before, strict=True))
    with pytest.raises(BadInput, match="lower learning_rate"):
        stepper.check(20)
    stepper.apply(network(torch.ones(1, 2)).sum(), 0.1)
    stepper.check(21)  # one good step, and it is forgiven


def test_the_average_follows_quickly_at_first_then_by_its_decay():
    network, average = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    with torch.no_grad():
        network.weight.fill_(3.0)
        network.num_batches_tracked.fill_(7)
    update_average(average, network, 0.9, step=0)
    assert float(average.weight[0].detach()) == pytest.approx(0.1 * 1 + 0.9 * 3)  # decay 1/10 at the first step
    assert average.num_batches_tracked == 7
    update_average(average, network, 0.9, step=100_000)
    assert float(average.weight[0].detach()) == pytest.approx(0.9 * 2.8 + 0.1 * 3)
    update_average(average, network, 0.0, step=5)
    assert torch.equal(average.weight, network.weight)
