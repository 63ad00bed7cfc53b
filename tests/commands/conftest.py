"""A small scan with a drawn slice, and the command called as a person calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from napari_medssl.cli import main


@dataclass(frozen=True)
class Outcome:
    """What one call left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def refused(self) -> str:
        """The one sentence of a call that could not be done: exit 2, nothing else printed."""
        assert self.status == 2, (self.status, self.out, self.err)
        assert "Traceback" not in self.err
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].endswith("."), lines
        assert len(lines[0].split()) > 3, lines
        return lines[0]


Call = Callable[..., Outcome]


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Call:
    """Call ``napari-medssl`` with some words in this process; everything on file descriptors 1 and 2 is seen."""

    def run(*words: object) -> Outcome:
        capfd.readouterr()
        status = main([str(word) for word in words])
        captured = capfd.readouterr()
        return Outcome(status, captured.out, captured.err)

    return run


def write(path: Path, array: np.ndarray, like: sitk.Image | None = None) -> sitk.Image:
    """Write an array with an oblique geometry, or with that of another image."""
    image = sitk.GetImageFromArray(array)
    if like is None:
        image.SetSpacing((0.9, 1.1, 3.0))
        image.SetOrigin((-20.5, 31.25, -400.0))
        turn = sitk.Euler3DTransform((0, 0, 0), 0.1, -0.2, 0.3).GetMatrix()
        image.SetDirection(turn)
    else:
        image.CopyInformation(like)
    sitk.WriteImage(image, str(path))
    return image


@dataclass(frozen=True)
class Case:
    """A folder with a scan of two leaning cylinders, one slice drawn of each, and the truth."""

    folder: Path
    image: Path
    seeds: Path
    truth: Path

    @property
    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}


def cylinders(slices: int = 14, side: int = 56) -> np.ndarray:
    """Labels 1 and 2: cylinders that lean a little, one wider than the other."""
    z, y, x = np.mgrid[:slices, :side, :side]
    labels = np.zeros(z.shape, np.uint8)
    labels[(y - 18 - 0.3 * z) ** 2 + (x - 16) ** 2 < 9**2] = 1
    labels[(y - 36) ** 2 + (x - 40 + 0.3 * z) ** 2 < 7**2] = 2
    return labels


def make_case(folder: Path, name: str = "", slices: int = 14, side: int = 56, drawn: int = 6) -> Case:
    """Write a case into `folder`; `name` goes before the files' names."""
    labels = cylinders(slices, side)
    noise = np.random.default_rng(1).normal(0, 8, labels.shape)
    scan = (np.choose(labels, (40.0, 140.0, 200.0)) + noise).astype(np.int16)
    case = Case(folder, *(folder / f"{name}{part}.nii.gz" for part in ("image", "seeds", "truth")))
    reference = write(case.image, scan)
    seeds = np.zeros_like(labels)
    seeds[drawn] = labels[drawn]
    write(case.seeds, seeds, reference)
    write(case.truth, labels, reference)
    return case


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """A fresh case in a folder of its own."""
    folder = tmp_path / "case"
    folder.mkdir()
    return make_case(folder)
