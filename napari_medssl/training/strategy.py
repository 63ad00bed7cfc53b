"""What the engine trains: a Task says what is learnt, a Strategy how labels are used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, device, nn

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Term:
    """One part of the loss.

    Attributes
    ----------
    name : for curves and logs
    value : scalar, the mean over the samples of this process
    samples : how many samples that is, by which processes are weighed against one another
    weight : by which the term enters the loss; 0 only shows it
    """

    name: str
    value: Tensor
    samples: int
    weight: float = 1.0


@dataclass(frozen=True)
class Picture:
    """Slices side by side, such as input, target and prediction: each (height, width) in 0..1, with a caption."""

    panels: Sequence[tuple[str, NDArray[np.floating[Any]]]]


@dataclass(frozen=True)
class Validation:
    """What a validation found.

    Attributes
    ----------
    metrics : by name
    score : what the best model is chosen by, higher is better; None where no choice can be made
    pictures : a few, for people to look at
    """

    metrics: Mapping[str, float]
    score: float | None = None
    pictures: Sequence[Picture] = ()


@dataclass(frozen=True)
class Moment:
    """Where a run stands when a loss is asked for.

    Attributes
    ----------
    step : from 0
    done : how much of the budget is used, 0..1
    average : the running average of the network's weights, in evaluation mode; a teacher for those that want one
    """

    step: int
    done: float
    average: nn.Module


class Task(Protocol):
    """What is learnt: a network, its samples, its loss, and how its success is measured."""

    network: nn.Module

    def batch(self, step: int, indices: Sequence[int]) -> Batch:
        """The samples of a step at these places of the whole batch: a function of (seed, step, index) alone.

        May be called in another process or thread, and must not touch `network`. Tensors on the CPU.
        """
        ...

    def loss(self, network: nn.Module, batch: Batch, moment: Moment) -> Sequence[Term]:
        """The terms of the loss. `network` is the task's, perhaps wrapped; call it once. `batch` is on its device."""
        ...

    def validate(self, network: nn.Module, on: device) -> Validation | None:
        """Measure the network, in evaluation mode, on data kept back; None where there is none."""
        ...

    def card(self) -> dict[str, Any]:
        """The fields of the model's card that the task knows: title, purpose, summary, trained_on, settings."""
        ...


class Strategy(Protocol):
    """How labels are used to learn a task; wraps the task and has its methods, so that the engine sees one thing."""

    @property
    def task(self) -> Task: ...

    def batch(self, step: int, indices: Sequence[int]) -> Batch: ...

    def loss(self, network: nn.Module, batch: Batch, moment: Moment) -> Sequence[Term]: ...

    def validate(self, network: nn.Module, on: device) -> Validation | None: ...

    def card(self) -> dict[str, Any]: ...

    def state(self) -> dict[str, Tensor]:
        """What the strategy has learnt on the way (class counts, thresholds), for the checkpoint."""
        ...

    def load_state(self, state: Mapping[str, Tensor]) -> None: ...


@dataclass
class Plain:
    """The strategy that takes the task's batches and losses as they are."""

    task: Task
    _nothing: dict[str, Tensor] = field(default_factory=dict)

    def batch(self, step: int, indices: Sequence[int]) -> Batch:
        return self.task.batch(step, indices)

    def loss(self, network: nn.Module, batch: Batch, moment: Moment) -> Sequence[Term]:
        return self.task.loss(network, batch, moment)

    def validate(self, network: nn.Module, on: device) -> Validation | None:
        return self.task.validate(network, on)

    def card(self) -> dict[str, Any]:
        return self.task.card()

    def state(self) -> dict[str, Tensor]:
        return dict(self._nothing)

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        pass
