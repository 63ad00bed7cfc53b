"""Runs that keep what they found give exactly what runs from nothing give, and compute only what a correction needs."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medssl.propagation import KeptWork, Propagation, propagate
from napari_medssl.propagation.api import Job
from napari_medssl.propagation.bounded import Bounded, bytes_in
from napari_medssl.propagation.model import MatchSettings, PropagationModel
from napari_medssl.propagation.refiner import Refiner

SHAPE = (22, 36, 40)
KINDS = ("draw", "shift", "rub out", "stop", "leave out")


class Blocks(torch.nn.Module):
    """Features that are the pixels themselves, 2 x 2 to a feature pixel: enough to follow a bright structure."""

    stride = 2

    def __init__(self, sharpness: float) -> None:
        super().__init__()
        self.sharpness = sharpness

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        blocks = torch.nn.functional.pixel_unshuffle(image, 2) - 0.5
        return torch.cat([blocks, 1 - (blocks**2).sum(1, keepdim=True)], 1) * self.sharpness


@functools.cache
def toy(sharpness: float = 4.0) -> PropagationModel:
    """A small, quick model; how good it is does not matter here."""
    wanted = MatchSettings(pixels=12, finest=1.5, margin=8, radius=2)
    return PropagationModel(Blocks(sharpness), wanted, torch.device("cpu"))


@functools.cache
def refined() -> PropagationModel:
    """The toy with a refiner that changes masks at random, but always in the same way."""
    torch.manual_seed(0)
    network = Blocks(4.0)
    network.refiner = Refiner(features=5).eval().requires_grad_(False)
    network.refiner.change.weight.normal_(0, 0.05)
    return PropagationModel(network, toy().settings, torch.device("cpu"))


@functools.cache
def scene() -> tuple[np.ndarray, np.ndarray]:
    """Two balls side by side and their noisy image."""
    z, y, x = np.indices(SHAPE).astype(float)
    first = ((z - 11) / 12) ** 2 + ((y - 18) / 8) ** 2 + ((x - 13 - 0.2 * z) / 6) ** 2 < 1
    second = ((z - 11) / 11) ** 2 + ((y - 16) / 7) ** 2 + ((x - 26 - 0.2 * z) / 7) ** 2 < 1
    truth = np.where(first, 1, np.where(second, 2, 0)).astype(np.uint8)
    image = np.choose(truth, [100.0, 400.0, 250.0]) + np.random.default_rng(0).normal(0, 30, SHAPE)
    return image.astype(np.float32), truth


class Drawing:
    """What a person has drawn so far: seeds, and which slices were drawn."""

    def __init__(self, *slices: int, labels: tuple[int, ...] = (1, 2)) -> None:
        self.seeds = np.zeros(SHAPE, np.uint8)
        self.slices: dict[int, set[int]] = {}
        for label in labels:
            for index in slices:
                self.change("draw", label, index)

    def change(self, kind: str, label: int, index: int) -> None:
        """One stroke; a label whose last slice with content it would take stays as it is."""
        before = self.seeds[index].copy(), {key: set(value) for key, value in self.slices.items()}
        here = self.seeds[index]
        mask = scene()[1][index] == label
        if kind == "shift":
            mask = np.roll(mask, 2, axis=0)
        here[here == label] = 0
        if kind in ("draw", "shift"):
            here[mask & (here == 0)] = label
        drawn = self.slices.setdefault(label, set())
        (drawn.discard if kind in ("rub out", "leave out") else drawn.add)(index)
        if any(not any((self.seeds[i] == each).any() for i in own) for each, own in self.slices.items()):
            self.seeds[index], self.slices = before

    def run(self, **more: object) -> Propagation:
        options: dict[str, object] = {"model": toy(), "spacing": (3.0, 1.0, 1.2)} | more
        return propagate(scene()[0], self.seeds, seed_slices=self.slices, **options)  # type: ignore[arg-type]


def same(one: Propagation, other: Propagation) -> None:
    np.testing.assert_array_equal(one.labels, other.labels)
    assert one.confidence.keys() == other.confidence.keys()
    for label, values in one.confidence.items():
        np.testing.assert_array_equal(values, other.confidence[label])


def stepped(drawing: Drawing, kept: KeptWork) -> int:
    """Slices that a run has to compute."""
    job = Job.prepare(
        scene()[0], drawing.seeds, seed_slices=drawing.slices, spacing=(3.0, 1.0, 1.2), axis=0, slice_range=None,
        model=toy(), verification="auto", adapt_seconds=0.0, device="cpu", cancelled=None, kept=kept,
    )  # fmt: skip
    for _ in job.run():
        pass
    return sum(run.stepped for run in job.runs)


strokes = st.tuples(st.sampled_from(KINDS), st.sampled_from((1, 2)), st.integers(0, SHAPE[0] - 1))
ways = st.fixed_dictionaries(
    {},
    optional={
        "verification": st.sampled_from(("none", "paper", "auto")),
        "slice_range": st.sampled_from(((0, 22), (5, 20), (8, 16))),
        "model": st.sampled_from((toy(), toy(3.0), refined())),
    },
)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.tuples(strokes, ways), min_size=1, max_size=4),
    st.integers(0, 400),
    st.sampled_from((0, 20_000, 10**8)),
)
def test_any_corrections_give_what_a_run_from_nothing_gives(corrections, stopped_after, budget):
    kept, drawing = KeptWork(features_bytes=budget, sweeps_bytes=budget), Drawing(11)
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > stopped_after

    drawing.run(kept=kept, cancelled=cancelled)  # perhaps not to its end
    for (kind, label, index), way in corrections:
        drawing.change(kind, label, index)
        if not 8 <= min(i for i in drawing.slices[1]) < 16 or not 8 <= min(drawing.slices[2]) < 16:
            way = {key: value for key, value in way.items() if key != "slice_range"}
        same(drawing.run(kept=kept, **way), drawing.run(**way))


@pytest.mark.parametrize(
    ("change", "most"),
    [
        (lambda drawing: None, 0),
        (lambda drawing: [drawing.change("draw", label, 16) for label in (1, 2)], 6 + 5),  # 16..21, and 16 down to 12
        (lambda drawing: [drawing.change("shift", label, 11) for label in (1, 2)], 22 + 1),
        # one label alone: its neighbour, with which it competes, is computed with it from there on, and up to
        # seven slices from where the sweep was last set aside to there
        (lambda drawing: drawing.change("draw", 2, 16), 6 + 17),
    ],
)
def test_a_correction_computes_only_what_depends_on_it(change: Callable[[Drawing], object], most: int) -> None:
    kept, drawing = KeptWork(), Drawing(11)
    first = stepped(drawing, kept)
    assert first == 11 + 12
    change(drawing)
    assert stepped(drawing, kept) <= most


def test_taking_a_correction_back_computes_nothing() -> None:
    kept, drawing = KeptWork(), Drawing(11)
    stepped(drawing, kept)
    for label in (1, 2):
        drawing.change("shift", label, 15)
    assert stepped(drawing, kept) > 0
    for label in (1, 2):
        drawing.change("leave out", label, 15)
    assert stepped(drawing, kept) == 0


def test_a_run_that_was_stopped_goes_on_where_it_stood() -> None:
    kept, drawing, seen = KeptWork(), Drawing(2), []
    partial = drawing.run(kept=kept, on_slice=seen.append, cancelled=lambda: len(seen) >= 12)
    assert not partial.complete
    assert stepped(drawing, kept) == 20 + 3 - 12


def test_with_another_verification_the_features_are_still_there() -> None:
    kept, drawing = KeptWork(), Drawing(11)
    drawing.run(kept=kept, verification="none")
    number = len(kept.features)
    drawing.run(kept=kept, verification="none")
    assert len(kept.features) == number


def test_another_volume_empties_it_and_a_view_of_the_same_one_does_not() -> None:
    image, kept, drawing = scene()[0], KeptWork(), Drawing(11)
    drawing.run(kept=kept)
    number = len(kept.sweeps)
    assert kept.volume_number(image[:]) == kept.volume_number(image) == 1
    assert len(kept.sweeps) == number > 0
    assert kept.volume_number(image.copy()) == 2
    assert len(kept.sweeps) == len(kept.features) == 0


def test_spacing_and_axis_are_told_apart() -> None:
    kept, drawing = KeptWork(), Drawing(11)
    drawing.run(kept=kept)
    same(drawing.run(kept=kept, spacing=(3.0, 1.2, 1.0)), drawing.run(spacing=(3.0, 1.2, 1.0)))
    cube = np.random.default_rng(1).normal(size=(24, 24, 24)).astype(np.float32)
    seeds = np.zeros(cube.shape, np.uint8)
    seeds[8:14, 8:14, 8:14] = 1
    for axis in (0, 1, 2):
        options = {"seed_slices": {1: [10]}, "axis": axis, "model": toy()}
        same(propagate(cube, seeds, kept=kept, **options), propagate(cube, seeds, **options))


def test_memory_stays_within_what_was_allowed() -> None:
    kept = KeptWork(features_bytes=400_000, sweeps_bytes=60_000)
    for index in (11, 4, 17, 8):
        drawing = Drawing(index)
        drawing.run(kept=kept)
        assert 0 < kept.features.bytes <= 400_000
        assert 0 < kept.sweeps.bytes <= 60_000
    assert kept.features.bytes == sum(bytes_in(kept.features.get(key)) for key in list(kept.features._things))
    kept.clear()
    assert kept.features.bytes == kept.sweeps.bytes == 0


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40)), max_size=30), st.integers(0, 200))
def test_what_was_used_last_stays(puts, most):
    """Against a plain model: a list in order of use."""
    bounded: Bounded[int, np.ndarray] = Bounded(most)
    order: list[tuple[int, int]] = []
    for key, size in puts:
        bounded.put(key, np.zeros(size, np.uint8))
        order = [pair for pair in order if pair[0] != key] + [(key, size)]
        while sum(size for _, size in order) > most and len(order) > 2:
            order.pop(0)
        assert bounded.bytes == sum(size for _, size in order)
        if order[0][0] % 2:
            assert bounded.get(order[0][0]) is not None
            order.append(order.pop(0))
    held = {key for key in range(6) if bounded.get(key) is not None}
    assert held == {key for key, _ in order}
