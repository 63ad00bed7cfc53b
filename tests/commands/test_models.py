"""``napari-medssl models``: what is on the shelf."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_medssl.models import find_card, model_folders
from tests.commands.conftest import Call


def test_list(call: Call) -> None:
    outcome = call("models", "list", "--json")
    assert outcome.status == 0
    listed = {model["name"]: model for model in outcome.json["models"]}
    assert listed["default"]["purpose"] == "propagation"
    assert outcome.json["folders"] == [str(folder) for folder in model_folders()]
    words = call("models", "list").out
    assert all(name in words for name in listed)


def test_a_model_of_ones_own_is_listed(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    card = find_card("default").model_copy(update={"name": "mine", "summary": "For my own scanner."})
    (tmp_path / "mine.json").write_text(card.model_dump_json())
    monkeypatch.setenv("NAPARI_MEDSSL_MODELS", str(tmp_path))
    assert "mine" in call("models", "list").out
    assert "For my own scanner." in call("models", "show", "mine").out


def test_show(call: Call) -> None:
    shown = call("models", "show", "default", "--json").json
    card = find_card("default")
    assert (shown["sha256"], shown["trained_on"]) == (card.sha256, card.trained_on)
    assert Path(shown["weights"]).is_file()
    assert card.trained_on in call("models", "show", "default").out


@pytest.mark.parametrize("name", ["nope", "", "../weights/default", "/etc/passwd", "a/b"])
def test_models_that_are_not_there(call: Call, name: str) -> None:
    assert "default" in call("models", "show", name).refused()


def test_a_broken_card(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    monkeypatch.setenv("NAPARI_MEDSSL_MODELS", str(tmp_path))
    assert "bad.json" in call("models", "show", "bad").refused()
    assert call("models", "list").status == 0
