"""Tidying up and comparing in the Propagate widget, without a window."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qtpy.QtGui import QGuiApplication

from napari_medssl.metrics import evaluate_segmentation
from napari_medssl.propagation.fill_between import fill_between
from napari_medssl.propagation.session_state import state_of
from napari_medssl.volumes.tidy import Step, tidy
from napari_medssl.widgets import tidy_job
from napari_medssl.widgets.brush_history import past
from napari_medssl.widgets.propagate import PropagateWidget
from tests.gui.propagation_kit import FakeEngine, click, wait_for_end

SHAPE, SPACING = (10, 40, 40), (3.0, 1.0, 1.5)


def scene() -> np.ndarray:
    """A rough ball with a hole and an island (1) beside a box (2) that is cut into its edge (3)."""
    z, y, x = np.indices(SHAPE).astype(float)
    ball = ((z - 5) * 3) ** 2 + (y - 15) ** 2 + ((x - 14) * 1.5) ** 2 < 150
    labels = (ball & (np.random.default_rng(1).random(SHAPE) < 0.97)).astype(np.uint8)
    labels[0, 36:39, 36:39] = 1
    labels[3:7, 10:20, 22:30] = 2
    labels[3:7, 24:30, 8:20] = 3
    return labels


class Bench:
    def __init__(self, viewer: Any, qtbot: Any, labels: np.ndarray) -> None:
        self.viewer, self.qtbot = viewer, qtbot
        viewer.add_image(np.zeros(SHAPE, np.float32), scale=SPACING, name="scan")
        self.labels = viewer.add_labels(labels, scale=SPACING, name="organs")
        self.widget = PropagateWidget(viewer, engine=FakeEngine())
        qtbot.addWidget(self.widget)
        self.widget.resize(360, 1400)
        self.widget.show()
        self.tidy, self.compare = self.widget.label_tools.tidy, self.widget.label_tools.compare
        for heading in self.widget.label_tools.headings:
            heading.setChecked(True)
        qtbot.waitUntil(lambda: self.compare.difference.height() > 10, timeout=5000)
        self.structures = self.widget.label_tools.structures

    def choose(self, menu: Any, value: str) -> None:
        menu.setCurrentIndex(menu.findData(value))

    def press(self, button: Any) -> str:
        """Click, wait until it is done, and return the first line."""
        click(self.qtbot, button)
        self.qtbot.waitUntil(lambda: self.tidy.idle, timeout=20000)
        text: str = self.widget.form.hint.text()
        return text


@pytest.fixture
def bench(model: Any, qtbot: Any) -> Bench:
    return Bench(model, qtbot, scene())


@pytest.mark.parametrize(
    ("button", "step", "which"),
    [
        ("fill_holes", Step("fill_holes"), [1]),
        ("keep_largest", Step("keep_largest"), [1]),
        ("remove_small", Step("remove_small", 0.05), [1]),
        ("smooth", Step("smooth", 2.0), [1]),
        ("grow", Step("grow", 2.5), [1, 2]),
        ("shrink", Step("shrink", 1.5), [1, 2]),
    ],
)
def test_each_button_does_what_python_does_and_is_one_step_back(
    bench: Bench, button: str, step: Step, which: list[int]
) -> None:
    bench.structures._on_lock(3, True)
    if which == [1]:
        bench.labels.selected_label = 1
    else:
        bench.choose(bench.tidy.which, "open")
    for spin in (bench.tidy.least, bench.tidy.roundness, bench.tidy.distance):
        spin.setValue(step.amount)
    before = bench.labels.data.copy()
    said = bench.press(getattr(bench.tidy, button))
    expected = tidy(before, [step], SPACING, which=which)
    assert (expected != before).any()
    np.testing.assert_array_equal(bench.labels.data, expected)
    lost = ((before != 0) & (expected != before)).sum() * np.prod(SPACING) / 1000
    assert f"{lost:.3g} ml removed" in said
    bench.labels.undo()
    np.testing.assert_array_equal(bench.labels.data, before)
    bench.labels.redo()
    np.testing.assert_array_equal(bench.labels.data, expected)
    bench.press(bench.tidy.undo)
    np.testing.assert_array_equal(bench.labels.data, before)
    assert not bench.tidy.undo.isEnabled()


def test_the_slice_on_screen_alone(bench: Bench) -> None:
    bench.labels.selected_label = 1
    bench.viewer.dims.order = (1, 0, 2)
    bench.viewer.dims.set_current_step(1, 14)
    bench.choose(bench.tidy.where, "slice")
    before = bench.labels.data.copy()
    bench.press(bench.tidy.grow)
    expected = before.copy()
    expected[:, 14] = tidy(before[:, 14], [Step("grow", 1.0)], (3.0, 1.5), which=[1])
    np.testing.assert_array_equal(bench.labels.data, expected)


def test_nothing_to_do_and_what_is_refused(bench: Bench) -> None:
    bench.labels.selected_label = 2
    before, steps = bench.labels.data.copy(), len(past(bench.labels))
    assert "nothing was changed" in bench.press(bench.tidy.fill_holes)
    bench.structures._on_lock(2, True)
    assert "is locked" in bench.press(bench.tidy.grow)
    for label in (1, 3):
        bench.structures._on_lock(label, True)
    bench.choose(bench.tidy.which, "open")
    assert "nothing was changed" in bench.press(bench.tidy.grow)
    bench.structures._on_lock(1, False)
    bench.choose(bench.tidy.which, "selected")
    bench.labels.selected_label = 1
    bench.viewer.dims.ndisplay = 3
    bench.choose(bench.tidy.where, "slice")
    assert "3D view" in bench.press(bench.tidy.grow)
    np.testing.assert_array_equal(bench.labels.data, before)
    assert len(past(bench.labels)) == steps


def test_what_is_drawn_while_it_computes_stays(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    go, compute = threading.Event(), tidy_job.changes_of

    def slowly(*arguments: Any) -> Any:
        changes = compute(*arguments)
        go.wait(10)
        return changes

    monkeypatch.setattr(tidy_job, "changes_of", slowly)
    bench.labels.selected_label = 1
    before = bench.labels.data.copy()
    expected = tidy(before, [Step("grow", 4.0)], SPACING, which=[1])
    rows = np.flatnonzero((expected != before)[5].any(axis=1))
    bench.tidy.distance.setValue(4.0)
    click(bench.qtbot, bench.tidy.grow)
    bench.labels.data_setitem((np.full(40, 5), np.full(40, rows[0]), np.arange(40)), 2)
    expected[5, rows[0]] = 2
    go.set()
    bench.qtbot.waitUntil(lambda: bench.tidy.idle, timeout=20000)
    np.testing.assert_array_equal(bench.labels.data, expected)


def test_a_tidying_is_cancelled(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    go, compute, given = threading.Event(), tidy_job.changes_of, []

    def slowly(*arguments: Any) -> Any:
        go.wait(10)
        given.append(compute(*arguments))
        return given[0]

    monkeypatch.setattr(tidy_job, "changes_of", slowly)
    bench.labels.selected_label = 1
    before, steps = bench.labels.data.copy(), len(past(bench.labels))
    assert not bench.tidy.cancel.isVisible()
    click(bench.qtbot, bench.tidy.grow)
    assert not bench.tidy.grow.isEnabled()
    click(bench.qtbot, bench.tidy.cancel)
    assert bench.tidy.idle
    assert "nothing was changed" in bench.widget.form.hint.text()
    assert not bench.tidy.cancel.isVisible()
    go.set()
    bench.qtbot.waitUntil(lambda: not bench.tidy._desk.busy, timeout=20000)
    assert given == [[]]  # the thread gave up, too
    np.testing.assert_array_equal(bench.labels.data, before)
    assert len(past(bench.labels)) == steps
    monkeypatch.undo()
    assert "It is larger" in bench.press(bench.tidy.grow)


def test_tidying_what_was_propagated_makes_no_drawn_slices(model: Any, qtbot: Any) -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[5, 10:20, 10:20] = 1
    bench = Bench(model, qtbot, labels)
    bench.widget.form.options.all_slices.setChecked(False)
    bench.widget.form.options.first.setValue(3)
    bench.widget.form.options.last.setValue(6)
    click(qtbot, bench.widget.form.propagate)
    wait_for_end(bench.widget, qtbot)
    bench.labels.selected_label = 1
    bench.tidy.distance.setValue(3.0)
    bench.press(bench.tidy.grow)
    session = bench.widget.work().session
    assert bench.labels.data[[2, 7], 15, 15].all()  # it grew by a slice at both ends
    assert session.drawn(0, bench.labels.data) == {1: [5]}
    assert state_of(session, SHAPE).runs  # can be saved


def test_filling_between_drawn_slices_is_a_propagation(model: Any, qtbot: Any) -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[1, 10:20, 10:20], labels[7, 14:30, 12:28] = 1, 1
    labels[4, 30:35, 30:35] = 2
    labels[9, 5, 5] = 3
    bench = Bench(model, qtbot, labels.copy())
    bench.labels.selected_label = 2
    assert "two slices" in bench.press(bench.tidy.between)
    bench.labels.selected_label = 1
    bench.press(bench.tidy.between)
    wait_for_end(bench.widget, qtbot)
    expected = fill_between(labels, SPACING, slices={1: [1, 7]})
    np.testing.assert_array_equal(bench.labels.data, expected)
    session = bench.widget.work().session
    assert session.drawn(0, bench.labels.data) == {1: [1, 7], 2: [4], 3: [9]}
    click(qtbot, bench.widget.form.undo)
    np.testing.assert_array_equal(bench.labels.data, labels)


def test_comparing_with_a_reference(bench: Bench) -> None:
    reference = bench.viewer.add_labels(np.roll(bench.labels.data, 1, axis=1), scale=SPACING, name="truth")
    reference.data[reference.data == 3] = 4
    bench.widget.form.labels.choose(bench.labels)
    assert bench.compare.reference.layer is reference
    bench.structures._on_renamed(1, 'Liver, "big"')
    click(bench.qtbot, bench.compare.compare)
    bench.qtbot.waitUntil(lambda: bench.compare.report is not None, timeout=20000)
    expected = evaluate_segmentation(bench.labels.data, reference.data, SPACING)
    assert bench.compare.report == expected
    cells = [[bench.compare.table.item(r, c).text() for c in range(6)] for r in range(4)]
    assert [line[0] for line in cells] == ['Liver, "big"', "label 2", "label 3", "label 4"]
    assert cells[1][1:4] == [
        f"{expected.labels[1].dice:.3f}",
        f"{expected.labels[1].hausdorff95_mm:.1f}",
        f"{expected.labels[1].mean_surface_distance_mm:.2f}",
    ]
    assert cells[3][1:5] == ["0.000", "-", "-", "0"]
    click(bench.qtbot, bench.compare.copy)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0].startswith("label,name,dice,hd95_mm")
    assert lines[1].startswith('1,"Liver, ""big""",0.')
    assert lines[4].split(",")[:4] == ["4", "", "0", ""]


def test_the_difference_as_a_layer(bench: Bench) -> None:
    reference = bench.viewer.add_labels(np.roll(bench.labels.data, 2, axis=2), scale=SPACING, name="truth")
    bench.widget.form.labels.choose(bench.labels)
    bench.viewer.layers.selection.active = bench.labels
    click(bench.qtbot, bench.compare.difference)
    bench.qtbot.waitUntil(lambda: len(bench.viewer.layers) == 4, timeout=20000)
    added, (mine, theirs) = bench.viewer.layers[-1], (bench.labels.data, reference.data)
    np.testing.assert_array_equal(added.data == 1, (mine != 0) & (theirs == 0))
    np.testing.assert_array_equal(added.data == 2, (mine == 0) & (theirs != 0))
    np.testing.assert_array_equal(added.data == 3, (mine != theirs) & (mine != 0) & (theirs != 0))
    np.testing.assert_allclose(added.scale, SPACING)
    assert bench.viewer.layers.selection.active is bench.labels
    assert bench.widget.form.labels.layer is bench.labels


def test_a_reference_that_lies_elsewhere_is_refused(bench: Bench) -> None:
    says: Callable[[], str] = bench.widget.form.hint.text
    click(bench.qtbot, bench.compare.compare)
    assert "choose it as the reference" in says()
    bench.viewer.add_labels(np.zeros((3, 4, 5), np.uint8), name="small")
    bench.widget.form.labels.choose(bench.labels)
    click(bench.qtbot, bench.compare.compare)
    assert "small does not lie on organs" in says()
