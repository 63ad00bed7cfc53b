"""A viewer that is gone without its work having been saved: the next one brings it back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_medssl.errors import BadInput
from napari_medssl.propagation import recovery as store
from napari_medssl.propagation.recovery import Recovery, offers, recovery_folder
from napari_medssl.volumes import Geometry, write_volume
from napari_medssl.widgets import autosave as autosave_module
from napari_medssl.widgets.autosave import keep_safe
from napari_medssl.widgets.recovery import when_text
from tests.gui.propagation_kit import FakeEngine, Hand, click, dock, says, wait_for_end

GEOMETRY = Geometry((1.5, 1.5, 3.0), (-50.0, 30.0, 80.0), (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autosave_module, "AFTER_S", 0.0)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "scan.nii.gz"
    write_volume(path, np.random.default_rng(0).normal(100, 10, (12, 60, 70)).astype(np.float32), GEOMETRY)
    return path


def start(make_napari_viewer: Callable[..., Any], qtbot: Any, scan: Path | None) -> tuple[Any, Any, Hand]:
    viewer = make_napari_viewer(show=True)
    widget = dock(viewer, qtbot, FakeEngine())
    if scan is not None:
        viewer.open(scan, plugin="napari-medssl")
    qtbot.waitUntil(lambda: not widget.recovery._desk.busy, timeout=10000)
    return viewer, widget, Hand(viewer, qtbot)


def draw(widget: Any, viewer: Any, hand: Hand, index: int) -> Any:
    """A stroke on a slice of new labels, or of those there are."""
    if widget.form.labels.layer is None:
        click(hand.qtbot, widget.form.new_labels)
    viewer.dims.set_current_step(0, index)
    hand.stroke((-20, 10 * index - 50), (20, 10 * index - 50))  # elsewhere on each slice
    return widget.form.labels.layer


def stored(path: Path) -> Any:
    return Recovery(path).read()


def files() -> list[Path]:
    return sorted(recovery_folder().glob("*.recovery"))


def wait_until_kept(qtbot: Any, layer: Any) -> Path:
    """Wait until what is on disk is what is in the layer."""

    def same() -> bool:
        found = files()
        try:
            return len(found) == 1 and np.array_equal(stored(found[0])[0], layer.data)
        except BadInput:  # its file is there, its first state not yet
            return False

    qtbot.waitUntil(same, timeout=20000)
    return files()[0]


def test_a_crash_costs_nothing(
    make_napari_viewer: Callable[..., Any], qtbot: Any, scan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, widget, hand = start(make_napari_viewer, qtbot, scan)
    assert not widget.recovery.isVisible()
    layer = draw(widget, viewer, hand, 4)
    path = wait_until_kept(qtbot, layer)
    click(qtbot, widget.form.propagate)
    wait_for_end(widget, qtbot)
    draw(widget, viewer, hand, 7)
    wait_until_kept(qtbot, layer)
    qtbot.waitUntil(lambda: len(stored(path)[1].runs) == 1, timeout=10000)
    qtbot.waitUntil(lambda: stored(path)[1].drawn(0, layer.data) == {1: [4, 7]}, timeout=10000)
    data, drawn, said = layer.data.copy(), widget.form.drawn.text(), says(widget)
    assert offers() == []  # it is still being worked on
    # the process is gone, as far as anybody can tell; nothing more is written
    keeping = keep_safe(viewer, widget)
    keeping._timer.stop()
    keeping._kept.clear()
    monkeypatch.setattr(store, "is_alive", lambda who: False)
    viewer.close()

    viewer, widget, hand = start(make_napari_viewer, qtbot, None)
    qtbot.waitUntil(widget.recovery.isVisible, timeout=10000)
    assert widget.recovery.line.text().startswith("Unsaved work from today, ")
    assert "scan labels" in widget.recovery.line.text()
    click(qtbot, widget.recovery.bring_back)
    qtbot.waitUntil(lambda: widget.form.labels.layer is not None, timeout=20000)
    monkeypatch.undo()
    again = widget.form.labels.layer
    np.testing.assert_array_equal(again.data, data)
    assert widget.form.scan.layer.name == "scan"
    assert widget.form.drawn.text() == drawn
    widget._message = None
    assert says(widget) == said
    assert again.name == "scan labels"


def test_a_layer_that_is_removed_or_a_viewer_that_is_closed_leaves_its_work(
    make_napari_viewer: Callable[..., Any], qtbot: Any, scan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autosave_module, "AFTER_S", 3600.0)  # the last moments count too
    viewer, widget, hand = start(make_napari_viewer, qtbot, scan)
    layer = draw(widget, viewer, hand, 4)
    qtbot.waitUntil(lambda: keep_safe(viewer, widget).keeper(layer).since is not None, timeout=5000)
    viewer.close()
    qtbot.waitUntil(lambda: len(offers()) == 1, timeout=20000)
    np.testing.assert_array_equal(stored(offers()[0].path)[0], layer.data)

    viewer, widget, hand = start(make_napari_viewer, qtbot, None)
    qtbot.waitUntil(widget.recovery.isVisible, timeout=10000)
    bar, offer = widget.recovery, widget.recovery.line.text()
    click(qtbot, bar.discard)
    assert "It cannot be brought back." in bar.line.text()
    assert not bar.bring_back.isVisible()
    click(qtbot, bar.keep)
    assert bar.line.text() == offer
    assert len(offers()) == 1
    click(qtbot, bar.discard)
    click(qtbot, bar.delete)
    qtbot.waitUntil(lambda: not bar.isVisible(), timeout=10000)
    assert files() == []
    assert not viewer.layers


def test_what_is_saved_is_not_kept_and_what_is_drawn_afterwards_is(
    make_napari_viewer: Callable[..., Any], qtbot: Any, scan: Path, tmp_path: Path
) -> None:
    viewer, widget, hand = start(make_napari_viewer, qtbot, scan)
    layer = draw(widget, viewer, hand, 4)
    wait_until_kept(qtbot, layer)
    widget.ask_path = lambda *_: str(tmp_path / "m.nii.gz")
    click(qtbot, widget.form.save)
    qtbot.waitUntil(lambda: files() == [], timeout=20000)
    draw(widget, viewer, hand, 5)
    wait_until_kept(qtbot, layer)
    layer.undo()
    layer.undo()
    assert not layer.data.any()
    wait_until_kept(qtbot, layer)
    layer.redo()
    path = wait_until_kept(qtbot, layer)
    assert stored(path)[1].drawn(0, layer.data) == {1: [4]}


def test_looking_at_a_mask_is_no_work(make_napari_viewer: Callable[..., Any], qtbot: Any, scan: Path) -> None:
    mask = scan.with_name("scan_mask.nii.gz")
    write_volume(mask, np.ones((12, 60, 70), np.uint8), GEOMETRY)
    viewer, widget, _ = start(make_napari_viewer, qtbot, scan)
    viewer.open(mask, plugin="napari-medssl")
    keeping, layer = keep_safe(viewer, widget), widget.form.labels.layer
    says(widget)
    for _ in range(3):
        keeping.look()
    assert keeping.keeper(layer) is not None
    assert keeping.keeper(layer).since is None
    viewer.layers.clear()
    assert files() == []


def test_a_demonstration_is_not_kept(make_napari_viewer: Callable[..., Any], qtbot: Any, scan: Path) -> None:
    viewer, widget, hand = start(make_napari_viewer, qtbot, scan)
    keeping = keep_safe(viewer, widget)
    keeping.stop()
    layer = draw(widget, viewer, hand, 4)
    assert layer.data.any()
    keeping.look()
    assert keeping.keeper(layer) is None
    viewer.layers.clear()
    assert files() == []


def test_changes_by_a_script_are_found(
    make_napari_viewer: Callable[..., Any], qtbot: Any, scan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_medssl.widgets.keeper.SWEEP_S", 0.0)
    viewer, widget, hand = start(make_napari_viewer, qtbot, scan)
    layer = draw(widget, viewer, hand, 4)
    wait_until_kept(qtbot, layer)
    layer.data[0, :5, :5] = 9
    draw(widget, viewer, hand, 6)
    wait_until_kept(qtbot, layer)
    layer.data = np.full_like(layer.data, 3)
    wait_until_kept(qtbot, layer)


def test_a_scan_that_is_not_there_any_more_is_asked_for(
    make_napari_viewer: Callable[..., Any], qtbot: Any, scan: Path
) -> None:
    viewer, widget, hand = start(make_napari_viewer, qtbot, scan)
    data = draw(widget, viewer, hand, 4).data
    keep_safe(viewer, widget).look()
    viewer.close()
    qtbot.waitUntil(lambda: len(offers()) == 1, timeout=20000)
    moved = scan.rename(scan.with_name("moved.nii.gz"))
    viewer, widget, hand = start(make_napari_viewer, qtbot, None)
    click(qtbot, widget.recovery.bring_back)
    qtbot.waitUntil(lambda: len(viewer.layers) == 1, timeout=20000)
    assert f"The scan {scan} is not there any more; open it" in widget.form.hint.text()
    np.testing.assert_array_equal(viewer.layers[0].data, data)
    viewer.open(moved, plugin="napari-medssl")
    viewer.layers.selection.active = viewer.layers[0]
    assert widget.work().session.drawn(0, data) == {1: [4]}


def test_times_as_people_say_them() -> None:
    now = dt.datetime(2024, 5, 3, 18, 0)
    for then, words in (
        (dt.datetime(2024, 5, 3, 14, 32), "today, 14:32"),
        (dt.datetime(2024, 5, 2, 23, 59), "yesterday, 23:59"),
        (dt.datetime(2024, 3, 1, 7, 5), "1 March, 07:05"),
        (dt.datetime(2022, 12, 31, 0, 0), "31 December 2022, 00:00"),
    ):
        assert when_text(then.timestamp(), now) == words
