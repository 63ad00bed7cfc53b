"""Writing label maps of four dimensions, such as a mask for each frame of a beating heart."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_medssl.errors import BadInput
from napari_medssl.files import atomic_path
from napari_medssl.volumes.geometry import Geometry
from napari_medssl.volumes.nifti import finish_nifti
from napari_medssl.volumes.quiet import quiet_itk
from napari_medssl.volumes.writing import compact_labels

FRAMES_WRITABLE = (".nii.gz", ".nii", ".nrrd", ".mha")


def writable_frames(path: str | os.PathLike[str]) -> Path:
    """The path, where its name says a format that holds frames.

    Raises
    ------
    BadInput
        The extension is none of those.
    """
    name = Path(path).name.lower()
    if not name.endswith(FRAMES_WRITABLE) or name.endswith(".seg.nrrd"):
        known = f"{', '.join(FRAMES_WRITABLE[:-1])} or {FRAMES_WRITABLE[-1]}"
        raise BadInput(f"Cannot write {path}: masks of several frames need a name that ends in {known}.")
    return Path(path)


def frame_step(path: str | os.PathLike[str]) -> float:
    """The time from one frame of a file to the next, in the file's own unit; 1 where it does not say."""
    import SimpleITK

    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        with quiet_itk():
            reader.ReadImageInformation()
    except RuntimeError:
        return 1.0
    step = float(reader.GetSpacing()[3]) if reader.GetDimension() > 3 else 1.0
    return step if np.isfinite(step) and step > 0 else 1.0


def write_frame_labels(
    path: str | os.PathLike[str], labels: NDArray[np.integer], geometry: Geometry, *, step: float = 1.0
) -> None:
    """Write labels (t, z, y, x) that all lie at `geometry`, in the smallest unsigned type that holds them, atomically.

    Parameters
    ----------
    path : file name ending in .nii.gz, .nii, .nrrd or .mha
    step : time from frame to frame

    Raises
    ------
    BadInput
        An unknown extension, labels that are no label map, or a file that cannot be written.
    """
    import SimpleITK

    target = writable_frames(path)
    frames = []
    for frame in compact_labels(target, labels):
        frames.append(SimpleITK.GetImageFromArray(frame))
        geometry.apply_to(frames[-1])
    image = SimpleITK.JoinSeries(frames, 0.0, step)
    packed = target.name.lower().endswith(".gz")
    try:
        with atomic_path(target) as temporary, quiet_itk():
            plain = temporary.with_name(temporary.name[: -len(".gz")]) if packed else temporary
            try:
                SimpleITK.WriteImage(image, str(plain), useCompression=True)
                if target.name.lower().endswith((".nii", ".nii.gz")):
                    finish_nifti(plain, temporary, geometry, labels.shape[1:])
            finally:
                if packed:
                    plain.unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(
            f"Cannot write {target}: {(error.strerror or 'the disk does not accept it').lower()}."
        ) from error
    except RuntimeError as error:
        raise BadInput(f"Cannot write {target}: the disk is full or the format cannot hold it.") from error
