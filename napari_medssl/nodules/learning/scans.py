"""What has to be known of a scan to take patches from it: where its nodules lie and where its lungs are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_medssl.errors import BadInput
from napari_medssl.nodules.annotations import Annotated, read_annotations
from napari_medssl.nodules.boxes import outside_sentence
from napari_medssl.nodules.finding import Nodule
from napari_medssl.nodules.hounsfield import AIR, to_add
from napari_medssl.nodules.lungs import block_means, lungs_of
from napari_medssl.training.collection import Collection, Scan
from napari_medssl.training.data import Case, folder_of_tables
from napari_medssl.volumes import Geometry
from napari_medssl.volumes.quiet import quiet_itk

_COARSE = 3.0  # mm; lungs are looked for in voxels of about this side
_PLACES = 4000
_DENSE = -500.0  # HU; air-filled lung is darker

Balls = NDArray[np.float64]


@dataclass(frozen=True)
class Known:
    """A scan in its own voxels (z, y, x).

    Attributes
    ----------
    shape, spacing : voxels, mm
    nodules, irrelevant : (k, 4) middle in voxels, diameter in mm
    lungs : (n, 3) some voxels in the lungs; of a scan without any, anywhere
    where, cell : a coarse mask of the lungs (z, y, x), and the sides of its voxels in mm
    offset : what makes the scan's grey values HU when added
    labelled : whether somebody looked for nodules
    """

    shape: tuple[int, ...]
    spacing: tuple[float, float, float]
    nodules: Balls
    irrelevant: Balls
    lungs: NDArray[np.int32]
    where: NDArray[np.bool_]
    cell: tuple[float, ...]
    offset: float
    labelled: bool


def annotations_of(cases: Sequence[Case]) -> dict[str, Annotated]:
    """What the tables of the folder that the scans lie in say, {scan's name: what is known}."""
    found: dict[str, Annotated] = {}
    folders = {folder_of_tables(case.image) for case in cases}
    for folder in sorted(folders):
        found.update(read_annotations(folder, [case for case in cases if folder_of_tables(case.image) == folder]))
    return found


def know(collection: Collection, index: int, annotated: Annotated) -> Known:
    """Look through a scan once.

    Raises
    ------
    BadInput
        Findings lie outside the scan.
    """
    case, scan = collection.cases[index], collection.scan(index)
    nodules = irrelevant = np.zeros((0, 4))
    if annotated.findings or annotated.irrelevant:
        geometry, _ = header_of(case.image)
        wrong = outside_sentence(annotated.findings, geometry, scan.array.shape, case.name, "annotations.csv")
        if wrong is not None:
            raise BadInput(wrong)
        nodules, irrelevant = _balls(annotated.findings, geometry), _balls(annotated.irrelevant, geometry)
    places, where, offset = look_for_lungs(scan, case.name)
    cell = tuple(round(n / m) * own for n, m, own in zip(scan.array.shape, where.shape, scan.spacing, strict=True))
    return Known(scan.array.shape, scan.spacing, nodules, irrelevant, places, where, cell, offset, annotated.labelled)


def header_of(path: Path) -> tuple[Geometry, tuple[int, ...]]:
    """Where a scan lies, and its shape (z, y, x), from its header alone.

    Raises
    ------
    BadInput
        It cannot be read.
    """
    import SimpleITK

    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        with quiet_itk():
            reader.ReadImageInformation()
    except RuntimeError as error:
        raise BadInput(f"{path} cannot be read.") from error
    spacing, origin = reader.GetSpacing()[:3], reader.GetOrigin()[:3]
    sides = round(len(reader.GetDirection()) ** 0.5)
    direction = np.array(reader.GetDirection()).reshape(sides, sides)[:3, :3]
    return Geometry(spacing, origin, tuple(direction.reshape(-1))), tuple(reader.GetSize()[2::-1])


def look_for_lungs(scan: Scan, name: str) -> tuple[NDArray[np.int32], NDArray[np.bool_], float]:
    """Some voxels (n, 3) in the lungs, evenly spread; a coarse mask of the lungs; and what makes the values HU.

    A scan in which nothing looks like a lung is taken whole.

    Raises
    ------
    BadInput
        The scan is no CT in HU.
    """
    factors = [max(1, round(_COARSE / side)) for side in scan.spacing]
    coarse = block_means(scan.array, factors)
    offset, _ = to_add(coarse, name, "")
    spacing = np.array(scan.spacing) * factors
    upright = scan.display.forward(np.maximum(coarse + np.float32(offset), AIR))
    sides = [float(spacing[axis]) for axis in scan.display.permutation]
    mask = np.ascontiguousarray(scan.display.back(lungs_of(upright, sides)))
    if not mask.any():
        mask = np.ones_like(mask)
    dark = mask & (coarse + offset < _DENSE)  # not the vessels, ribs and walls that were closed in with them
    cells = np.argwhere(dark if dark.any() else mask)
    some = cells[np.linspace(0, len(cells) - 1, min(len(cells), _PLACES)).round().astype(int)]
    places = np.minimum(some * factors + [factor // 2 for factor in factors], np.array(scan.array.shape) - 1)
    return places.astype(np.int32), mask, offset


def _balls(findings: Sequence[Nodule], geometry: Geometry) -> Balls:
    if not findings:
        return np.zeros((0, 4))
    middles = geometry.indices([finding.centre for finding in findings])
    return np.concatenate([middles, [[2 * finding.radius] for finding in findings]], axis=1)
