"""Procedural scans with exact labels: tests, the packaged sample, pictures and training stand on them."""

from napari_medssl.volumes.phantoms.blobs import blobs

__all__ = ["blobs"]
