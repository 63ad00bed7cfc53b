from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_medssl.nodules.learning.losses import placing_loss, scoring_loss, soft_focal_loss


def literally(x: float, y: float, a0: float, a1: float, gamma: float) -> float:
    """The seed's formula, in double precision."""
    p = 1 / (1 + math.exp(-x))
    entropy = -(y * math.log(p) + (1 - y) * math.log1p(-p))
    return (a0 + y * (a1 - a0)) * abs(y - p) ** gamma * entropy


@given(st.floats(-12, 12), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(1, 4))
def test_it_is_the_formula(x: float, y: float, a0: float, a1: float, gamma: float) -> None:
    found = soft_focal_loss(torch.tensor([x]), torch.tensor([y]), alpha=(a0, a1), gamma=gamma)
    assert float(found) == pytest.approx(literally(x, y, a0, a1, gamma), rel=2e-3, abs=1e-6)


@given(st.floats(-12, 12))
def test_at_hard_targets_it_is_the_focal_loss(x: float) -> None:
    p = 1 / (1 + math.exp(-x))
    yes, no = soft_focal_loss(torch.tensor([x, x]), torch.tensor([1.0, 0.0])).tolist()
    assert yes == pytest.approx(-0.95 * (1 - p) ** 2 * math.log(p), rel=2e-3, abs=1e-7)
    assert no == pytest.approx(-0.05 * p**2 * math.log1p(-p), rel=2e-3, abs=1e-7)


@pytest.mark.parametrize("soft_alpha", [True, False])
@pytest.mark.parametrize("soft_beta", [True, False])
def test_it_and_its_gradient_are_finite_however_sure_the_network(soft_alpha: bool, soft_beta: bool) -> None:
    logits = torch.tensor([-1e4, -100.0, 0.0, 100.0, 1e4]).repeat(5).requires_grad_()
    targets = torch.tensor([0.0, 1e-6, 0.5, 1 - 1e-6, 1.0]).repeat_interleave(5)
    losses = soft_focal_loss(logits, targets, soft_alpha=soft_alpha, soft_beta=soft_beta)
    losses.sum().backward()
    assert losses.isfinite().all()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_its_gradient_is_that_of_the_formula() -> None:
    for x, y in ((0.3, 0.7), (-2.0, 0.1), (1.5, 1.0), (-4.0, 0.0)):
        logit = torch.tensor([x], requires_grad=True)
        soft_focal_loss(logit, torch.tensor([y])).sum().backward()
        step = 1e-5
        slope = (literally(x + step, y, 0.05, 0.95, 2) - literally(x - step, y, 0.05, 0.95, 2)) / (2 * step)
        assert logit.grad is not None
        assert float(logit.grad) == pytest.approx(slope, rel=1e-3, abs=1e-6)


def test_with_soft_beta_a_target_that_is_reached_pulls_no_more() -> None:
    logit = torch.logit(torch.tensor([0.3])).requires_grad_()
    soft_focal_loss(logit, torch.tensor([0.3])).sum().backward()
    assert logit.grad is not None
    assert abs(float(logit.grad)) < 1e-6
    logit.grad = None
    soft_focal_loss(logit, torch.tensor([0.3]), soft_beta=False).sum().backward()
    assert abs(float(logit.grad)) > 1e-3


def test_without_soft_alpha_the_nearer_side_gives_the_weight() -> None:
    targets = torch.tensor([0.4, 0.6])
    plain = soft_focal_loss(torch.zeros(2), targets, alpha=(1, 1))
    found = soft_focal_loss(torch.zeros(2), targets, alpha=(0.1, 0.9), soft_alpha=False)
    torch.testing.assert_close(found, plain * torch.tensor([0.1, 0.9]))


def test_anchors_that_do_not_count_add_nothing() -> None:
    logits, targets = torch.randn(2, 5), torch.rand(2, 5)
    counted = torch.tensor([[True] * 5, [True, False, False, True, True]])
    each = soft_focal_loss(logits, targets)
    wanted = (each[0].sum() + each[1, [0, 3, 4]].sum()) / 2
    torch.testing.assert_close(scoring_loss(logits, targets, counted), wanted)


def test_places_are_learnt_where_there_are_nodules() -> None:
    deltas, wanted = torch.zeros(1, 3, 4), torch.zeros(1, 3, 4)
    wanted[0, 0, 0] = 0.5  # beyond a tenth: a straight line
    wanted[0, 1, 1] = 9.0  # no nodule here
    wanted[0, 2, 3] = 0.05
    weights = torch.tensor([[1.0, 0.0, 0.5]])
    expected = (1.0 * (0.5 - 0.05) + 0.5 * (0.05**2 / 0.2)) / 1.5
    assert float(placing_loss(deltas, wanted, weights)) == pytest.approx(expected)
    assert float(placing_loss(deltas, wanted, torch.zeros(1, 3))) == 0
