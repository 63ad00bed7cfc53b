"""The data of a training run: a folder with ``images/`` and ``labels/``, an MSD ``dataset.json``, or plain volumes."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_medssl.errors import BadInput
from napari_medssl.training.patients import CHANNEL, patient_of

SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
_FOLDERS = (("images", "labels"), ("imagesTr", "labelsTr"))  # ours, and those of nnU-Net and the Decathlon
_SUBSET = re.compile(r"subset\d+", re.IGNORECASE)  # LUNA16's scans lie in subset0 to subset9


@dataclass(frozen=True)
class Case:
    """One scan of a training set, and its label map where it has one."""

    image: Path
    label: Path | None = None

    @property
    def name(self) -> str:
        return stem(self.image)

    @property
    def patient(self) -> str:
        """The patient, by the file's name (`patient_of`); no patient is both trained on and validated on."""
        return patient_of(self.name)


def find_cases(folder: Path) -> list[Case]:
    """The scans in a data folder, sorted by name.

    An image in ``images/`` (or ``imagesTr/``) with no file of the same name in ``labels/`` (``labelsTr/``) is
    unlabelled; the ending ``_0000`` of nnU-Net's images is not part of the name. With an MSD ``dataset.json`` its lists
    are read. A folder without any of these is taken as a folder of unlabelled scans; those of LUNA16's ``subset0`` to
    ``subset9`` are its scans, too.

    Raises
    ------
    BadInput
        The folder does not exist or holds no scan, or its ``dataset.json`` cannot be read.
    """
    if not folder.is_dir():
        raise BadInput(f"The data folder {folder} does not exist.")
    listed = _msd_cases(folder) if (folder / "dataset.json").is_file() else None
    if listed is not None:
        return listed
    pairs = [(folder / images, folder / labels) for images, labels in _FOLDERS if (folder / images).is_dir()]
    images_in, labels_in = pairs[0] if pairs else (folder, folder / "labels")
    labels = {label_stem(path): path for path in _volumes(labels_in)}
    images = _volumes(images_in) or [path for subset in subset_folders(folder) for path in _volumes(subset)]
    cases = [Case(path, _label_of(stem(path), labels)) for path in sorted(images, key=lambda path: path.name)]
    if not cases:
        raise BadInput(f"There is no scan in {images_in}: put volumes ({', '.join(SUFFIXES)}) there.")
    return cases


def subset_folders(folder: Path) -> list[Path]:
    """LUNA16's folders of scans in a folder; each may hold another of its own name, as some programs unpack it."""
    found = sorted(path for path in folder.iterdir() if path.is_dir() and _SUBSET.fullmatch(path.name))
    return [path / path.name if (path / path.name).is_dir() else path for path in found]


def folder_of_tables(image: Path) -> Path:
    """The data folder that a scan lies in: the one above ``images`` or LUNA16's ``subset0`` to ``subset9``."""
    above = image.parent
    while above.name in [images for images, _ in _FOLDERS] or _SUBSET.fullmatch(above.name):
        above = above.parent
    return above


def orphan_labels(cases: list[Case]) -> int:
    """How many label files, beside those of the cases, belong to no image."""
    folders = {case.label.parent for case in cases if case.label is not None}
    used = {case.label for case in cases}
    return sum(path not in used for folder in folders for path in _volumes(folder))


def stem(path: Path) -> str:
    """A file's name without its extension, of which .nii.gz is one."""
    name = path.name
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return path.stem


def label_stem(path: Path) -> str:
    """A label file's name without its extension; 3D Slicer's .seg.nrrd is one."""
    name = stem(path)
    return name[:-4] if name.lower().endswith(".seg") else name


def _label_of(name: str, labels: dict[str, Path]) -> Path | None:
    return labels.get(name) or labels.get(CHANNEL.sub("", name))


def _volumes(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and path.name.lower().endswith(SUFFIXES) and not path.name.startswith(".")
    )


def _msd_cases(folder: Path) -> list[Case] | None:
    """The cases of a Decathlon list; None for nnU-Net's file of the same name, which has no lists."""
    path = folder / "dataset.json"
    try:
        listing: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not {"training", "test"} & listing.keys() and {"channel_names", "numTraining"} & listing.keys():
            return None
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
