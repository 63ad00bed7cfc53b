"""From a model's name to something ready to use on a device; the last few stay loaded."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from napari_medssl.devices import pick_device
from napari_medssl.errors import BadInput
from napari_medssl.models.card import Card
from napari_medssl.models.shelf import load_weights, weights_path

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

T = TypeVar("T")


def ready(build: Callable[[], nn.Module], tensors: dict[str, Tensor], device: torch.device) -> nn.Module:
    """The network that `build` makes, with these weights, in evaluation mode on the device."""
    import torch

    with torch.random.fork_rng(devices=[]):  # a new network draws its weights, which are not kept
        network = build()
    network.load_state_dict(tensors)
    return network.requires_grad_(False).eval().to(device)


class Loading(Generic[T]):
    """Loads the models of one purpose, each once until its file changes.

    Parameters
    ----------
    purpose : what the models are for, as on their cards
    make : from a card, its tensors and a device to what is handed out; a ValueError or RuntimeError says that they do
        not fit this version
    keep : how many stay loaded
    default : the model that "default" asks for, too, since the purpose decides
    """

    def __init__(
        self, purpose: str, make: Callable[[Card, dict[str, Tensor], torch.device], T], *, keep: int = 4,
        default: str = "default",
    ) -> None:  # fmt: skip
        self._purpose, self._make, self._keep, self._default = purpose, make, keep, default
        self._kept: OrderedDict[tuple[str, str, int, str], T] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, name: str, device: str = "auto") -> T:
        """The model.

        Raises
        ------
        BadInput
            There is no such model or device, or the model is for something else.
        """
        name = self._default if name == "default" else name
        path = weights_path(name)
        changed = path.stat().st_mtime_ns if path.is_file() else 0
        on = pick_device(device)
        key = (name, str(path), changed, str(on))
        with self._lock:
            if key not in self._kept:
                self._kept[key] = self._load(name, on)
            self._kept.move_to_end(key)
            while len(self._kept) > self._keep:
                self._kept.popitem(last=False)
            return self._kept[key]

    def _load(self, name: str, on: torch.device) -> T:
        card, tensors = load_weights(name)
        if card.purpose != self._purpose:
            raise BadInput(f"Model {name!r} is for {card.purpose}, not for {self._purpose}; choose another.")
        try:
            return self._make(card, tensors, on)
        except (ValueError, RuntimeError) as error:
            raise BadInput(
                f"Model {name!r} does not fit this version of napari-medssl; train or add it again."
            ) from error
