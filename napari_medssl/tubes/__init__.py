"""Tubes (vessels, ducts, airways): found by a network that knows radii, and rebuilt from their centre lines."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_medssl.tubes.branching import Branch, branches, write_branches
    from napari_medssl.tubes.distances import distance_classes
    from napari_medssl.tubes.load import PURPOSE, TubeModel, load_model
    from napari_medssl.tubes.overlays import centre_points, difference, keep_part, narrow_places
    from napari_medssl.tubes.refinement import Refinement, refine, refine_mask
    from napari_medssl.tubes.use import Tubes, segment

_HOMES = {
    "Branch": "branching", "Refinement": "refinement", "branches": "branching", "distance_classes": "distances",
    "refine": "refinement", "refine_mask": "refinement", "write_branches": "branching", "Tubes": "use",
    "segment": "use",
    "centre_points": "overlays", "difference": "overlays", "keep_part": "overlays", "narrow_places": "overlays",
    "PURPOSE": "load", "TubeModel": "load", "load_model": "load",
}  # fmt: skip

__all__ = [
    "PURPOSE", "Branch", "Refinement", "TubeModel", "Tubes", "branches", "centre_points", "difference",
    "distance_classes", "keep_part", "load_model", "narrow_places", "refine", "refine_mask", "segment",
    "write_branches",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"napari_medssl.tubes.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'napari_medssl.tubes' has no attribute {name!r}")
