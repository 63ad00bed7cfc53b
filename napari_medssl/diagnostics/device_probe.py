"""Try a small computation on each device and print the outcome as JSON; run as a process of its own."""

from __future__ import annotations

import json
import time
from typing import Any


def describe_devices() -> dict[str, dict[str, Any]]:
    """For "cpu", "cuda" (each card) and "mps": what it is and whether a convolution there gives the CPU's numbers."""
    import torch

    found: dict[str, dict[str, Any]] = {"cpu": {"threads": torch.get_num_threads(), **_try("cpu")}}
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            name = f"cuda:{index}"
            found[name] = {"name": properties.name, "memory_gb": round(properties.total_memory / 1e9, 1), **_try(name)}
        found["cuda:0"]["cuda"] = torch.version.cuda
    else:
        built = torch.version.cuda is not None
        found["cuda"] = {"works": False, "reason": "no usable card" if built else "this torch is built without CUDA"}
    if torch.backends.mps.is_available():
        found["mps"] = _try("mps")
    else:
        found["mps"] = {"works": False, "reason": "not an Apple machine with Metal"}
    return found


def _try(device: str) -> dict[str, Any]:
    import torch

    try:
        started = time.perf_counter()
        image = torch.linspace(-1, 1, 4 * 32 * 32).reshape(1, 4, 32, 32)
        kernel = torch.linspace(-1, 1, 8 * 4 * 3 * 3).reshape(8, 4, 3, 3)
        expected = torch.nn.functional.conv2d(image, kernel, padding=1)
        result = torch.nn.functional.conv2d(image.to(device), kernel.to(device), padding=1).cpu()
        # TF32 keeps ten bits of the mantissa.
        if not torch.allclose(result, expected, rtol=1e-2, atol=1e-2):
            return {"works": False, "reason": "its numbers differ from the CPU's"}
        return {"works": True, "seconds": round(time.perf_counter() - started, 3)}
    except Exception as error:
        return {"works": False, "reason": " ".join(str(error).split())[:300]}


if __name__ == "__main__":
    print(json.dumps(describe_devices()))
