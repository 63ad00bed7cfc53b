"""The task in docs/how-training-works.md trains as it stands there, with all that the engine brings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from napari_medssl.training import Recipe, RunSettings, recipes, train
from napari_medssl.training.randomness import generator
from napari_medssl.training.strategy import Plain, Term

GUIDE = Path(__file__).parents[2] / "docs" / "how-training-works.md"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.search(r"```python\n(class Mean.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {"torch": torch, "generator": generator, "Term": Term}
    exec(code[1], names)
    recipe = Recipe(
        name="mean", title="Mean", group="Examples", summary="An example.", purpose="example",
        settings_model=RunSettings, build=lambda settings, collection: Plain(names["Mean"](settings, collection)),
    )  # fmt: skip
    monkeypatch.setattr(recipes, "EXAMPLE", recipe, raising=False)
    monkeypatch.setitem(recipes._RECIPES, "mean", "napari_medssl.training.recipes:EXAMPLE")


@pytest.mark.usefixtures("example")
def test_the_example_learns_stops_and_resumes(scans: Path, tmp_path: Path) -> None:
    losses = []

    def listen(event: dict[str, Any]) -> None:
        if event["event"] == "step":
            losses.append(event["loss"])

    settings = {"seconds": 0, "batch": 32, "learning_rate": 0.02, "device": "cpu", "schedule": "constant"}
    first = train("mean", scans, tmp_path / "run", steps=150, on_event=listen, **settings)
    again = train("mean", scans, tmp_path / "run", resume=True, steps=300, on_event=listen)
    assert (first.steps, again.steps) == (150, 300)
    assert losses[-1] < 0.2 * losses[0]
    assert again.card.metrics == {}
    assert again.card.purpose == "example"
    assert again.card.training["scans"] == {"labelled": 0, "unlabelled": 2}
