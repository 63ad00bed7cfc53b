"""Lung nodules: found by a detector that learns from unannotated scans, too, and listed for reading."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_medssl.nodules.annotations import Annotated, read_annotations
    from napari_medssl.nodules.finding import Nodule
    from napari_medssl.nodules.findings_file import read_findings, read_scan_names, write_findings
    from napari_medssl.nodules.load import PURPOSE, DetectorModel, load_detector
    from napari_medssl.nodules.lungs import Lungs, find_lungs
    from napari_medssl.nodules.measuring import Measured, measure
    from napari_medssl.nodules.use import Detection, detect, detection

_HOMES = {
    "Annotated": "annotations", "read_annotations": "annotations", "Nodule": "finding",
    "read_findings": "findings_file", "read_scan_names": "findings_file", "write_findings": "findings_file",
    "PURPOSE": "load", "DetectorModel": "load", "load_detector": "load", "Lungs": "lungs", "find_lungs": "lungs",
    "Measured": "measuring", "measure": "measuring", "Detection": "use", "detect": "use", "detection": "use",
}  # fmt: skip

__all__ = [
    "PURPOSE", "Annotated", "Detection", "DetectorModel", "Lungs", "Measured", "Nodule", "detect", "detection",
    "find_lungs", "load_detector", "measure", "read_annotations", "read_findings", "read_scan_names", "write_findings",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"napari_medssl.nodules.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'napari_medssl.nodules' has no attribute {name!r}")
