"""The scan that is read: where its voxels lie in the patient and in the viewer, and by what it is known again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medssl.widgets.layers import scan_info
from napari_medssl.widgets.tubes_source import Source

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_medssl.nodules.reading_recovery import ScanKnown
    from napari_medssl.volumes import Volume


@dataclass(frozen=True)
class Ground:
    """A scan in the viewer.

    Attributes
    ----------
    source : its layer, and its array in the file's order
    uid : its seriesuid in tables
    """

    source: Source
    uid: str

    @classmethod
    def of(cls, viewer: Any, layer: Image | None) -> Ground:
        """Check a layer.

        Raises
        ------
        BadInput
            There is none, or it cannot be used as a scan.
        """
        from napari_medssl.nodules.reading_training import series_name

        source = Source.of(viewer, "scan", layer)
        name = (scan_info(source.layer) or {}).get("name") or source.layer.name
        return cls(source, series_name(str(name)))

    @property
    def layer(self) -> Any:
        return self.source.layer

    @property
    def volume(self) -> Volume:
        return self.source.volume

    @property
    def known(self) -> ScanKnown:
        """By what the scan is known again."""
        from napari_medssl.nodules.reading_recovery import ScanKnown

        where = self.layer.source
        sample = getattr(where, "sample", None)
        return ScanKnown.of(
            self.uid, self.volume.shape, self.volume.geometry, scan_path=str(getattr(where, "path", None) or ""),
            sample=tuple(sample) if sample else None,
        )  # fmt: skip

    @property
    def spacing(self) -> NDArray[np.float64]:
        """mm along the displayed axes."""
        return np.asarray(self.volume.spacing)[list(self.source.display.permutation)]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the displayed array."""
        return self.source.display.shape(self.volume.shape)

    def shown(self, centre: Any) -> NDArray[np.float64]:
        """Fractional voxels of the displayed array, (3,), of a point in LPS mm."""
        place: NDArray[np.float64] = self.source.shown_voxels(self.volume.geometry.indices(centre))[0]
        return place

    def centre_at(self, shown: Any) -> tuple[float, float, float]:
        """The point in LPS mm of fractional voxels of the displayed array."""
        order, flips = list(self.source.display.permutation), self.source.display.flips
        sizes = np.asarray(self.volume.shape)[order]
        index = np.empty(3)
        index[order] = np.where(flips, sizes - 1 - np.asarray(shown, float), shown)
        x, y, z = self.volume.geometry.world(index).tolist()
        return x, y, z

    def contains(self, shown: Any) -> bool:
        """Whether fractional voxels of the displayed array lie in the scan."""
        return bool(np.all(np.asarray(shown) >= -0.5) and np.all(np.asarray(shown) <= np.asarray(self.shape) - 0.5))
