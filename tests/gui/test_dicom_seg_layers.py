"""DICOM segmentations in the viewer: saved from a layer, dropped on the scan again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dicom_files as dcm
import numpy as np
import pytest

from napari_medssl.volumes import read_labels, read_volume
from napari_medssl.widgets import save_mask
from napari_medssl.widgets.layers import lies_on, new_labels

pytest.importorskip("highdicom")


@pytest.fixture
def scan(model: Any, tmp_path: Path) -> Any:
    """An open DICOM series of 6 slices, stored from the feet up, beside another series."""
    dcm.series(tmp_path / "scan" / "a", [2.0 * z for z in range(6)], uid="1.2.3.4")
    (layer,) = model.open(tmp_path / "scan", plugin="napari-medssl")
    return layer


def drawn_on(model: Any, scan: Any) -> Any:
    labels = new_labels(model, scan)
    labels.data[:] = np.random.default_rng(3).integers(0, 3, labels.data.shape)
    labels.data[2] = 0
    return labels


@pytest.mark.parametrize("way", ["button", "menu"])
def test_saved_and_dropped_again(model: Any, scan: Any, tmp_path: Path, qtbot: Any, way: str) -> None:
    labels, path = drawn_on(model, scan), tmp_path / "mask.dcm"
    if way == "menu":
        labels.save(str(path), plugin="napari-medssl")
    else:
        ended: list[Any] = []
        save_mask.save_in_background(labels, scan, str(path), ended.append)
        qtbot.waitUntil(lambda: bool(ended), timeout=20_000)
        assert ended == [path]
    (again,) = model.open(path, plugin="napari-medssl")
    assert type(again).__name__ == "Labels"
    assert lies_on(again, scan)
    np.testing.assert_array_equal(again.data, labels.data)
    direct = read_labels(path, like=read_volume(tmp_path / "scan"))
    np.testing.assert_array_equal(np.sort(direct.array, axis=None), np.sort(labels.data, axis=None))


def test_without_its_scan_it_lies_where_the_scan_lay(model: Any, scan: Any, tmp_path: Path) -> None:
    labels, path = drawn_on(model, scan), tmp_path / "mask.dcm"
    labels.save(str(path), plugin="napari-medssl")
    model.layers.remove(scan)
    (again,) = model.open(path, plugin="napari-medssl")

    def points(layer: Any) -> Any:
        found = [layer.data_to_world(index) for index in np.argwhere(np.asarray(layer.data) == 1)]
        return np.array(sorted(np.round(found, 3).tolist()))

    np.testing.assert_allclose(points(again), points(labels), atol=1e-3)


def test_a_scan_that_is_not_dicom_is_refused(model: Any, scan: Any, tmp_path: Path) -> None:
    plain = model.add_image(np.zeros((4, 5, 6), np.uint8), name="plain")
    labels = drawn_on(model, plain)
    with pytest.raises(Exception, match="belongs to a scan that was read from DICOM files"):
        labels.save(str(tmp_path / "mask.dcm"), plugin="napari-medssl")
    with pytest.raises(Exception, match="belongs to a scan that was read from DICOM files"):
        save_mask.save_in_background(labels, plain, str(tmp_path / "mask.dcm"), print)
    assert not (tmp_path / "mask.dcm").exists()
