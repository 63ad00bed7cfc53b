import importlib.util
from pathlib import Path

import nibabel
import numpy as np
import pytest

from napari_medssl.volumes.samples import SAMPLE_LABELS, open_sample, open_sample_seeds, sample_paths

SCRIPT = Path(__file__).parents[2] / "sample_data" / "make_samples.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_samples", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_scan_and_seeds_lie_on_one_grid_and_are_small():
    scan, seeds = open_sample(), open_sample_seeds()
    assert scan.shape == seeds.shape
    assert scan.geometry.same_grid(seeds.geometry)
    assert scan.array.dtype == np.int16
    assert sum(path.stat().st_size for path in sample_paths()) < 3_000_000


def test_each_label_is_drawn_on_one_slice():
    seeds = open_sample_seeds().array
    assert set(np.unique(seeds)) == {0, *SAMPLE_LABELS}
    for label in SAMPLE_LABELS:
        assert (seeds == label).any(axis=(1, 2)).sum() == 1
        assert (seeds == label).sum() > 200


def test_packaged_files_are_what_the_script_makes(script):
    """Up to one HU here and there: other versions of the numeric libraries round differently."""
    truth = script.phantom()
    image, seeds = (np.asarray(nibabel.load(path).dataobj).T for path in sample_paths())
    difference = np.abs(image.astype(int) - truth.volume.array)
    assert (difference > 1).mean() < 1e-5
    assert (seeds != script.seeds(truth)).mean() < 1e-6
    np.testing.assert_allclose(
        nibabel.load(sample_paths()[0]).affine, np.diag([-1, -1, 1, 1]) @ truth.volume.geometry.affine, atol=1e-4
    )
    for label, name in SAMPLE_LABELS.items():
        index = int(np.flatnonzero((seeds == label).any(axis=(1, 2)))[0])
        organ = truth.labels == next(number for number, known in truth.names.items() if known == name)
        assert organ[index].sum() == organ.sum(axis=(1, 2)).max()


def test_making_it_twice_gives_the_same_bytes(script, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "SHAPE", (12, 24, 24))
    monkeypatch.setattr(script, "SPACING", (24.0, 13.0, 13.0))
    written = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        script.make(tmp_path / name)
        written.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert written[0] == written[1]
    assert set(written[0]) == {path.name for path in sample_paths()}
