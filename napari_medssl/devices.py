"""Which device to compute on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medssl.errors import BadInput

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda", "mps")


def available_devices() -> list[str]:
    """"auto" and the devices that this machine has."""
    import torch

    found = ["auto", "cpu"]
    if torch.cuda.is_available():
        found.append("cuda")
        found += [f"cuda:{i}" for i in range(1, torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append("mps")
    return found


def pick_device(name: str = "auto") -> torch.device:
    """The torch device for a name; "auto" takes a CUDA GPU, else Apple's GPU, else the CPU.

    Raises
    ------
    BadInput
        The machine has no such device.
    """
    import torch

    available = available_devices()
    if name == "auto":
        return torch.device(available[-1] if available[-1] == "mps" else "cuda" if "cuda" in available else "cpu")
    if name in available or (name == "cuda:0" and "cuda" in available):
        return torch.device(name)
    raise BadInput(f"This machine has no device {name!r}; choose one of: {', '.join(available)}.")
