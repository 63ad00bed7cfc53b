"""A TensorBoard log beside the event log, where TensorBoard is installed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Board:
    """Writes curves for TensorBoard; does nothing where it is not wanted or not installed."""

    def __init__(self, folder: Path, *, wanted: bool, step: int = 0) -> None:
        """`step`: what an earlier part of the run wrote beyond this step is void."""
        self._writer: Any = None
        if not wanted:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return
        self._writer = SummaryWriter(str(folder), purge_step=step or None)

    def write(self, heading: str, values: Mapping[str, float | None], step: int) -> None:
        for name, value in values.items():
            if self._writer is not None and value is not None:
                self._writer.add_scalar(f"{heading}/{name}", value, step)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
