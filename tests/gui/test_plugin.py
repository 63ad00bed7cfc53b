"""What napari shows of the plugin: menus, widgets, samples, preferences."""

import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from npe2 import PluginManager

import napari_medssl
from napari_medssl.volumes import Volume
from napari_medssl.widgets import new_labels, open_scan, preferences
from napari_medssl.widgets.layers import layer_data, lies_on

PLUGIN = "napari-medssl"
FOLDER = Path(napari_medssl.__file__).parent


def manifest() -> Any:
    return PluginManager.instance().get_manifest(PLUGIN)


def test_npe2_finds_nothing_wrong() -> None:
    command = [sys.executable, "-m", "npe2", "validate", str(FOLDER / "napari.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_command_leads_somewhere() -> None:
    for command in manifest().contributions.commands:
        module, _, name = command.python_name.partition(":")
        assert callable(getattr(import_module(module), name)), command.id


def test_every_menu_takes_contributions() -> None:
    from napari._app_model.constants._menus import is_menu_contributable

    assert manifest().contributions.menus
    assert all(is_menu_contributable(menu) for menu in manifest().contributions.menus)


def test_widgets_open_in_a_viewer(make_napari_viewer: Callable[..., Any]) -> None:
    viewer = make_napari_viewer()
    for contribution in manifest().contributions.widgets:
        _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, contribution.display_name)
        assert widget is not None


def test_new_labels_from_the_menu(model: Any) -> None:
    data, arguments, _ = layer_data(Volume(np.zeros((3, 4, 5), np.int16), name="scan"))
    scan = model.add_image(data, **arguments)
    labels = new_labels.new_labels_on_scan()
    assert lies_on(labels, scan)
    assert labels.name == "scan labels"
    # with these labels selected, the scan under them is meant, whatever lies on top
    model.add_image(np.zeros((2, 2, 2)), name="other")
    model.layers.selection = {labels}
    assert lies_on(new_labels.new_labels_on_scan(), scan)


@pytest.mark.parametrize("shape", [None, (4, 5), (4, 5, 6, 3)])
def test_new_labels_without_a_scan_are_refused(model: Any, shape: tuple[int, ...] | None) -> None:
    from napari.utils.notifications import notification_manager

    if shape is not None:
        model.add_image(np.zeros(shape), rgb=len(shape) == 4)
    before = len(notification_manager.records)
    count = len(model.layers)
    assert new_labels.new_labels_on_scan() is None
    assert len(model.layers) == count
    assert len(notification_manager.records) == before + 1


def test_scans_open_from_the_menu_without_a_choice_of_readers(
    make_napari_viewer: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import dicom_files as dcm

    from napari_medssl.volumes import write_volume

    viewer = make_napari_viewer()
    write_volume(tmp_path / "scan.nii.gz", Volume(np.zeros((3, 4, 5), np.int16)))
    dcm.series(tmp_path / "ct", [0, 2, 4])
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(
        open_scan.QFileDialog, "getOpenFileNames", lambda *_: ([str(tmp_path / "scan.nii.gz")], "Scans")
    )
    assert [layer.name for layer in open_scan.open_scan()] == ["scan"]
    for folder, opened in (("ct", ["ct"]), ("empty", [])):
        chosen = str(tmp_path / folder)
        monkeypatch.setattr(open_scan.QFileDialog, "getExistingDirectory", lambda *_, chosen=chosen: chosen)
        assert [layer.name for layer in open_scan.open_dicom_folder()] == opened
    assert len(viewer.layers) == 2


def test_preferences(plugin_settings: None, npe2pm: Any, tmp_path: Path) -> None:
    from napari.settings import get_plugin_settings

    assert preferences.device_preference() == "auto"  # not installed here
    assert preferences.model_folder_preference() is None
    assert preferences.runs_folder_preference() is None
    npe2pm.register(str(FOLDER / "napari.yaml"))
    assert preferences.device_preference() == "auto"
    assert preferences.model_folder_preference() is None
    settings = get_plugin_settings(PLUGIN)
    settings.computing.device = "cpu"
    settings.computing.model_folder = str(tmp_path)
    settings.computing.runs_folder = f" {tmp_path / 'runs'} "
    assert preferences.device_preference() == "cpu"
    assert preferences.model_folder_preference() == tmp_path
    assert preferences.runs_folder_preference() == tmp_path / "runs"
    with pytest.raises(ValueError, match="abacus"):
        settings.computing.device = "abacus"


def test_the_abdomen_sample_opens_on_its_drawn_slice(model: Any) -> None:
    model.open_sample(PLUGIN, "abdomen")
    image, labels = model.layers
    assert lies_on(labels, image)
    assert tuple(image.contrast_limits) == (-160, 240)
    slices = np.flatnonzero((labels.data == 1).any(axis=(1, 2)))
    assert list(slices) == [model.dims.current_step[0]]
    assert model.canvas.overlays["napari_medssl_side_left"].text == "R"
    # opened again, the view goes there again
    model.dims.set_current_step(0, 3)
    model.open_sample(PLUGIN, "abdomen")
    assert list(slices) == [model.dims.current_step[0]]


def test_the_chest_sample(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_medssl.volumes import phantoms

    small = phantoms.chest((12, 40, 40), (20, 9, 9), nodules=1)
    monkeypatch.setattr(phantoms, "chest", lambda: small)
    model.open_sample(PLUGIN, "chest")
    image, labels = model.layers
    assert lies_on(labels, image)
    assert not labels.visible
    assert tuple(image.contrast_limits) == (-1350, 150)
    np.testing.assert_array_equal(np.unique(labels.data), np.unique(small.labels))
