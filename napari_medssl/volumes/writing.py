"""Writing scans and label maps with the exact geometry they came with."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_medssl.errors import BadInput
from napari_medssl.files import atomic_path
from napari_medssl.volumes.geometry import Geometry
from napari_medssl.volumes.metaimage import read_meta_fields
from napari_medssl.volumes.nifti import finish_nifti
from napari_medssl.volumes.quiet import quiet_itk
from napari_medssl.volumes.segments import segmentation_fields
from napari_medssl.volumes.volume import Volume

WRITABLE = (".nii.gz", ".nii", ".seg.nrrd", ".nrrd", ".mha", ".mhd")


def write_volume(
    path: str | os.PathLike[str], volume: Volume | NDArray[np.generic], geometry: Geometry | None = None
) -> None:
    """Write a scan to a NIfTI, NRRD or MetaImage file, by the file's extension, atomically.

    Parameters
    ----------
    path : file name ending in .nii.gz, .nii, .nrrd, .mha or .mhd; all but .nii are compressed
    volume : Volume, or (z, y, x) array; kept in its number type as far as the formats know it (bool becomes uint8,
        float16 float32)
    geometry : where the array lies; taken from a Volume, and 1 mm at the origin where an array has none

    Raises
    ------
    BadInput
        An unknown extension, a folder that is missing or closed, an array that is not a volume, or a full disk.
    """
    target = writable(path)
    array, placed = _unpack(target, volume, geometry)
    _write(target, _plain(target, array), placed, {})


def write_labels(
    path: str | os.PathLike[str], labels: Volume | NDArray[np.generic], geometry: Geometry | None = None
) -> None:
    """Write a label map, in the smallest unsigned integer type that holds its labels, atomically.

    A .seg.nrrd file opens in 3D Slicer as a segmentation with one segment a label, with the names and colours that the
    Volume has in `segments`; other programs read it as NRRD.

    Parameters
    ----------
    path : file name ending in .nii.gz, .nii, .seg.nrrd, .nrrd, .mha or .mhd
    labels : Volume, or (z, y, x) array, of whole numbers from 0 (background); bool counts as 0 and 1
    geometry : as for `write_volume`

    Raises
    ------
    BadInput
        As `write_volume`; also labels that are negative, not whole, or beyond 32 bits.
    """
    target = writable(path)
    array, placed = _unpack(target, labels, geometry)
    compact = compact_labels(target, array)
    segments = labels.segments if isinstance(labels, Volume) else {}
    _write(target, compact, placed, segmentation_fields(compact, segments) if _suffix(target) == ".seg.nrrd" else {})


def writable(path: str | os.PathLike[str]) -> Path:
    """The path, where its name says a format that can be written.

    Raises
    ------
    BadInput
        The extension is none of those known.
    """
    if not _suffix(Path(path)):
        known = f"{', '.join(WRITABLE[:-1])} or {WRITABLE[-1]}"
        raise BadInput(f"Cannot write {path}: give it a name that ends in {known}.")
    return Path(path)


def compact_labels(path: Path, labels: NDArray[np.generic]) -> NDArray[np.unsignedinteger]:
    """Labels in the smallest unsigned integer type that holds them; `path` is named in errors."""
    if labels.dtype.kind not in "buif":
        raise BadInput(f"Cannot write {path}: labels must be whole numbers, not {labels.dtype}.")
    if labels.dtype.kind == "f" and not (np.isfinite(labels).all() and np.array_equal(labels, np.round(labels))):
        raise BadInput(f"Cannot write {path}: labels must be whole numbers.")
    lowest, highest = int(np.min(labels)), int(np.max(labels))
    if lowest < 0 or highest > np.iinfo(np.uint32).max:
        wrong = lowest if lowest < 0 else highest
        raise BadInput(f"Cannot write {path}: labels must lie between 0 and 4,294,967,295, and one is {wrong}.")
    compact: NDArray[np.unsignedinteger] = labels.astype(np.min_scalar_type(highest))
    return compact


def _suffix(path: Path) -> str:
    name = path.name.lower()
    return next((known for known in WRITABLE if name.endswith(known) and len(name) > len(known)), "")


def _unpack(
    path: Path, volume: Volume | NDArray[np.generic], geometry: Geometry | None
) -> tuple[NDArray[np.generic], Geometry]:
    if isinstance(volume, Volume):
        return volume.array, geometry or volume.geometry
    array = np.asarray(volume)
    if array.ndim != 3 or 0 in array.shape:
        raise BadInput(f"Cannot write {path}: a volume has three dimensions (z, y, x), not the shape {array.shape}.")
    return array, geometry or Geometry()


def _plain(path: Path, array: NDArray[np.generic]) -> NDArray[np.generic]:
    """The array in a number type that every format knows, in the machine's byte order."""
    substitutes = {"?": np.uint8, "e": np.float32, "g": np.float64}
    if array.dtype.kind not in "buif":
        raise BadInput(f"Cannot write {path}: voxels must be integers or floats, not {array.dtype}.")
    wanted = np.dtype(substitutes.get(array.dtype.char, array.dtype.newbyteorder("=")))
    return np.ascontiguousarray(array, dtype=wanted)


def _write(target: Path, array: NDArray[np.generic], geometry: Geometry, fields: dict[str, str]) -> None:
    import SimpleITK

    image = SimpleITK.GetImageFromArray(array)
    geometry.apply_to(image)
    for key, value in fields.items():
        image.SetMetaData(key, value)
    suffix = _suffix(target)
    try:
        if suffix == ".mhd":
            _write_pair(target, image)
            return
        with atomic_path(target) as temporary:
            if suffix == ".nii.gz":
                plain = temporary.with_name(temporary.name[: -len(".gz")])
                try:
                    _write_image(image, plain)
                    finish_nifti(plain, temporary, geometry, array.shape)
                finally:
                    plain.unlink(missing_ok=True)
            else:
                _write_image(image, temporary)
                if suffix == ".nii":
                    finish_nifti(temporary, temporary, geometry, array.shape)
    except OSError as error:
        reason = (error.strerror or "the disk does not accept the file").lower()
        raise BadInput(f"Cannot write {target}: {reason}.") from error
    except RuntimeError as error:
        raise BadInput(f"Cannot write {target}: the disk is full or the format cannot hold it.") from error


def _write_image(image: object, path: Path) -> None:
    import SimpleITK

    with quiet_itk():
        SimpleITK.WriteImage(image, str(path), useCompression=True)


def _write_pair(target: Path, image: object) -> None:
    """Write an .mhd header and its voxel file so that a header never stands beside voxels that are not its own.

    New voxels get a name that is free; the header that names them replaces the old one in a single step, and only then
    are the old voxels removed.
    """
    old = _voxel_file(target)
    voxels = next(path for path in _voxel_files(target) if not path.exists())
    try:
        with (
            atomic_path(target) as temporary,
            tempfile.TemporaryDirectory(dir=target.parent, prefix=".partial") as folder,
        ):
            header = Path(folder, voxels.stem + ".mhd")
            _write_image(image, header)
            os.replace(header.with_name(voxels.name), voxels)
            os.replace(header, temporary)
    except BaseException:
        voxels.unlink(missing_ok=True)
        raise
    if old is not None:
        old.unlink(missing_ok=True)


def _voxel_files(target: Path) -> list[Path]:
    stem = target.name[: -len(".mhd")]
    return [target.with_name(f"{stem}{number}.zraw") for number in ("", *(f"-{n}" for n in range(2, 1000)))]


def _voxel_file(header: Path) -> Path | None:
    """The voxel file of an earlier .mhd of ours, to be removed after it has been replaced."""
    if not header.is_file():
        return None
    try:
        name = read_meta_fields(header)[0].get("ElementDataFile", "")
    except (BadInput, OSError):
        return None
    return next((path for path in _voxel_files(header) if path.name == name and path.is_file()), None)
