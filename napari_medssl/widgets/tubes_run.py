"""Finding, rebuilding and measuring tubes in a thread that knows nothing of the viewer, nor of Qt."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medssl.errors import BadInput, Cancelled
from napari_medssl.widgets.desk import Desk, Stop
from napari_medssl.widgets.preferences import device_preference
from napari_medssl.widgets.tile_progress import TileProgress, counted
from napari_medssl.widgets.tubes_source import Source

if TYPE_CHECKING:
    from napari_medssl.tubes import Branch, Tubes

Engine = Callable[..., Any]


@dataclass(frozen=True)
class Wish:
    """What is to be done.

    Attributes
    ----------
    source : what it is done with
    model, polarity : for the network, where the source is a scan
    threshold : a voxel belongs to a tube from this probability on
    sure : parts that exceed this probability nowhere are left out
    known : what the network said of this very scan before; then it is not asked again
    """

    source: Source
    model: str
    polarity: str
    threshold: float
    sure: float
    known: Tubes | None = None


@dataclass(frozen=True)
class Found:
    """What came of it; arrays and voxels in the file's order (z, y, x).

    Attributes
    ----------
    maps : the network's answer; None for a mask
    labels : the rebuilt tubes
    change : 1 kept, 2 added, 3 removed
    points, radii : the centre line, (n, 3) voxels and (n,) mm
    branches : measured, in mm
    before_ml, after_ml : volumes
    seconds : wall time
    """

    wish: Wish
    maps: Tubes | None
    labels: NDArray[np.integer]
    change: NDArray[np.uint8]
    points: NDArray[np.intp]
    radii: NDArray[np.float32]
    branches: list[Branch]
    before_ml: float
    after_ml: float
    seconds: float


class TubesRun:
    """One wish under way; the callbacks are called on Qt's thread."""

    def __init__(
        self, desk: Desk, wish: Wish, *, engine: Engine | None,
        on_progress: Callable[[TileProgress], None], on_end: Callable[[Any], None],
    ) -> None:  # fmt: skip
        """`on_end` gets a `Found`, or what was raised. `engine` stands in for `tubes.segment`."""
        self.wish, self.stop = wish, Stop()
        self._on_end = on_end
        tell, stop, device = desk.line(on_progress), self.stop, device_preference()
        desk.send(lambda: compute(wish, engine=engine, device=device, stop=stop, tell=tell), on_end, self._failed)

    @property
    def stopping(self) -> bool:
        return self.stop()

    def _failed(self, error: BaseException) -> None:
        if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
            error = BadInput(
                "There is not enough memory for this scan here; close other programs, or choose the CPU under File >"
                " Preferences > Plugins > MedSSL."
            )
        self._on_end(error)


def compute(
    wish: Wish, *, engine: Engine | None = None, device: str = "auto", stop: Callable[[], bool] = lambda: False,
    tell: Callable[[TileProgress], None] = lambda now: None,
) -> Found:  # fmt: skip
    """Do it all.

    Raises
    ------
    BadInput
        What was given cannot be used, or there is nothing in it.
    Cancelled
        `stop` answered True.
    """
    from napari_medssl.tubes import branches, centre_points, difference, refine, refine_mask

    started, source, spacing = time.monotonic(), wish.source, wish.source.volume.spacing

    def pause() -> None:
        if stop():
            raise Cancelled("Stopped.")

    maps = None if source.kind == "mask" else wish.known or _maps(wish, engine, device, stop, tell)
    pause()
    tell(TileProgress("Rebuilding the tubes…"))
    if maps is None:
        before: Any = np.asarray(source.volume.array)
        if not before.any():
            raise BadInput(f"{source.layer.name} is empty; draw or propagate a mask first.")
        result = refine_mask(before, spacing=spacing)
    else:
        before = (maps.probability >= wish.threshold).astype(np.uint8)
        if source.kind == "probability":
            maps = _with_radius(maps.probability, before, spacing)
        result = refine(
            maps.probability, maps.radius, spacing=spacing, threshold=wish.threshold,
            skeleton_threshold=max(wish.sure, wish.threshold),
        )  # fmt: skip
    pause()
    tell(TileProgress("Measuring the branches…"))
    points, radii = centre_points(result)
    tree, change = branches(result, spacing=spacing), difference(before, result)
    pause()
    ml = math.prod(spacing) / 1000
    return Found(
        wish, maps, result.labels, change, points, radii, tree, int(np.count_nonzero(before)) * ml,
        int(np.count_nonzero(result.labels)) * ml, time.monotonic() - started,
    )  # fmt: skip


def _maps(
    wish: Wish, engine: Engine | None, device: str, stop: Callable[[], bool], tell: Callable[[TileProgress], None]
) -> Tubes:
    from napari_medssl.tubes import Tubes, segment

    source = wish.source
    if source.kind == "probability":
        p = np.asarray(source.volume.array, np.float32)
        if not (p.size and float(p.min()) >= 0 and float(p.max()) <= 1):
            raise BadInput(
                f"The values of {source.layer.name} do not lie between 0 and 1; choose “Scan” if it is a scan."
            )
        return Tubes(p, p)
    tell(TileProgress("Reading the model and the scan…"))
    found: Tubes = (engine or segment)(
        source.volume, polarity=wish.polarity, model=wish.model, device=device, cancelled=stop,
        on_progress=counted("Looking for tubes", tell),
    )  # fmt: skip
    return found


def _with_radius(probability: Any, mask: Any, spacing: Any) -> Tubes:
    """A probability map of another program has no radii: they are those of the mask at the threshold."""
    from napari_medssl.tubes import Tubes
    from napari_medssl.tubes.distances import surface_distance

    return Tubes(probability, surface_distance(mask > 0, spacing=spacing).astype(np.float32, copy=False))
