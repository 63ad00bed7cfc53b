"""The refiner and one step with it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medssl.propagation.learning.unroll import unroll
from napari_medssl.propagation.model import MatchSettings, PropagationModel, build_network
from napari_medssl.propagation.refiner import MAPS, Evidence, Refiner, compete
from napari_medssl.propagation.step import Slice, harden, step, with_background

SIDE = 32


@pytest.fixture
def refined() -> PropagationModel:
    torch.manual_seed(0)
    matching = MatchSettings(refined=True, temperature=2.0, radius=2)
    network = build_network(matching).eval().requires_grad_(False)
    return PropagationModel(network, matching, torch.device("cpu"))


def boxes(count: int) -> torch.Tensor:
    """(1, count, SIDE, SIDE) masks that do not overlap."""
    masks = torch.zeros(1, count, SIDE, SIDE)
    for i in range(count):
        masks[0, i, 6:26, 2 + 10 * i : 10 + 10 * i] = 1
    return masks


def seen(model: PropagationModel, seed: int) -> Slice:
    image = torch.rand(1, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))
    return Slice(image, model.features(image))


def test_untrained_it_leaves_the_copied_mask_as_it_is() -> None:
    refiner = Refiner().eval()
    copied = torch.rand(2, 1, 16, 16)
    logits = refiner(torch.rand(2, 64, 16, 16), copied, torch.rand(2, MAPS, SIDE, SIDE))
    widened = torch.nn.functional.interpolate(copied, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(torch.sigmoid(logits), widened.clamp(0.01, 0.99))


def test_sides_that_halve_unevenly_come_back_as_they_were() -> None:
    logits = Refiner().eval()(torch.rand(1, 64, 11, 7), torch.rand(1, 1, 11, 7), torch.rand(1, MAPS, 22, 14))
    assert logits.shape == (1, 1, 22, 14)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(0, 1000))
def test_labels_share_each_pixel(labels: int, seed: int) -> None:
    probabilities = torch.rand(1, labels, 5, 6, generator=torch.Generator().manual_seed(seed))
    shares = compete(probabilities)
    torch.testing.assert_close(shares.sum(1), torch.ones(1, 5, 6))
    assert torch.equal(shares[:, :-1].argmax(1), probabilities.argmax(1))
    if labels == 1:
        torch.testing.assert_close(shares[:, :1], probabilities.clamp(1e-4, 1 - 1e-4))


def test_labels_are_refined_one_by_one_and_then_compete(refined: PropagationModel) -> None:
    here, before = seen(refined, 1), seen(refined, 2)
    masks = boxes(2)
    origins = [(before.image, masks[:, :1]), (before.image, masks[:, 1:])]
    refiner = refined.refiner
    assert refiner is not None
    with torch.no_grad():
        refiner.change.weight.normal_(std=0.1)
    together = step(refined, here, before, masks, origins).shares
    alone = [
        step(refined, here, before, masks, [origins[0], None]).shares,
        step(refined, here, before, masks, [None, origins[1]]).shares,
    ]
    expected = compete(torch.cat([alone[0][:, :1], alone[1][:, 1:2]], 1))
    # A label that is not followed keeps odds of next to nothing.
    torch.testing.assert_close(together, expected, atol=2e-3, rtol=0)


def test_a_model_without_a_refiner_only_copies() -> None:
    torch.manual_seed(0)
    matching = MatchSettings(radius=2)
    model = PropagationModel(build_network(matching).eval().requires_grad_(False), matching, torch.device("cpu"))
    here, before, masks = seen(model, 1), seen(model, 2), boxes(2)
    found = step(model, here, before, masks, [None, None]).shares
    torch.testing.assert_close(found, model.copy(here.features, before.features, with_background(masks)))


def test_unrolling_takes_the_steps_that_propagation_takes(
    refined: PropagationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_medssl.propagation.step.use_bfloat16", lambda *_: False)
    refiner = refined.refiner
    assert refiner is not None
    with torch.no_grad():
        refiner.change.weight.normal_(std=0.1)
    images = torch.rand(1, 4, SIDE, SIDE, generator=torch.Generator().manual_seed(3))
    masks = boxes(1).expand(1, 4, SIDE, SIDE)
    features = refined.network(images[0][:, None])[None]
    unrolled = unroll(refiner, features, images, masks, masks[:, 1], refined.settings)
    current, drawn = masks[:, 1:2], (images[:, :1], masks[:, :1])
    for place in (2, 3):
        here, before = (Slice(images[:, i : i + 1], features[:, i]) for i in (place, place - 1))
        shares = step(refined, here, before, current, [drawn]).shares
        expected = torch.sigmoid(unrolled.logits[:, place - 2]).clamp(1e-4, 1 - 1e-4)
        torch.testing.assert_close(shares[:, 0], expected, atol=1e-4, rtol=0)
        current = harden(shares)


def test_losses_fall_to_nothing_for_the_truth_and_reach_every_parameter() -> None:
    network = build_network(MatchSettings(refined=True, radius=2))
    images = torch.rand(2, 4, SIDE, SIDE)
    masks = boxes(1).expand(2, 4, SIDE, SIDE)
    features = network(images.flatten(0, 1)[:, None]).reshape(2, 4, 64, 16, 16)
    found = unroll(network.refiner, features, images, masks, masks[:, 1], MatchSettings(refined=True, radius=2))  # type: ignore[arg-type]
    (found.refined_loss() + found.copied_loss()).backward()  # type: ignore[no-untyped-call]
    unused = {name for name, p in network.named_parameters() if p.grad is None}
    assert not unused
    sure = type(found)(30 * (2 * found.truth - 1), found.truth, found.truth)
    assert sure.refined_loss() < 1e-6
    assert sure.copied_loss() < 1e-6
    wrong = type(found)(-sure.logits, 1 - found.truth, found.truth)
    assert wrong.refined_loss() > 10


def test_the_evidence_is_in_the_order_that_weights_were_trained_with() -> None:
    here, previous, drawn = (torch.full((1, 1, 8, 8), value) for value in (0.42, 0.38, 0.4))
    drawn[..., ::2] += 0.02
    drawn[..., 1::2] -= 0.02  # mean 0.4, deviation 0.02
    everything, nothing = torch.ones(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)
    found = Evidence(here, previous, nothing, drawn, everything).maps()
    assert found.shape == (1, MAPS, 8, 8)
    torch.testing.assert_close(found[0, :6, 0, 0], torch.tensor([0.42, 0.625, 0.375, 0.0, 0.625, 1.0]))
    assert (found[:, 6] > 0).all()  # nothing is around, and the slice is as the structure was
    assert not found[:, 7].any()
