"""Geometry into layer transforms and back: the only module that knows how a volume lies in the viewer.

A volume is shown axis-aligned, its axes running head to foot, front to back and right to left (see
`napari_medssl.volumes.orientation`), in mm. The viewer's world point `w` is the patient's point ``frame @ w``, where
the columns of `frame` are the directions (LPS) of the displayed axes. So two volumes of one patient overlay in mm
whenever their axes are parallel, and a layer moved, cropped or resampled in that world still knows where it lies.

A layer that another reader made has no frame. Its world is then taken to be (z, y, x) mm along the patient's superior,
posterior and left, which is what SimpleITK-based readers give; spacing and position survive in any case.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medssl.errors import BadInput
from napari_medssl.propagation.structures import Structures
from napari_medssl.volumes.geometry import Geometry
from napari_medssl.volumes.orientation import (
    AXIS_LABELS,
    Display,
    array_axes,
    display_for,
    displayed_geometry,
    file_geometry,
    geometry_from_axes,
)
from napari_medssl.volumes.volume import Volume
from napari_medssl.volumes.windows import CT_WINDOWS, auto_window, is_ct, limits
from napari_medssl.widgets.layer_arrays import finest_level, volume_array, whole_numbers
from napari_medssl.widgets.structures_of import STRUCTURES, layer_arguments, structures_on

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer
    from napari.viewer import ViewerModel

KEY = "napari_medssl"
DICOM_SERIES = "dicom_series"  # under this name: which series of its folder a scan is, from 1
# Other readers' world (z, y, x): superior, posterior, left, one a row.
_PLAIN_AXES = np.eye(3)[::-1]


def layer_data(
    volume: Volume, *, kind: str = "image", name: str | None = None
) -> tuple[NDArray[np.generic], dict[str, Any], str]:
    """A volume as napari layer data: (array in display order, layer arguments, "image" or "labels").

    The array is a view of ``volume.array``. An array of more than three dimensions, such as (t, z, y, x), is shown with
    its leading axes untouched; only `time_layer_data` makes these.
    """
    return _layer_data(volume.array, volume, kind, name)


def time_layer_data(
    frames: NDArray[np.generic], first: Volume, *, name: str | None = None, kind: str = "image"
) -> tuple[NDArray[np.generic], dict[str, Any], str]:
    """Frames (t, z, y, x) that all lie where the volume `first` lies, as napari layer data."""
    return _layer_data(frames, first, kind, name)


def _layer_data(
    array: NDArray[np.generic], volume: Volume, kind: str, name: str | None
) -> tuple[NDArray[np.generic], dict[str, Any], str]:
    geometry, lead = volume.geometry, array.ndim - 3
    display = display_for(geometry)
    shown = displayed_geometry(geometry, display, volume.shape)
    frame = array_axes(shown).T
    arguments: dict[str, Any] = {
        "name": name or volume.name,
        "scale": (1.0,) * lead + shown.spacing_zyx,
        "translate": (0.0,) * lead + tuple(float(v) for v in np.linalg.solve(frame, np.array(shown.origin))),
        "units": ("pixel",) * lead + ("mm",) * 3,
        "axis_labels": tuple(f"time{i}" if lead > 1 else "time" for i in range(lead)) + AXIS_LABELS,
        "metadata": {KEY: _describe(volume, display)},
    }
    data = display.forward(array)
    if kind == "labels":
        arguments["opacity"] = 0.5
        if volume.segments:
            structures = Structures.of_segments(volume.segments)
            arguments["metadata"][KEY][STRUCTURES] = structures.as_json()
            arguments |= layer_arguments(structures)
        return whole_numbers(data, arguments["name"]), arguments, "labels"
    arguments["colormap"] = "gray"
    # unsampled and in memory order: a percentile of a flipped view would copy it
    arguments["contrast_limits"] = limits(CT_WINDOWS[0] if is_ct(volume) else auto_window(array))
    return data, arguments, "image"


def _describe(volume: Volume, display: Display) -> dict[str, Any]:
    geometry = volume.geometry
    return {
        "geometry": {
            "spacing": list(geometry.spacing),
            "origin": list(geometry.origin),
            "direction": list(geometry.direction),
        },
        "shape": list(volume.shape),
        "display": display.to_json(),
        "name": volume.name,
        "modality": volume.modality,
        "notes": list(volume.notes),
    }


def scan_info(layer: Layer) -> dict[str, Any] | None:
    """What the reader noted on a layer (geometry, shape, display, name, modality, notes); None if nothing."""
    info = layer.metadata.get(KEY)
    return info if isinstance(info, dict) and "geometry" in info and "display" in info else None


def world_frame(layer: Layer, reference: Layer | None = None) -> NDArray[np.float64] | None:
    """Directions (LPS) of the viewer's world axes, as columns, that `layer` (or `reference`) knows of; else None."""
    for source in (layer, reference):
        info = None if source is None else scan_info(source)
        if info is not None:
            geometry, display = _stored(info)
            return array_axes(displayed_geometry(geometry, display, info["shape"])).T
    return None


def geometry_of(layer: Layer) -> Geometry | None:
    """The geometry of a layer's array in its file's order, or None when nothing says where in the patient it lies."""
    if scan_info(layer) is None or layer.ndim < 3:
        return None
    return _file_geometry(layer, layer)[0]


def spacing_of(layer: Layer) -> tuple[float, float, float]:
    """Voxel spacing in mm along the last three axes of a layer's array, as displayed.

    It is read off the whole transform (scale, rotation, affine), since some readers put the voxel size into `affine`.
    """
    z, y, x = (float(v) for v in np.linalg.norm(to_world(layer)[0], axis=0))
    return z, y, x


def volume_from_layer(layer: Layer, reference: Layer | None = None, *, frame: int | None = None) -> Volume:
    """A layer's array in its file's order, with its true geometry.

    Parameters
    ----------
    layer : an Image or Labels layer
    reference : the image that a Labels layer lies on, for layers (such as those of napari's own "new labels") that
        carry no geometry of their own; see `reference_image`
    frame : which frame of a (t, z, y, x) layer

    Raises
    ------
    BadInput
        The layer cannot be used as a volume (see `check_image_layer`, `check_labels_layer`).
    """
    array = volume_array(layer, frame)
    geometry, display = _file_geometry(layer, reference)
    info = scan_info(layer) or (scan_info(reference) if reference is not None else None) or {}
    notes, modality = tuple(info.get("notes", ())), info.get("modality", "")
    return Volume(display.back(array), geometry, layer.name, notes, modality, structures_on(layer).segments())


def check_image_layer(layer: Layer, *, frame: int | None = None) -> Any:
    """The (z, y, x) array of an Image layer as displayed, lazy if the layer's is; the finest level of a pyramid.

    Raises
    ------
    BadInput
        Colours, complex numbers, fewer than three dimensions, or a fourth one without a `frame`.
    """
    from napari.layers import Image

    if not isinstance(layer, Image):
        raise BadInput(f"{layer.name} is not an image layer; choose the scan.")
    return volume_array(layer, frame)


def check_labels_layer(layer: Layer, image: Layer | None = None) -> Any:
    """The (z, y, x) integer array of a Labels layer as displayed; with `image`, also checked to lie on it.

    Raises
    ------
    BadInput
        Not a labels layer, not three-dimensional, or not of the image's shape and place.
    """
    from napari.layers import Labels

    if not isinstance(layer, Labels):
        raise BadInput(f"{layer.name} is not a labels layer; make one with New labels.")
    array = volume_array(layer, None)
    if image is not None and not lies_on(layer, image):
        shape = " x ".join(str(n) for n in finest_level(image).shape[-3:])
        raise BadInput(
            f"{layer.name} does not lie on {image.name} ({shape} voxels); make a labels layer on it with New labels."
        )
    return array


def lies_on(labels: Layer, image: Layer) -> bool:
    """Whether two layers have the same voxels: shape and place of their last three axes, within 1 % of a voxel."""
    if labels.ndim < 3 or image.ndim < 3 or getattr(image, "rgb", False):
        return False
    if tuple(finest_level(labels).shape[-3:]) != tuple(finest_level(image).shape[-3:]):
        return False
    (ours, here), (theirs, there) = to_world(labels), to_world(image)
    span = np.array(finest_level(image).shape[-3:], dtype=float)
    slack = 0.01 * np.linalg.norm(theirs, axis=0).min()
    return bool(np.allclose(here, there, rtol=0, atol=slack) and np.allclose(ours * span, theirs * span, atol=slack))


def reference_image(layers: ViewerModel | Iterable[Layer], labels: Layer) -> Image | None:
    """The image layer that a labels layer lies on: the same shape at the same place; None when there is none.

    Of several, the image the labels are named after comes first, then one whose geometry is known, then the topmost.
    """
    from napari.layers import Image

    found = [
        (labels.name.startswith(layer.name), scan_info(layer) is not None, position, layer)
        for position, layer in enumerate(getattr(layers, "layers", layers))
        if isinstance(layer, Image) and layer is not labels and lies_on(labels, layer)
    ]
    return max(found, key=lambda entry: entry[:3])[3] if found else None


def new_labels(
    viewer: ViewerModel, image: Layer, name: str | None = None, labels: NDArray[np.integer] | None = None,
    dtype: Any = np.uint8,
) -> Labels:  # fmt: skip
    """Add a labels layer exactly on an image layer, carrying its geometry, and return it.

    `labels`: in the file's order, as of `volume_from_layer`; None for an empty layer of `dtype`.
    """
    shape = check_image_layer(image, frame=0).shape
    info = scan_info(image)
    if labels is not None and info is not None:
        labels = Display.from_json(info["display"]).forward(labels)
    return viewer.add_labels(
        np.zeros(shape, dtype) if labels is None else np.ascontiguousarray(labels),
        name=name or f"{image.name} labels",
        metadata={} if info is None else {KEY: dict(info)},
        **place_of(image),
    )


def place_of(layer: Layer) -> dict[str, Any]:
    """Layer arguments that put another layer's voxels exactly on the last three axes of this one."""
    linear, offset = to_world(layer, in_mm=False)
    place: dict[str, Any] = {"units": layer.units[-3:], "axis_labels": layer.axis_labels[-3:]}
    if np.count_nonzero(linear - np.diag(np.diag(linear))) == 0 and (np.diag(linear) > 0).all():
        return place | {"scale": np.diag(linear), "translate": offset}
    return place | {"affine": np.vstack([np.column_stack([linear, offset]), (0, 0, 0, 1)])}


def to_world(layer: Layer, *, in_mm: bool = True) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The last three axes' (3, 3) matrix and offset from displayed voxel indices to the viewer's world."""
    corner = np.array(layer.data_to_world((0,) * layer.ndim), dtype=float)
    steps = np.array([layer.data_to_world(step) for step in np.eye(layer.ndim)], dtype=float) - corner
    linear, offset = steps.T[-3:, -3:], corner[-3:]
    if not in_mm:
        return linear, offset
    factors = np.array([_mm_in(unit) for unit in layer.units[-3:]])
    return linear * factors[:, None], offset * factors


def _mm_in(unit: Any) -> float:
    """Millimetres in one unit of length; a layer in pixels is taken to be in mm."""
    return float((1 * unit).to("mm").magnitude) if unit.dimensionality == {"[length]": 1} else 1.0


def _stored(info: dict[str, Any]) -> tuple[Geometry, Display]:
    values = info["geometry"]
    geometry = Geometry(tuple(values["spacing"]), tuple(values["origin"]), tuple(values["direction"]))
    return geometry, Display.from_json(info["display"])


def _file_geometry(layer: Layer, reference: Layer | None) -> tuple[Geometry, Display]:
    info = scan_info(layer) or (None if reference is None else scan_info(reference))
    frame = world_frame(layer, reference)
    linear, offset = to_world(layer)
    spacing = np.linalg.norm(linear, axis=0)
    if not (spacing > 0).all():
        raise BadInput(f"{layer.name} has a voxel size of zero; set its scale first.")
    axes = (_PLAIN_AXES.T if frame is None else frame) @ (linear / spacing)
    origin = (_PLAIN_AXES.T if frame is None else frame) @ offset
    try:
        shown = geometry_from_axes(axes.T, spacing, origin)
    except BadInput as error:
        raise BadInput(f"{layer.name} is sheared, which no scan file can express; reset its transform.") from error
    if info is None:
        return shown, Display()
    stored, display = _stored(info)
    shown_shape = finest_level(layer).shape[-3:]
    untouched = display.shape(info["shape"]) == tuple(shown_shape) and np.allclose(
        spacing, displayed_geometry(stored, display, info["shape"]).spacing_zyx, rtol=1e-4, atol=0
    )
    # The file's own voxels, perhaps moved or turned in the viewer, lie where the file says: a mask drawn on them
    # has to overlay the file. Cropped or resampled ones lie where the viewer shows them.
    return (stored if untouched else file_geometry(shown, display, shown_shape)), display
