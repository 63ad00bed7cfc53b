"""``napari-medssl models``: what is on the shelf."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from napari_medssl.models import find_card, model_folders
from napari_medssl.models.shelf import SHIPPED
from tests.commands.conftest import Call


def test_list(call: Call) -> None:
    outcome = call("models", "list", "--json")
    assert outcome.status == 0
    listed = {model["name"]: model for model in outcome.json["models"]}
    assert listed["default"]["purpose"] == "propagation"
    assert outcome.json["folders"] == [str(folder) for folder in model_folders()]
    words = call("models", "list").out
    assert all(name in words for name in listed)


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of the person's own models, with one named "mine" in it."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("NAPARI_MEDSSL_MODELS", str(folder))
    monkeypatch.setenv("NAPARI_MEDSSL_EXTRA_MODELS", "")
    card = find_card("default").model_copy(update={"name": "mine", "summary": "For my own scanner."})
    (folder / "mine.json").write_text(card.model_dump_json())
    shutil.copy(SHIPPED / "default.safetensors", folder / "mine.safetensors")
    return folder


def test_a_model_of_ones_own_is_listed(call: Call, shelf: Path) -> None:
    assert "For my own scanner." in call("models", "list").out
    assert "For my own scanner." in call("models", "show", "mine").out
    (mine,) = (model for model in call("models", "list", "--json").json["models"] if model["name"] == "mine")
    assert (mine["from"], mine["weights"]) == ("own", str(shelf / "mine.safetensors"))


def test_purposes(call: Call, shelf: Path) -> None:
    assert "mine" in call("models", "list", "--purpose", "propagation").out
    assert call("models", "list", "--purpose", "segmentation", "--json").json["models"] == []
    assert "no model" in call("models", "list", "--purpose", "segmentation").out
    assert "propagation" in call("models", "list", "--purpose", "cooking").refused()


def test_add_remove_and_export(call: Call, shelf: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.zip"
    assert call("models", "export", "mine", "-o", file, "--json").json == {"model": "mine", "output": str(file)}
    assert "already" in call("models", "add", file).refused()
    assert call("models", "add", file, "--replace").status == 0
    assert call("models", "add", file, "--name", "second", "--json").json["name"] == "second"
    moved = call("models", "remove", "mine", "--json").json["moved_to"]
    names = [model["name"] for model in call("models", "list", "--json").json["models"]]
    assert "second" in names
    assert "mine" not in names
    assert "There is no model" in call("models", "show", "mine").refused()
    assert "mine" in call("models", "add", moved).out
    removed = call("models", "remove", "second").out
    assert str(shelf / "removed" / "second.json") in removed
    assert f"models add {file.name}" in call("models", "export", "mine", "-o", file).out


def test_what_is_refused(call: Call, shelf: Path, tmp_path: Path) -> None:
    assert "comes with napari-medssl" in call("models", "remove", "default").refused()
    assert "There is no model" in call("models", "remove", "nope").refused()
    assert "does not exist" in call("models", "add", tmp_path / "nope.zip").refused()
    assert ".zip" in call("models", "export", "mine", "-o", tmp_path / "mine.tar").refused()
    assert "cannot be called" in call("models", "add", shelf, "--name", "../mine").refused()


def test_what_cannot_be_used_is_listed_with_the_reason(call: Call, shelf: Path) -> None:
    (shelf / "mine.safetensors").unlink()
    assert "mine cannot be used: Its weights are missing" in call("models", "list").out
    (unusable,) = call("models", "list", "--json").json["unusable"]
    assert (unusable["name"], unusable["path"]) == ("mine", str(shelf / "mine.json"))
    assert "missing" in unusable["reason"]


def test_a_model_that_stands_in_for_another_says_so(call: Call, shelf: Path) -> None:
    (shelf / "default.json").write_bytes((SHIPPED / "default.json").read_bytes())
    shutil.copy(SHIPPED / "default.safetensors", shelf / "default.safetensors")
    assert f"default: yours is used, not the one in {SHIPPED}." in call("models", "list").out


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
