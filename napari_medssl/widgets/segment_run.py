"""A segmentation under way in the viewer: computed in a thread, laid on the scan as a Labels layer at its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_medssl.errors import BadInput, Cancelled
from napari_medssl.volumes.volume import Volume
from napari_medssl.widgets.desk import Desk, Stop
from napari_medssl.widgets.layers import new_labels
from napari_medssl.widgets.preferences import device_preference

if TYPE_CHECKING:
    from napari.layers import Image, Labels

    from napari_medssl.segmentation import Segmented

Engine = Callable[..., Any]


@dataclass(frozen=True)
class Progress:
    done: int
    total: int
    seconds_left: float | None


class SegmentRun:
    """One scan and one model. The thread knows nothing of the viewer, nor of Qt."""

    def __init__(
        self, desk: Desk, image: Image, volume: Volume, model: str, *, engine: Engine | None,
        on_progress: Callable[[Progress], None], on_end: Callable[[Any], None],
    ) -> None:  # fmt: skip
        """`on_end` gets a `Segmented`, or what was raised; both are called on Qt's thread."""
        self.image, self.model, self.stop = image, model, Stop()
        self._on_progress, self._on_end = on_progress, on_end
        self._started = time.monotonic()
        tell = desk.line(self._told)
        stop, device = self.stop, device_preference()

        def compute() -> Segmented:
            from napari_medssl.segmentation import segment

            found: Segmented = (engine or segment)(
                volume, model=model, device=device, cancelled=stop, on_progress=lambda *now: tell(now)
            )
            return found

        desk.send(compute, self._on_end, self._failed)

    @property
    def stopping(self) -> bool:
        return self.stop()

    def _told(self, now: tuple[int, int]) -> None:
        done, total = now
        spent = time.monotonic() - self._started
        left = spent / done * (total - done) if done and spent > 1 else None
        self._on_progress(Progress(done, total, left))

    def _failed(self, error: BaseException) -> None:
        if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
            error = BadInput(
                "There is not enough memory for this scan here; close other programs, or choose the CPU under File >"
                " Preferences > Plugins > MedSSL."
            )
        self._on_end(Cancelled() if isinstance(error, Cancelled) else error)

    def show(self, viewer: Any, found: Segmented) -> Labels:
        """Lay the result on the scan. Label names stand in the layer's features, which napari shows under the mouse."""
        labels = new_labels(viewer, self.image, f"{self.image.name} {self.model}", found.labels)
        labels.mode = "pan_zoom"
        if found.names:
            numbers = [0, *found.names]
            labels.features = {"index": numbers, "structure": ["", *found.names.values()]}
        return labels
