"""The array behind a layer, or one sentence saying why the layer cannot be used as a volume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medssl.errors import BadInput

if TYPE_CHECKING:
    from napari.layers import Layer


def finest_level(layer: Layer) -> Any:
    """A layer's array as it is kept (NumPy, dask, zarr, ...); of a multiscale layer the finest level."""
    return layer.data[0] if getattr(layer, "multiscale", False) else layer.data


def volume_array(layer: Layer, frame: int | None = None) -> Any:
    """The (z, y, x) array of an Image or Labels layer as displayed; lazy if the layer's is.

    Raises
    ------
    BadInput
        Colours, complex numbers, fewer than three dimensions, or a fourth one without a `frame`.
    """
    array = finest_level(layer)
    if getattr(layer, "rgb", False):
        raise BadInput(f"{layer.name} is a colour picture; a scan has one grey value per voxel.")
    if np.issubdtype(array.dtype, np.complexfloating):
        raise BadInput(f"{layer.name} holds complex numbers; make a layer of their magnitude first.")
    if array.ndim == 2:
        raise BadInput(f"{layer.name} is a single slice; a volume of several slices is needed.")
    if array.ndim not in (3, 4):
        raise BadInput(f"{layer.name} has {array.ndim} dimensions; a volume has three.")
    if 0 in array.shape:
        raise BadInput(f"{layer.name} is empty.")
    if array.ndim == 3:
        return _transposable(array)
    if frame is None:
        raise BadInput(f"{layer.name} has {array.shape[0]} frames (time points or channels); choose one of them.")
    if not 0 <= frame < array.shape[0]:
        raise BadInput(f"{layer.name} has frames 0 to {array.shape[0] - 1}; there is no frame {frame}.")
    return _transposable(array)[frame]


def whole_numbers(array: Any, name: str) -> Any:
    """`array` as integers, which a Labels layer needs; unchanged where it holds integers already.

    Raises
    ------
    BadInput
        It holds fractions or complex numbers.
    """
    if array.dtype.kind in "iu":
        return array
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    if array.dtype.kind != "f" or not bool((array == np.round(array)).all()):
        raise BadInput(f"{name} holds fractions; labels are whole numbers.")
    return array.astype(np.int32)


def _transposable(array: Any) -> Any:
    # zarr and other stores can be sliced but not transposed; dask adds what is missing without reading anything
    if isinstance(array, np.ndarray) or hasattr(array, "dask"):
        return array
    import dask.array

    return dask.array.from_array(array)
