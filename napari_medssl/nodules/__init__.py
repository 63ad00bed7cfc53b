"""Lung nodules: found by a detector that learns from unannotated scans, too, and listed for reading."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_medssl.nodules.annotations import Annotated, read_annotations
    from napari_medssl.nodules.finding import Nodule
    from napari_medssl.nodules.findings_file import read_findings, read_scan_names, write_findings

_HOMES = {
    "Annotated": "annotations", "read_annotations": "annotations", "Nodule": "finding",
    "read_findings": "findings_file", "read_scan_names": "findings_file", "write_findings": "findings_file",
}  # fmt: skip

__all__ = ["Annotated", "Nodule", "read_annotations", "read_findings", "read_scan_names", "write_findings"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"napari_medssl.nodules.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'napari_medssl.nodules' has no attribute {name!r}")
