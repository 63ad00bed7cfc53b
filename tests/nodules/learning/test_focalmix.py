from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_medssl.nodules.anchors import flatten
from napari_medssl.nodules.learning.focalmix import soft_targets
from napari_medssl.strategies.turns import TURNS


class Equivariant(nn.Module):
    """Scores each cell by the mean of its voxels: turning the patch turns the maps and changes nothing else."""

    def forward(self, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        found = []
        for stride in (4, 8):
            logits = F.avg_pool3d(x, stride)
            logits = torch.cat([8 * logits - 4, 3 - 8 * logits], dim=1)
            found.append((logits, torch.zeros(len(x), 2, 4, *logits.shape[2:])))
        return found


class Lopsided(Equivariant):
    """Adds something that depends on the place in the patch."""

    def forward(self, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        return [(logits + torch.arange(logits.shape[-1]), deltas) for logits, deltas in super().forward(x)]


@pytest.mark.parametrize("looks", [1, 2, 4, 8, 48])
def test_an_equivariant_network_gives_the_same_targets_for_every_number_of_looks(looks: int) -> None:
    images = torch.rand(2, 1, 16, 16, 16)
    network = Equivariant()
    turns = torch.stack([torch.randperm(48)[:looks] for _ in images])
    plain = torch.sigmoid(flatten(network(images))[0])
    torch.testing.assert_close(soft_targets(network, images, turns), plain, atol=1e-6, rtol=1e-5)


def test_targets_are_the_mean_of_what_is_seen_from_every_side() -> None:
    image, network = torch.rand(1, 1, 16, 16, 16), Lopsided()
    numbers = [0, 7, 30]
    wanted = []
    for number in numbers:
        outputs = network(TURNS[number].apply(image))
        back = [(torch.sigmoid(TURNS[number].undo(logits)), deltas) for logits, deltas in outputs]
        wanted.append(flatten(back)[0])
    found = soft_targets(network, image, torch.tensor([numbers]))
    torch.testing.assert_close(found, torch.stack(wanted).mean(0))
    assert not torch.allclose(found, wanted[0])


def test_nothing_is_learnt_through_targets() -> None:
    image = torch.rand(1, 1, 16, 16, 16, requires_grad=True)
    assert not soft_targets(Equivariant(), image, torch.tensor([[3]])).requires_grad
