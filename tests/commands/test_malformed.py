"""Malformed input of every kind: exit 2, one sentence, no traceback, and the disk as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from malformed import build_malformed, build_wrong_seeds

from tests.commands.conftest import Call, Case, write

Disk = dict[Path, bytes | None]


def disk(folder: Path) -> Disk:
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


@pytest.fixture(scope="module")
def malformed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Path]]:
    folder = tmp_path_factory.mktemp("malformed")
    return folder, build_malformed(folder)


def test_every_kind_is_refused_as_a_scan(call: Call, case: Case, malformed: tuple[Path, dict[str, Path]]) -> None:
    folder, found = malformed
    before, beside = disk(folder), disk(case.folder)
    assert len(found) > 60
    for name, path in found.items():
        outcome = call("propagate", path, case.seeds, "-o", case.folder / "out.nii.gz", "--json")
        sentence = outcome.json["error"]
        assert outcome.err == f"{sentence}\n", name
        assert (outcome.status, sentence[-1], len(sentence.splitlines())) == (2, ".", 1), (name, sentence)
        assert "fault" not in sentence, (name, sentence)
        assert disk(case.folder) == beside, name
    assert disk(folder) == before


def test_every_kind_is_refused_as_seeds(call: Call, case: Case, malformed: tuple[Path, dict[str, Path]]) -> None:
    found = malformed[1]
    beside = disk(case.folder)
    for name, path in found.items():
        # A folder of drawn slices beside a single scan is refused as well.
        assert call("propagate", case.image, path, "-o", case.folder / "out.nii.gz").refused(), name
        assert disk(case.folder) == beside, name


def test_every_kind_is_refused_when_masks_are_compared(
    call: Call, case: Case, malformed: tuple[Path, dict[str, Path]]
) -> None:
    for path in malformed[1].values():
        call("evaluate", "segmentation", path, case.truth).refused()
        call("evaluate", "segmentation", case.truth, path).refused()


def test_seeds_that_do_not_fit_the_scan(call: Call, tmp_path: Path) -> None:
    scan, wrong = build_wrong_seeds(tmp_path)
    before = disk(tmp_path)
    for path in wrong.values():
        assert path.name in call("propagate", scan, path, "-o", tmp_path / "out.nii.gz").refused()
        assert disk(tmp_path) == before


def test_seeds_without_a_label(call: Call, case: Case) -> None:
    seeds = sitk.ReadImage(str(case.seeds))
    write(case.seeds, np.zeros(sitk.GetArrayViewFromImage(seeds).shape, np.uint8), seeds)
    assert "draw" in call("propagate", case.image, case.seeds, "-o", case.folder / "out.nii.gz").refused()


def test_a_folder_of_seeds_for_a_single_scan(call: Call, case: Case) -> None:
    sentence = call("propagate", case.image, case.folder, "-o", case.folder / "out.nii.gz").refused()
    assert "seeds" in sentence


def test_names_of_every_kind(call: Call, case: Case) -> None:
    for name in ("a b ü €.nii.gz", "-dash.nii.gz", "x" * 240 + ".nii.gz"):
        copy = case.folder / name
        copy.write_bytes(case.seeds.read_bytes())
        out = case.folder / f"o{name}"
        status = call("propagate", case.image, copy, "-o", out, "--range", "5:8").status
        assert (status, out.exists()) in ((0, True), (2, False))
    assert "too long" in call("propagate", case.image, case.seeds, "-o", "y" * 300 + ".nii.gz").refused()
