"""The demo as `make demo` runs it: a real viewer, the real button, and files that hold what they say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import SimpleITK as sitk

from napari_medssl.volumes.samples import sample_paths


def check_mask(path: Path) -> None:
    image, seeds, mask = (sitk.ReadImage(str(one)) for one in (*sample_paths(), path))
    for name in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection"):
        np.testing.assert_allclose(getattr(mask, name)(), getattr(image, name)(), atol=1e-5)
    drawn, grown = (sitk.GetArrayFromImage(one) for one in (seeds, mask))
    for label in np.unique(drawn)[1:]:
        before, after = ((array == label).any(axis=(1, 2)) for array in (drawn, grown))
        assert after.sum() > 3 * before.sum()
        np.testing.assert_array_equal((grown == label)[before], (drawn == label)[before])


def demo(folder: Path, **environment: str) -> dict[str, object]:
    import os

    done = subprocess.run(
        [sys.executable, "-m", "napari_medssl.cli", "demo", "--headless", str(folder), "--json"],
        capture_output=True,
        text=True,
        timeout=280,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    return result


def test_in_a_real_viewer(tmp_path: Path) -> None:
    outcome = demo(tmp_path / "out")
    assert "error" not in outcome["opengl"]  # type: ignore[operator]
    check_mask(Path(str(outcome["mask"])))
    picture = iio.imread(str(outcome["picture"]))
    assert picture.shape[0] > 700
    assert picture.shape[1] > 1000
    canvas = picture[100:700, 350:850, :3].astype(int)
    # The labels' colours over a grey scan.
    assert (np.ptp(canvas, axis=-1) > 40).mean() > 0.01
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "abdomen_mask.nii.gz",
        "abdomen_mask.session.json",
        "screenshot.png",
    ]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a screen")
def test_without_a_screen_the_mask_and_a_drawing_are_made(tmp_path: Path) -> None:
    outcome = demo(tmp_path / "out", DISPLAY="", WAYLAND_DISPLAY="")
    assert "error" in outcome["opengl"]  # type: ignore[operator]
    check_mask(Path(str(outcome["mask"])))
    picture = iio.imread(str(outcome["picture"]))
    assert (np.ptp(picture.astype(int), axis=-1) > 40).any()
