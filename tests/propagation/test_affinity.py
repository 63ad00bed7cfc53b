import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medssl.errors import Cancelled
from napari_medssl.propagation import affinity
from napari_medssl.propagation.affinity import copy_by_affinity


def literal_copy(query, key, values, radius, *, temperature=1.0, zero_padding=False, top=0):
    """Equation 1 of the paper, pixel by pixel."""
    _, _channels, height, width = query.shape
    result = torch.zeros_like(values)
    for y in range(height):
        for x in range(width):
            logits, copied = [], []
            for dy in range(-radius, radius + 1):
                for dx in range(-radius, radius + 1):
                    v, u = y + dy, x + dx
                    if 0 <= v < height and 0 <= u < width:
                        logits.append(query[0, :, y, x] @ key[0, :, v, u])
                        copied.append(values[0, :, v, u])
                    elif zero_padding:
                        logits.append(torch.tensor(0.0, dtype=query.dtype))
                        copied.append(torch.zeros(values.shape[1], dtype=query.dtype))
            logits, copied = torch.stack(logits) / temperature, torch.stack(copied)
            if top:
                logits[logits < logits.topk(min(top, len(logits))).values[-1]] = -torch.inf
            result[0, :, y, x] = torch.softmax(logits, 0) @ copied
    return result


def random_case(height, width, channels=5, maps=2, seed=0):
    random = torch.Generator().manual_seed(seed)
    shapes = [(1, channels, height, width)] * 2 + [(1, maps, height, width)]
    return [torch.randn(*shape, generator=random, dtype=torch.float64) for shape in shapes]


@settings(max_examples=12, deadline=None)
@given(
    height=st.integers(3, 11),
    width=st.integers(3, 11),
    radius=st.integers(1, 3),
    temperature=st.floats(0.3, 3),
    zero_padding=st.booleans(),
    seed=st.integers(0, 99),
)
def test_copy_is_the_literal_equation(height, width, radius, temperature, zero_padding, seed):
    query, key, values = random_case(height, width, seed=seed)
    options = {"temperature": temperature, "zero_padding": zero_padding}
    got = copy_by_affinity(query, key, values, radius, **options)
    torch.testing.assert_close(got, literal_copy(query, key, values, radius, **options), atol=1e-9, rtol=1e-9)


def test_only_the_best_matches_are_copied_from():
    query, key, values = random_case(12, 9)
    got = copy_by_affinity(query, key, values, 2, top=4)
    torch.testing.assert_close(got, literal_copy(query, key, values, 2, top=4), atol=1e-9, rtol=1e-9)


def test_bands_change_nothing_and_a_gradient_flows(monkeypatch):
    query, key, values = random_case(30, 21)
    query.requires_grad_()
    whole = copy_by_affinity(query, key, values, 3)
    whole.sum().backward()
    assert torch.isfinite(query.grad).all()
    assert query.grad.abs().sum() > 0
    monkeypatch.setattr(affinity, "_LOGITS_AT_ONCE", {"cpu": 1})
    with torch.no_grad():
        torch.testing.assert_close(copy_by_affinity(query, key, values, 3), whole.detach())


def test_a_shift_of_the_image_is_followed():
    features = torch.nn.functional.one_hot(torch.arange(400).reshape(20, 20), 400).permute(2, 0, 1)[None].float() * 50
    moved = torch.roll(features, (2, -3), (2, 3))
    mask = torch.zeros(1, 1, 20, 20)
    mask[..., 8:13, 7:12] = 1
    got = copy_by_affinity(moved, features, mask, 4)
    torch.testing.assert_close(got, torch.roll(mask, (2, -3), (2, 3)), atol=1e-4, rtol=0)


def test_cancelling_is_noticed_between_bands():
    query, key, values = random_case(16, 16)
    with torch.no_grad(), pytest.raises(Cancelled):
        copy_by_affinity(query, key, values, 2, cancelled=lambda: True)
