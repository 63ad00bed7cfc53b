"""Draw one slice, get the volume: self-supervised segmentation of CT and MR in napari.

Names are imported when first used, so that ``import napari_medssl`` costs nothing and pulls in neither torch nor Qt.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_medssl import metrics, propagation, training
    from napari_medssl.volumes import Geometry, Volume, read_labels, read_volume, write_labels, write_volume

_VOLUMES = ("Geometry", "Volume", "read_labels", "read_volume", "write_labels", "write_volume")
_HOMES = dict.fromkeys(_VOLUMES, "napari_medssl.volumes")
_MODULES = ("metrics", "propagation", "training")

__all__ = [
    "Geometry",
    "Volume",
    "metrics",
    "propagation",
    "read_labels",
    "read_volume",
    "training",
    "write_labels",
    "write_volume",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _MODULES:
        return import_module(f"napari_medssl.{name}")
    if name == "__version__":
        from importlib.metadata import version

        return version("napari-medssl")
    raise AttributeError(f"module 'napari_medssl' has no attribute {name!r}")
