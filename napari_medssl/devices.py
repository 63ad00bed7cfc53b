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


def use_bfloat16(precision: str, device: torch.device) -> bool:
    """Whether to compute in bfloat16: as told, or with "auto" where the hardware has instructions for it."""
    import torch

    if precision != "auto":
        return precision == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and "avx512_bf16" in _cpu_flags()


def _cpu_flags() -> str:
    # torch tells the instruction set it uses but not whether bfloat16 is among it; Linux does.
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as handle:
            return next((line for line in handle if line.startswith("flags")), "")
    except OSError:
        return ""
