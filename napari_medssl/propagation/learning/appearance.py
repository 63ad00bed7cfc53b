"""How slices of a training sample look: new greys for old shapes, and the changes that scanners make."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def new_greys(images: Tensor, labels: Tensor, rng: np.random.Generator) -> Tensor:
    """Paint each region in a random grey and keep some of the texture, so that shapes are learnt and not greys.

    Rendering label maps at random makes a network indifferent to the kind of scan (Billot et al., "SynthSeg", 2023).

    Parameters
    ----------
    images : (slices, 1, height, width) in any unit
    labels : (slices, height, width) whole numbers
    """
    count = int(labels.max()) + 1
    greys = rng.uniform(0, 1, count)
    if rng.random() < 0.5:  # a few tissues that many regions are made of
        tissues = rng.uniform(0, 1, int(rng.integers(2, 7)))
        greys = tissues[rng.integers(len(tissues), size=count)] + rng.normal(0, 0.03, count)
    painted = torch.from_numpy(greys.astype(np.float32))[labels.long()][:, None]
    if rng.random() < 0.7:
        painted = _blurred(painted, 1)
    old = ((images - images.mean()) / images.std().clamp(min=1e-3)).clamp(-3, 3)
    fine = old - _blurred(old, 3)
    return painted + float(rng.uniform(0, 0.12)) * fine + float(rng.uniform(0, 0.1)) * old


def stretched(images: Tensor, rng: np.random.Generator) -> Tensor | None:
    """To 0..1 by percentiles of the first slice, as propagation does; None where that slice shows nothing."""
    low, high = np.quantile(images[0].numpy(), [rng.uniform(0, 0.02), rng.uniform(0.98, 1)])
    if not high - low > 1e-6:
        return None
    scaled = ((images - float(low)) / float(high - low)).clamp(0, 1)
    return scaled if scaled[0].std() >= _FLATTEST else None


def varied(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Another scanner's view of (slices, 1, height, width) in 0..1: inverted, gamma, bias, uneven slices, noise."""
    if rng.random() < 0.3:
        images = 1 - images
    images = images ** float(np.exp(rng.normal() * 0.3))
    if rng.random() < 0.5:
        rows, columns = (torch.linspace(-1, 1, n) for n in images.shape[-2:])
        bias = float(rng.normal() * 0.15) * rows[:, None] + float(rng.normal() * 0.15) * columns[None, :]
        images = images * bias.exp()
    if rng.random() < 0.3:
        images = images * torch.from_numpy(rng.normal(1, 0.04, (len(images), 1, 1, 1)).astype(np.float32))
    amount = float(np.exp(rng.uniform(np.log(0.003), np.log(0.08))))
    noise = torch.from_numpy(rng.standard_normal(images.shape, dtype=np.float32))
    if rng.random() < 0.6:
        noise = _scaled(F.avg_pool2d(noise, 3, 1, 1))
        if rng.random() < 0.4:
            noise = _scaled(F.avg_pool2d(noise, 3, 1, 1))
    return (images + amount * noise).clamp(0, 1)


def worn(masks: Tensor, rng: np.random.Generator) -> Tensor:
    """Masks (n, 1, height, width) as a long way leaves them: outlines bent, grown or shrunk, moved a little, spilt over
    into what lies beside; two in five stay as they are."""
    result = masks.clone()
    for i, mask in enumerate(masks):
        if mask.sum() < 100:
            continue
        kind = rng.random()
        if kind < 0.4:
            bent = _bent(mask, rng)
            if bent.sum() > 30:
                result[i] = bent
        elif kind < 0.6:
            result[i] = _spilt(mask, rng)
    return result


def _bent(mask: Tensor, rng: np.random.Generator) -> Tensor:
    side = mask.shape[-1]
    field = torch.from_numpy(rng.standard_normal((1, 1, 9, 9), dtype=np.float32))
    field = F.interpolate(field, (side, side), mode="bicubic", align_corners=False)[0]
    soft = _blurred(_blurred(mask[None], 4, padded=False), 4, padded=False)[0]
    bent = (soft + float(rng.uniform(0, 0.25)) * field + float(rng.normal() * 0.08) > 0.5).float()
    row, column = rng.integers(-2, 3, 2).tolist()
    return torch.roll(bent, (row, column), (1, 2))


def _spilt(mask: Tensor, rng: np.random.Generator) -> Tensor:
    """With an ellipse on its edge, up to as large as itself."""
    inside = mask[0].nonzero()
    row, column = (float(v) for v in inside[int(rng.integers(len(inside)))])
    angle = rng.uniform(0, 2 * np.pi)
    size = float(np.sqrt(float(mask.sum()) * rng.uniform(0.1, 1) / np.pi))
    row, column = row + size * np.sin(angle), column + size * np.cos(angle)
    stretch = rng.uniform(0.6, 1.6)
    rows, columns = (torch.arange(n).float() for n in mask.shape[-2:])
    down, across = rows[:, None] - row, columns[None, :] - column
    turn = rng.uniform(0, np.pi)
    along, beside = down * np.cos(turn) + across * np.sin(turn), across * np.cos(turn) - down * np.sin(turn)
    return torch.maximum(mask, ((along / stretch) ** 2 + (beside * stretch) ** 2 < size**2).float())


_FLATTEST = 0.05  # standard deviation, of 0..1, below which a slice shows nothing


def _scaled(noise: Tensor) -> Tensor:
    return noise / noise.std().clamp(min=1e-6)


def _blurred(images: Tensor, radius: int, *, padded: bool = True) -> Tensor:
    if padded:
        return F.avg_pool2d(F.pad(images, (radius,) * 4, mode="replicate"), 2 * radius + 1, 1)
    return F.avg_pool2d(images, 2 * radius + 1, 1, radius)
