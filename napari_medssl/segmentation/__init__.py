"""Plain segmentation: a network learns structures from labelled scans and finds them in others."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_medssl.segmentation.load import PURPOSE, SegmentationModel, load_model
    from napari_medssl.segmentation.use import Segmented, segment

_HOMES = {
    "PURPOSE": "load", "SegmentationModel": "load", "load_model": "load", "Segmented": "use", "segment": "use",
}  # fmt: skip

__all__ = ["PURPOSE", "SegmentationModel", "Segmented", "load_model", "segment"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"napari_medssl.segmentation.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'napari_medssl.segmentation' has no attribute {name!r}")
