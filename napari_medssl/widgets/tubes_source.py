"""What the Tubes widget starts from: a scan, a mask, or another program's probability map, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_medssl.errors import BadInput
from napari_medssl.volumes import Volume
from napari_medssl.volumes.orientation import Display
from napari_medssl.widgets.layers import (
    KEY,
    check_image_layer,
    check_labels_layer,
    reference_image,
    scan_info,
    volume_from_layer,
)
from napari_medssl.widgets.planes import shown_frame
from napari_medssl.widgets.session_layers import WAITING, display_of

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer

Kind = Literal["scan", "mask", "probability"]


@dataclass(frozen=True)
class Source:
    """A layer and what is computed from it.

    Attributes
    ----------
    kind : what the layer is
    layer : the layer itself; results lie on it
    image : the scan that a mask lies on, or the layer itself; None where there is none
    volume : the layer's array in its file's order, with its geometry
    display : how the file's order is turned into the one that is shown
    name : what the names of the result layers begin with
    """

    kind: Kind
    layer: Image | Labels
    image: Image | None
    volume: Volume
    display: Display
    name: str

    @classmethod
    def of(cls, viewer: Any, kind: Kind, layer: Layer | None) -> Source:
        """Check a layer.

        Raises
        ------
        BadInput
            There is none, or it cannot be used for this.
        """
        if layer is None:
            raise BadInput("There is no layer to start from; open one first.")
        if kind == "mask":
            check_labels_layer(layer)
            image = reference_image(viewer, layer)
            volume = volume_from_layer(layer, reference=image)
            return cls(kind, layer, image, volume, display_of(layer, image), layer.name)
        frame = shown_frame(viewer, layer)
        array = check_image_layer(layer, frame=frame)
        if kind == "probability" and array.dtype.kind not in "fbu":
            raise BadInput(f"{layer.name} holds whole numbers; a probability map holds values from 0 to 1.")
        volume = volume_from_layer(layer, frame=frame)
        name = f"{layer.name} tubes" if kind == "scan" else layer.name
        return cls(kind, layer, layer, volume, display_of(layer, None), name)

    def metadata(self) -> dict[str, Any]:
        """For result layers, so that they are written where the source lies."""
        for layer in (self.layer, self.image):
            info = None if layer is None else scan_info(layer)
            if info is not None:
                return {KEY: {key: value for key, value in info.items() if key != WAITING}}
        return {}

    def shown_voxels(self, voxels: Any) -> np.ndarray:
        """Voxels (n, 3) of the file's order, in the order that is shown."""
        places = np.asarray(voxels).reshape(-1, 3)
        order, sizes = list(self.display.permutation), np.asarray(self.volume.shape)
        shown = places[:, order]
        return np.where(self.display.flips, sizes[order] - 1 - shown, shown)
