"""The data of a training run: a folder with ``images/`` and ``labels/``, an MSD ``dataset.json``, or plain volumes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from napari_medssl.errors import BadInput

SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")


@dataclass(frozen=True)
class Case:
    """One scan of a training set, and its label map where it has one."""

    image: Path
    label: Path | None = None

    @property
    def name(self) -> str:
        return stem(self.image)


def find_cases(folder: Path) -> list[Case]:
    """The scans in a data folder, sorted by name.

    An image in ``images/`` with no file of the same name in ``labels/`` is unlabelled. With an MSD ``dataset.json`` its
    lists are read. A folder without either is taken as a folder of unlabelled scans.

    Raises
    ------
    BadInput
        The folder does not exist or holds no scan, or its ``dataset.json`` cannot be read.
    """
    if not folder.is_dir():
        raise BadInput(f"The data folder {folder} does not exist.")
    if (folder / "dataset.json").is_file():
        return _msd_cases(folder)
    images = folder / "images" if (folder / "images").is_dir() else folder
    labels = {stem(path): path for path in _volumes(folder / "labels")}
    cases = [Case(path, labels.get(stem(path))) for path in _volumes(images)]
    if not cases:
        raise BadInput(f"There is no scan in {images}: put volumes ({', '.join(SUFFIXES)}) there.")
    return cases


def stem(path: Path) -> str:
    """A file's name without its extension, of which .nii.gz is one."""
    name = path.name
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return path.stem


def _volumes(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and path.name.lower().endswith(SUFFIXES) and not path.name.startswith(".")
    )


def _msd_cases(folder: Path) -> list[Case]:
    path = folder / "dataset.json"
    try:
        listing = json.loads(path.read_text(encoding="utf-8"))
        training = [
            Case(folder / pair["image"], folder / pair["label"] if pair.get("label") else None)
            for pair in listing.get("training", [])
        ]
        test = [Case(folder / image) for image in listing.get("test", [])]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadInput(f"{path} is not a dataset.json as the Medical Segmentation Decathlon writes it.") from error
    cases = [case for case in training + test if case.image.is_file()]
    if not cases:
        raise BadInput(f"None of the scans that {path} lists exists.")
    return cases
