"""Fixtures for tests on a real napari viewer. They need a display with OpenGL, such as Xvfb with Mesa."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_medssl.volumes import Geometry


@pytest.fixture(autouse=True, scope="session")
def _enough_references_to_none() -> None:
    """Keep PySide6 6.12.0 from ending the test run on Python 3.11.

    It drops one reference to None at every event that a Python class handles; before Python 3.12, where None became
    immortal, the process aborts when they run out ("none_dealloc"), after about 25 layers added and removed.
    """
    import qtpy

    if sys.version_info < (3, 12) and qtpy.PYSIDE_VERSION == "6.12.0":
        for _ in range(3_000_000):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(None))


@pytest.fixture(autouse=True, scope="session")
def _shader_programs_are_left_alone() -> Iterator[None]:
    """Keep Mesa's software OpenGL from ending the test run when a layer is removed.

    vispy deletes the shader program of a layer once Python has collected it. Mesa 22.3.6 (Debian 12) then loses the
    vertex shader of a program that is still in use, and the process ends in glDrawArrays one frame later. Ten lines of
    napari alone show it; programs that are not deleted cost some kilobytes.
    """
    from vispy.gloo.glir import GlirProgram

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GlirProgram, "delete", lambda self: None)
        yield


@pytest.fixture(autouse=True, scope="session")
def _installed_plugins() -> Iterator[None]:
    """Find the plugins, as napari does when its first window opens, and once: its fixture would for every viewer."""
    from npe2 import PluginManager

    manager = PluginManager.instance()
    manager.discover(include_npe1=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manager, "discover", lambda *_, **__: 0)
        yield


@pytest.fixture(autouse=True, scope="session")
def _quick_viewers() -> Iterator[None]:
    """Spare every viewer what no test looks at: searching all modules for garbage, writing napari's settings file."""
    import napari.viewer  # noqa: F401
    import torch  # noqa: F401
    from napari.settings._base import EventedConfigFileSettings

    # closing a viewer collects garbage among all objects; what was imported is none, and is most of them
    gc.collect()
    gc.freeze()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EventedConfigFileSettings, "_maybe_save", lambda self: None)
        yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _needs_a_display() -> None:
    """Without a display Qt would end the whole test run; say what is missing instead, and fail in CI."""
    platform = os.environ.get("QT_QPA_PLATFORM", "")
    display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if platform == "offscreen" or (sys.platform.startswith("linux") and not display):
        reason = "no display with OpenGL; run the tests under xvfb-run"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Any]) -> Any:
    """A viewer that is not shown."""
    return make_napari_viewer()


@pytest.fixture
def shown(make_napari_viewer: Callable[..., Any], qtbot: Any) -> Any:
    """A viewer on screen, small."""
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(900, 640)
    qtbot.wait(50)
    return viewer


@pytest.fixture
def scan() -> Any:
    """Noise."""
    from tests.gui.propagation_kit import SHAPE

    return np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A viewer without a window: opens, slices and saves as one with a window does, and takes no time to make."""
    from napari.components import ViewerModel

    viewer = ViewerModel()
    monkeypatch.setattr("napari.current_viewer", lambda: viewer)
    return viewer


@pytest.fixture
def settle(qtbot: Any) -> Callable[[], None]:
    """Let Qt draw and deliver what is waiting."""

    def wait() -> None:
        from qtpy.QtWidgets import QApplication

        for _ in range(5):
            QApplication.processEvents()

    return wait


@pytest.fixture
def random_geometry() -> Callable[[int], Geometry]:
    """A function from a seed to a geometry: any rotation, mirrored half of the time, often along the axes."""

    def make(seed: int) -> Geometry:
        rng = np.random.default_rng(seed)
        matrix = Rotation.random(random_state=rng).as_matrix()
        if seed % 3 == 0:
            matrix = np.eye(3)[rng.permutation(3)]
        elif seed % 3 == 1:
            small = Rotation.from_rotvec(rng.normal(0, 0.15, 3)).as_matrix()
            matrix = small @ np.eye(3)[rng.permutation(3)]
        matrix = matrix * rng.choice([-1, 1], 3)
        spacing, origin = rng.uniform(0.3, 6, 3), rng.uniform(-400, 400, 3)
        return Geometry(tuple(spacing), tuple(origin), tuple(matrix.ravel()))

    return make


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where runs of training are kept."""
    made = tmp_path / "runs"
    made.mkdir()
    return made


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder with scans, as far as its name goes."""
    made = tmp_path / "Liver MR"
    made.mkdir()
    return made


@pytest.fixture
def train(qtbot: Any, home: Path) -> Callable[..., Any]:
    """Makes a shown widget, as large as its dock is at 1280 x 800, once it knows what can be trained."""

    from napari_medssl.widgets.train import TrainWidget
    from tests.gui.training_kit import FakeChecker, FakeJobs, two_recipes

    def make(jobs: Any = None, checker: Any = None) -> Any:
        made: Any = TrainWidget(
            None, jobs=jobs or FakeJobs(home), checker=checker or FakeChecker(), recipes=two_recipes, home=home
        )
        qtbot.addWidget(made)
        made.resize(400, 735)
        made.show()
        qtbot.waitUntil(lambda: not made.desk.busy, timeout=20000)
        return made

    return make
