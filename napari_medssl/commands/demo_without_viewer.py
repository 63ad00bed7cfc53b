"""The demo where napari cannot draw: the same propagation, and a picture made from the arrays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medssl.commands.propagate_file import propagate_file
from napari_medssl.errors import Cancelled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def run(folder: Path, *, device: str, cancelled: Callable[[], bool]) -> dict[str, Any]:
    """Propagate the sample's drawn slice; write the mask and a picture into `folder`.

    Returns
    -------
    dict with "mask", "picture" (paths) and "seconds"
    """
    import numpy as np

    from napari_medssl.files import write_bytes
    from napari_medssl.propagation.scan_job import Job, Settings
    from napari_medssl.volumes import read_labels, read_volume
    from napari_medssl.volumes.samples import sample_paths
    from napari_medssl.volumes.windows import CT_WINDOWS, limits

    folder.mkdir(exist_ok=True)
    image, seeds = sample_paths()
    mask = folder / "mask.nii.gz"
    report = propagate_file(Job(Path(image), Path(seeds), mask), Settings(device=device), cancelled)
    if not report.complete:
        raise Cancelled("The demo was cancelled.")
    picture = folder / "picture.png"
    write_bytes(
        picture,
        overlay_png(read_volume(image).array, np.asarray(read_labels(mask).array, dtype=int), limits(CT_WINDOWS[0])),
    )
    return {"mask": str(mask), "picture": str(picture), "seconds": report.seconds}


def overlay_png(
    scan: NDArray[np.generic], labels: NDArray[np.integer], window: tuple[float, float], slices: int = 4
) -> bytes:
    """A PNG of evenly spaced slices of the labelled part, side by side, each label's outline in a colour of its own.

    `window` holds the grey values shown as black and as white.
    """
    import imageio.v3 as iio
    import numpy as np
    from skimage.segmentation import find_boundaries

    labelled = np.flatnonzero((labels > 0).any(axis=(1, 2)))
    chosen = np.linspace(labelled[0], labelled[-1], slices + 2).round().astype(int)[1:-1]
    low, high = window
    colours = np.array([(255, 80, 60), (60, 200, 90), (80, 150, 255), (250, 200, 60), (200, 100, 240)], dtype=np.uint8)
    tiles = []
    for index in chosen:
        grey = np.clip((scan[index] - low) / (high - low), 0, 1) * 255
        tile = np.repeat(grey.astype(np.uint8)[..., None], 3, axis=-1).repeat(3, axis=0).repeat(3, axis=1)
        drawn = labels[index].repeat(3, axis=0).repeat(3, axis=1)
        edge = find_boundaries(drawn, mode="inner")  # type: ignore[no-untyped-call]
        tile[edge] = colours[(drawn[edge].astype(int) - 1) % len(colours)]
        tiles.append(tile)
    return bytes(iio.imwrite("<bytes>", np.concatenate(tiles, axis=1), extension=".png"))
