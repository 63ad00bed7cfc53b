import pytest
import torch

from napari_medssl.errors import BadInput
from napari_medssl.training.precision import compute_dtype


def test_precision_is_as_told_and_auto_is_what_the_device_is_quick_with(monkeypatch):
    cpu = torch.device("cpu")
    assert compute_dtype("float32", cpu) == torch.float32
    assert compute_dtype("bfloat16", cpu) == torch.bfloat16
    monkeypatch.setattr("napari_medssl.devices._cpu_flags", lambda: "avx2")
    assert compute_dtype("auto", cpu) == torch.float32
    monkeypatch.setattr("napari_medssl.devices._cpu_flags", lambda: "avx512f avx512_bf16")
    assert compute_dtype("auto", cpu) == torch.bfloat16
    with pytest.raises(BadInput, match="NVIDIA"):
        compute_dtype("float16", cpu)
    assert compute_dtype("auto", torch.device("mps")) == torch.float32
    cuda = torch.device("cuda")
    for able, expected in ((True, torch.bfloat16), (False, torch.float16)):
        monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation, able=able: able)
        assert compute_dtype("auto", cuda) == expected
