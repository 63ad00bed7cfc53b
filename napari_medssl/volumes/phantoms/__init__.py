"""Procedural scans with exact labels: tests, the packaged sample, pictures and training stand on them."""

from napari_medssl.volumes.phantoms.blobs import blobs
from napari_medssl.volumes.phantoms.phantom import Nodule, Phantom
from napari_medssl.volumes.phantoms.scans import abdomen, chest

__all__ = ["Nodule", "Phantom", "abdomen", "blobs", "chest"]
