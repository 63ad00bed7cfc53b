import numpy as np
import torch
from scipy.special import softmax

from napari_medssl.propagation import edges
from napari_medssl.propagation.edges import edge_profile, profile_offsets


def test_the_published_profile_has_48_channels_without_the_centre():
    offsets = profile_offsets(3)
    assert len(offsets) == len(set(offsets)) == 48
    assert (0, 0) not in offsets


def test_profile_is_the_softmax_of_literal_differences():
    image = np.random.default_rng(0).random((9, 11)).astype(np.float32)
    got = edge_profile(torch.from_numpy(image)[None, None], radius=2, scale=20.0)[0].numpy()
    padded = np.pad(image, 2, mode="edge")
    for y in range(9):
        for x in range(11):
            differences = [20 * (padded[y + 2 + dy, x + 2 + dx] - image[y, x]) for dy, dx in profile_offsets(2)]
            np.testing.assert_allclose(got[:, y, x], softmax(differences), rtol=1e-4, atol=1e-7)


def test_profile_ignores_brightness_and_is_uniform_where_nothing_changes():
    image = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 0.5
    torch.testing.assert_close(edge_profile(image), edge_profile(image + 0.3), atol=1e-4, rtol=1e-3)
    flat = edge_profile(torch.full((1, 1, 8, 8), 0.4))
    torch.testing.assert_close(flat, torch.full_like(flat, 1 / 48))


def test_the_scale_decides_how_sharp_the_profile_is():
    image = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    sharp, dull = edge_profile(image, scale=255.0), edge_profile(image, scale=1.0)
    assert sharp.amax(1).median() > 0.5  # for most pixels one neighbour has the say
    assert dull.amax(1).max() < 3 / 48  # all have much the same


def test_bands_of_rows_change_nothing_and_autocast_gets_its_own_type(monkeypatch):
    image = torch.rand(2, 1, 13, 9, generator=torch.Generator().manual_seed(2))
    whole = edge_profile(image)
    monkeypatch.setattr(edges, "_AT_ONCE", 2 * 48 * 9 * 4)  # bands of four rows, and a last one of one
    torch.testing.assert_close(edge_profile(image), whole, atol=1e-7, rtol=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        assert edge_profile(image).dtype == torch.bfloat16
    image.requires_grad_()
    edge_profile(image)[:, 0].sum().backward()
    assert image.grad.abs().sum() > 0
