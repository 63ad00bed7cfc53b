"""The demo's command: refuses before it starts what cannot end well, and draws a picture without a viewer."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from napari_medssl.commands.demo_without_viewer import overlay_png
from tests.commands.conftest import Call, cylinders


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a screen")
def test_no_screen_and_not_headless(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert "--headless" in call("demo").refused()


def test_folders_that_cannot_be_written(call: Call, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    call("demo", "--headless", tmp_path / "file").refused()
    call("demo", "--headless", tmp_path / "nowhere" / "out").refused()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_picture_shows_each_label_in_its_colour() -> None:
    labels = cylinders().astype(int)
    scan = np.choose(labels, (0.0, 50.0, 100.0))
    picture = iio.imread(io.BytesIO(overlay_png(scan, labels, (0, 120), slices=3)))
    assert picture.shape == (56 * 3, 56 * 3 * 3, 3)
    coloured = picture[np.ptp(picture.astype(int), axis=-1) > 0]
    assert {tuple(colour) for colour in coloured.tolist()} == {(255, 80, 60), (60, 200, 90)}


def test_a_label_on_a_single_slice_can_be_drawn() -> None:
    labels = np.zeros((5, 20, 20), int)
    labels[2, 5:9, 5:9] = 7
    assert overlay_png(np.zeros(labels.shape), labels, (0, 1)).startswith(b"\x89PNG")
