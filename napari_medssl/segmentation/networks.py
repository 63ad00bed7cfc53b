"""The network: a 3D U-Net whose kernels and strides a plan sets level by level."""

from __future__ import annotations

from napari_medssl.models.unet import BlockUNet
from napari_medssl.segmentation.plan import Plan

_NORM = ("instance", {"affine": True})  # patches are few and large: statistics of a batch would say little


class UNet(BlockUNet):
    """(n, 1, z, y, x) scaled grey values -> (n, outputs, z, y, x) logits. Sides are multiples of all strides."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(1, plan.outputs, plan.channels, plan.kernels, plan.strides, _NORM)
