"""A scan: an array in (z, y, x) and the geometry that places it in the patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_medssl.errors import BadInput
from napari_medssl.volumes.geometry import Geometry
from napari_medssl.volumes.segments import Segment


@dataclass(frozen=True)
class Volume:
    """A three-dimensional scan or mask.

    Attributes
    ----------
    array : (z, y, x) numeric array
    geometry : Geometry
    name : a short name for menus and messages (a file's name without its extension)
    notes : sentences that the person should see, such as "2 slices are missing between 31 and 34."
    modality : DICOM modality ("CT", "MR", ...) where the file says so, else an empty string
    segments : {label: what its file says about it}, for a mask; empty where the file says nothing
    """

    array: NDArray[np.generic]
    geometry: Geometry = field(default_factory=Geometry)
    name: str = "volume"
    notes: tuple[str, ...] = ()
    modality: str = ""
    segments: Mapping[int, Segment] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.array.ndim != 3:
            raise BadInput(f"{self.name} has {self.array.ndim} dimensions; a volume has three (z, y, x).")
        if 0 in self.array.shape:
            raise BadInput(f"{self.name} is empty (shape {self.array.shape}).")

    @property
    def shape(self) -> tuple[int, int, int]:
        z, y, x = self.array.shape
        return z, y, x

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel spacing in mm in array order (z, y, x)."""
        return self.geometry.spacing_zyx
