"""One optimiser step: learning rate, mixed precision, gradient limit, running average of the weights."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import AdamW

from napari_medssl.errors import BadInput
from napari_medssl.training.settings import RunSettings

_FALLS: dict[str, Callable[[float], float]] = {
    "cosine": lambda done: 0.5 + 0.5 * math.cos(math.pi * done),
    "linear": lambda done: 1 - done,
    "constant": lambda done: 1.0,
}
_MOST_BAD = 20


def learning_rate(settings: RunSettings, step: int, done: float) -> float:
    """The rate of a step: a linear rise over `warm_up` steps, times the fall over the budget (`done` 0..1)."""
    rise = min(1.0, (step + 1) / settings.warm_up) if settings.warm_up else 1.0
    return settings.learning_rate * rise * _FALLS[settings.schedule](min(1.0, done))


class Stepper:
    """Turns a loss into a change of the weights.

    A step whose gradients are not finite changes nothing; after many in a row the run ends with a sentence.
    """

    def __init__(self, network: nn.Module, settings: RunSettings, device: torch.device, dtype: torch.dtype) -> None:
        self._settings, self._dtype, self._device = settings, dtype, device
        self._parameters = [p for p in network.parameters() if p.requires_grad]
        self.optimiser = AdamW(self._parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay)
        self.scaler = GradScaler(device.type, enabled=dtype == torch.float16)
        self._bad = torch.zeros((), device=device)  # steps in a row whose gradients were not finite

    def autocast(self) -> torch.autocast:
        """The context to compute the loss in."""
        return torch.autocast(self._device.type, self._dtype, enabled=self._dtype != torch.float32)

    def apply(self, loss: Tensor, rate: float) -> None:
        """Change the weights down the gradient of the loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.unscale_(self.optimiser)
        norm = nn.utils.clip_grad_norm_(self._parameters, self._settings.clip or math.inf)
        finite = norm.isfinite()
        self._bad = torch.where(finite, torch.zeros_like(self._bad), self._bad + 1)
        if not self.scaler.is_enabled():  # which leaves out such steps by itself
            for parameter in self._parameters:
                if parameter.grad is not None:
                    # without asking the device for the answer, which would hold it up
                    parameter.grad = torch.where(finite, parameter.grad, torch.zeros_like(parameter.grad))
        self.scaler.step(self.optimiser)
        self.scaler.update()

    def check(self, step: int) -> None:
        """Raise `BadInput` when training has gone astray."""
        if int(self._bad) >= _MOST_BAD:
            raise BadInput(
                f"Training went astray at step {step}: the loss is not a number any more. Resume with a lower"
                f" learning_rate (it is {self._settings.learning_rate:g}), or with precision=float32."
            )


def update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move the running average of the weights towards the network; a young one follows more quickly.

    So that a run of minutes is not held back by its start. Whole numbers (counts of batches) are copied.
    """
    decay = min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        for kept, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
            if kept.dtype.is_floating_point:
                kept.lerp_(new, 1 - decay)
            else:
                kept.copy_(new)
