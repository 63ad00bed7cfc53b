"""In what precision to train."""

from __future__ import annotations

import torch

from napari_medssl.devices import use_bfloat16
from napari_medssl.errors import BadInput


def compute_dtype(precision: str, device: torch.device) -> torch.dtype:
    """The type to compute in: as told, or with "auto" what the device is quickest with.

    bfloat16 on CUDA GPUs and CPUs that have it, else float16 on CUDA GPUs; float32 elsewhere. Apple's GPUs compute
    several operations that training needs in float32 only.

    Raises
    ------
    BadInput
        float16 on a device where small gradients cannot be kept from vanishing.
    """
    if precision == "auto":
        if use_bfloat16("auto", device):
            return torch.bfloat16
        return torch.float16 if device.type == "cuda" else torch.float32
    if precision == "float16" and device.type != "cuda":
        raise BadInput(f"precision=float16 needs an NVIDIA GPU; on {device.type} take auto, bfloat16 or float32.")
    chosen: torch.dtype = getattr(torch, precision)
    return chosen
