"""One step from a slice to its neighbour: copy the masks along the matches, and let the refiner correct them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_medssl.devices import use_bfloat16
from napari_medssl.propagation.model import PropagationModel, copy_pooled, widened
from napari_medssl.propagation.refiner import Evidence, compete


@dataclass(frozen=True)
class Slice:
    """A slice as the model sees it: (1, 1, h, w) image in 0..1 and its features."""

    image: Tensor
    features: Tensor


@dataclass(frozen=True)
class Carried:
    """Shares of each pixel, (1, labels + 1, h, w), the background last: of the masks as copied, and in the end."""

    copied: Tensor
    shares: Tensor


def step(
    model: PropagationModel,
    here: Slice,
    before: Slice,
    masks: Tensor,
    origins: Sequence[tuple[Tensor, Tensor] | None],
    *,
    cancelled: Callable[[], bool] | None = None,
) -> Carried:
    """Carry masks from the slice `before` to the slice `here`.

    Parameters
    ----------
    masks : (1, labels, h, w) of 0 and 1, on the slice before
    origins : for each label the image and the mask, each (1, 1, h, w), of the drawn slice that it set out from; None
        for a label that is no longer followed

    Returns
    -------
    Shares on the CPU; without a refiner both are the same
    """
    settings, stride, device = model.settings, model.stride, model.device
    copied = copy_pooled(
        here.features, before.features, with_background(masks).to(device), settings, stride, cancelled=cancelled
    )
    wide = widened(copied, stride).cpu()
    if model.refiner is None:
        return Carried(wide, wide)
    followed = [position for position, origin in enumerate(origins) if origin is not None]
    drawn = [origin for origin in origins if origin is not None]
    refined = torch.zeros_like(masks, device=device)
    if drawn:
        count = len(drawn)
        evidence = Evidence(
            _repeated(here.image, count),
            _repeated(before.image, count),
            masks[0, followed][:, None],
            torch.cat([image for image, _ in drawn]),
            torch.cat([mask for _, mask in drawn]),
        )
        maps = evidence.maps().to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=use_bfloat16("auto", device)):
            logits = model.refiner(_repeated(here.features, count), copied[0, followed][:, None], maps)
        refined[0, followed] = torch.sigmoid(logits[:, 0].float())
    return Carried(wide, compete(refined).cpu())


def with_background(masks: Tensor) -> Tensor:
    """(1, labels, h, w) -> (1, labels + 1, h, w): the last map is what no label covers."""
    return torch.cat([masks, 1 - masks.sum(1, keepdim=True).clamp(max=1)], dim=1)


def harden(maps: Tensor) -> Tensor:
    """(1, labels + 1, h, w) with the background last -> (1, labels, h, w) of 0 and 1: each pixel to its strongest
    map."""
    # Map by map: torch's argmax over so few maps takes a fifth of a step's time. Ties go to the background, then to the
    # first label.
    best = maps[:, -1]
    winner = torch.zeros_like(best, dtype=torch.int64)
    for position in range(maps.shape[1] - 1):
        better = maps[:, position] > best
        best = torch.where(better, maps[:, position], best)
        winner = torch.where(better, position + 1, winner)
    return torch.stack([(winner == position + 1).float() for position in range(maps.shape[1] - 1)], dim=1)


def relative_strength(maps: Tensor) -> Tensor:
    """How strongly each label stands against the background, 0..1: above 0.5 where it beats it."""
    labels, background = maps[:, :-1], maps[:, -1:]
    return labels / (labels + background).clamp(min=1e-6)


def _repeated(maps: Tensor, count: int) -> Tensor:
    return maps.expand(count, -1, -1, -1)
