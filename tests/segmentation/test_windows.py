"""Sliding windows, against MONAI's on whole volumes."""

from __future__ import annotations

import pytest
import torch
from monai.inferers import sliding_window_inference
from segmentation.toys import toy_plan
from torch import nn

from napari_medssl.errors import Cancelled
from napari_medssl.segmentation.networks import UNet
from napari_medssl.segmentation.windows import slide

CPU = torch.device("cpu")


@pytest.fixture
def network():
    torch.manual_seed(0)
    return UNet(toy_plan((6, 8, 8))).eval().requires_grad_(False)


class Probabilities(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x).softmax(1)


@pytest.mark.parametrize("shape", [(6, 8, 8), (13, 19, 11), (7, 8, 21), (3, 5, 20), (25, 4, 4), (1, 1, 1)])
@pytest.mark.parametrize("overlap", [0.5, 0.25])
def test_windows_are_averaged_as_monai_averages_them(network, shape, overlap):
    scan = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    plan = toy_plan((6, 8, 8))
    found = torch.stack(list(slide(network, scan, plan, CPU, overlap=overlap)), dim=1)
    want = sliding_window_inference(
        scan[None, None], plan.patch, 1, Probabilities(network), overlap=overlap, mode="gaussian"
    )[0]
    torch.testing.assert_close(found, want)
    torch.testing.assert_close(found.sum(0), torch.ones(shape))


def test_windows_are_counted_and_slices_come_as_soon_as_they_are_done(network):
    counted, came_at = [], []
    scan = torch.randn(14, 8, 12)
    plan = toy_plan((6, 8, 8))
    for _ in slide(network, scan, plan, CPU, on_window=lambda *now: counted.append(now)):
        came_at.append(len(counted))
    assert counted == [(n, 8) for n in range(1, 9)]  # starts 0, 3, 6, 8 x 0 x 0, 4
    assert came_at == [2] * 3 + [4] * 3 + [6] * 2 + [8] * 6


def test_it_can_be_stopped_within_a_window(network):
    asked = []

    def pause():
        asked.append(1)
        if len(asked) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        list(slide(network, torch.randn(6, 8, 8), toy_plan((6, 8, 8)), CPU, pause=pause))
    assert len(asked) == 3
