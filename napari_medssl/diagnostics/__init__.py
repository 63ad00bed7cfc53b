"""What this machine and this installation are like, in a form that people paste into a bug report."""

from napari_medssl.diagnostics.diagnosis import as_markdown, diagnose
from napari_medssl.diagnostics.probes import probe_devices, probe_display, probe_gl

__all__ = ["as_markdown", "diagnose", "probe_devices", "probe_display", "probe_gl"]
