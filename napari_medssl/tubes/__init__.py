"""Tubes (vessels, ducts, airways): found by a network that knows radii, and rebuilt from their centre lines."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_medssl.tubes.branches import Branch, branches, write_branches
    from napari_medssl.tubes.distances import distance_classes
    from napari_medssl.tubes.refinement import Refinement, refine, refine_mask

_HOMES = {
    "Branch": "branches", "Refinement": "refinement", "branches": "branches", "distance_classes": "distances",
    "refine": "refinement", "refine_mask": "refinement", "write_branches": "branches",
}  # fmt: skip

__all__ = ["Branch", "Refinement", "branches", "distance_classes", "refine", "refine_mask", "write_branches"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"napari_medssl.tubes.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'napari_medssl.tubes' has no attribute {name!r}")
