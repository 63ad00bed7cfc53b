"""Looking for nodules in a thread that knows nothing of the viewer, nor of Qt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_medssl.errors import BadInput
from napari_medssl.widgets.desk import Desk, Stop
from napari_medssl.widgets.preferences import device_preference
from napari_medssl.widgets.tile_progress import TileProgress, counted

if TYPE_CHECKING:
    from napari_medssl.nodules.use import Detection
    from napari_medssl.widgets.nodules_ground import Ground

Engine = Callable[..., Any]
SHARE = 0.2  # marks down to this share of the model's own threshold are kept, for the score slider
MOST = 100


def look_for_nodules(volume: Any, *, model: str, device: str, **further: Any) -> Detection:
    """All marks that the score slider may show; the threshold in the answer is the model's own."""
    from napari_medssl.nodules import detection, load_detector

    loaded = load_detector(model, device)
    own = loaded.settings.threshold
    found = detection(volume, model=loaded, threshold=own * SHARE, **further)
    return replace(found, nodules=found.nodules[:MOST], threshold=own)


class NodulesRun:
    """One search under way; the callbacks are called on Qt's thread.

    Attributes
    ----------
    ground : the scan
    """

    def __init__(
        self, desk: Desk, ground: Ground, model: str, *, engine: Engine | None,
        on_progress: Callable[[TileProgress], None], on_end: Callable[[Any], None],
    ) -> None:  # fmt: skip
        """`on_end` gets a `Detection`, or what was raised. `engine` stands in for `look_for_nodules`."""
        self.ground, self.stop = ground, Stop()
        tell, stop, device, volume = desk.line(on_progress), self.stop, device_preference(), ground.volume
        told = counted("Looking for nodules", tell)

        def errand() -> Any:
            tell(TileProgress("Looking for the lungs…"))
            look = engine or look_for_nodules
            return look(volume, model=model, device=device, on_progress=told, cancelled=stop)

        def failed(error: BaseException) -> None:
            if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
                error = BadInput(
                    "There is not enough memory for this scan here; close other programs, or choose the CPU under File"
                    " > Preferences > Plugins > MedSSL."
                )
            on_end(error)

        desk.send(errand, on_end, failed)

    @property
    def stopping(self) -> bool:
        return self.stop()
