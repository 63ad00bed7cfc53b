"""A first look at a data folder, at once: file names, and headers as far as the time allows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from napari_medssl.errors import BadInput
from napari_medssl.training.data import find_cases
from napari_medssl.training.report import Spread, some, spread_of


@dataclass(frozen=True)
class Glance:
    """What file names and headers tell. What is in the files only `check_data` can say.

    Attributes
    ----------
    scans, labelled, patients : counts, by file names
    bytes : that the files of scans and labels take on disk
    headers : of how many scans the header was looked at
    unreadable : of how many of them it could not be read, or tells of no three-dimensional scan
    shape, spacing : of the others, (z, y, x) in voxels and mm; None where there is none
    """

    scans: int
    labelled: int
    patients: int
    bytes: int
    headers: int
    unreadable: int
    shape: Spread | None
    spacing: Spread | None

    def in_words(self) -> str:
        """One line."""
        words = f"{some(self.scans, 'scan')} of {some(self.patients, 'patient')}, {self.labelled} with labels"
        return f"{words}, {self.bytes / 1e6:.3g} MB on disk."


def glance(folder: Path, *, seconds: float = 0.5) -> Glance:
    """Look at a data folder for about so many seconds; headers are read until they are over.

    Raises
    ------
    BadInput
        As `find_cases`.
    """
    import SimpleITK  # noqa: F401 (importing it shall not count)

    ends = time.monotonic() + seconds
    cases = find_cases(folder)
    files = [path for case in cases for path in (case.image, case.label) if path is not None]
    shapes: list[tuple[int, ...]] = []
    spacings: list[tuple[float, ...]] = []
    headers = 0
    for case in cases:
        if time.monotonic() > ends:
            break
        headers += 1
        header = _header(case.image)
        if header is not None:
            shapes.append(header[0])
            spacings.append(header[1])
    return Glance(
        scans=len(cases),
        labelled=sum(case.label is not None for case in cases),
        patients=len({case.patient for case in cases}),
        bytes=sum(path.stat().st_size for path in files if path.is_file()),
        headers=headers,
        unreadable=headers - len(shapes),
        shape=spread_of(shapes),
        spacing=spread_of(spacings),
    )


def _header(path: Path) -> tuple[tuple[int, ...], tuple[float, ...]] | None:
    """Shape and spacing (z, y, x), or None where the header tells of no three-dimensional scan."""
    import SimpleITK

    from napari_medssl.volumes.formats import check_kind
    from napari_medssl.volumes.quiet import quiet_itk

    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        check_kind(path)
        with quiet_itk():
            reader.ReadImageInformation()
    except (RuntimeError, OSError, BadInput):
        return None
    size = list(reader.GetSize())
    if len(size) < 3 or max(size[3:], default=1) > 1 or reader.GetNumberOfComponents() > 1 or size[2] < 2:
        return None
    return tuple(size[2::-1]), tuple(reader.GetSpacing()[2::-1])
