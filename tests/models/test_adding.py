"""Adding and removing models: what comes back, what is refused, and that nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from napari_medssl.errors import BadInput
from napari_medssl.models import (
    Card,
    add_model,
    changes,
    export_model,
    find_card,
    list_cards,
    load_weights,
    remove_model,
    sha256,
    weights_path,
)
from napari_medssl.models import adding as adding_module
from tests.models.conftest import FIELDS, Make, contents


@pytest.mark.parametrize("kind", ["folder", "card", "weights", "zip"])
def test_a_model_is_added_from_whatever_holds_it(shelf: Path, run: Path, tmp_path: Path, kind: str) -> None:
    given_path = {"folder": run, "card": run / "mine.json", "weights": run / "mine.safetensors"}.get(kind)
    if given_path is None:
        add_model(run)
        given_path = export_model("mine", tmp_path / "mine.zip")
        remove_model("mine")
    before = changes()
    card = add_model(given_path)
    assert changes() > before
    loaded, tensors = load_weights("mine")
    assert loaded == card == find_card("mine")
    assert card.sha256 == sha256(run / "mine.safetensors")
    assert torch.equal(tensors["weight"], torch.ones(3, 4))
    assert {path.name for path in shelf.iterdir() if path.is_file()} == {"mine.json", "mine.safetensors"}


def test_another_name(shelf: Path, tmp_path: Path, make: Make) -> None:
    make(tmp_path / "a", title="mine")
    assert add_model(tmp_path / "a", name="other").title == "other"  # its title was only its name
    make(tmp_path / "b")
    assert add_model(tmp_path / "b", name="another").title == "Mine"
    assert {card.name for card in list_cards()} >= {"other", "another"}
    assert load_weights("other")[0].name == "other"


@pytest.mark.parametrize("name", ["", "Mine", "../mine", "a/b", ".hidden", "con", "nul.x", "dot.", "ä", "x" * 200])
def test_names_that_no_model_may_have(shelf: Path, run: Path, name: str) -> None:
    with pytest.raises(BadInput, match="cannot be called"):
        add_model(run, name=name)
    assert contents(shelf) == {}


def test_a_taken_name_is_refused_and_replacing_keeps_the_old_one(shelf: Path, tmp_path: Path, make: Make) -> None:
    make(tmp_path / "old", 1.0)
    make(tmp_path / "new", 2.0)
    add_model(tmp_path / "old")
    before = contents(shelf)
    with pytest.raises(BadInput, match="already"):
        add_model(tmp_path / "new")
    assert contents(shelf) == before
    add_model(tmp_path / "new", replace=True)
    assert load_weights("mine")[1]["weight"][0, 0] == 2
    assert contents(shelf / "removed") == before
    add_model(tmp_path / "old", replace=True)
    assert load_weights("mine")[1]["weight"][0, 0] == 1
    assert (shelf / "removed" / "mine-2.json").is_file()


def test_the_names_of_shipped_models_are_not_to_be_had(shelf: Path, tmp_path: Path, make: Make) -> None:
    make(tmp_path / "a", name="default")
    for replace in (False, True):
        with pytest.raises(BadInput, match="comes with napari-medssl"):
            add_model(tmp_path / "a", replace=replace)
    assert contents(shelf) == {}
    assert add_model(tmp_path / "a", name="default-2").name == "default-2"


def test_a_removed_model_can_be_brought_back(shelf: Path, run: Path) -> None:
    add_model(run)
    before = contents(shelf)
    moved = remove_model("mine")
    assert "mine" not in {card.name for card in list_cards()}
    with pytest.raises(BadInput, match="There is no model 'mine'"):
        find_card("mine")
    add_model(moved)
    assert {name: data for name, data in contents(shelf).items() if "removed" not in name} == before


def test_what_cannot_be_read_can_still_be_removed(shelf: Path) -> None:
    (shelf / "broken.json").write_text("{")
    (shelf / "lone.safetensors").write_bytes(b"x")
    assert remove_model("broken").read_text() == "{"
    assert remove_model("lone").name == "lone.safetensors"
    assert [path.name for path in shelf.iterdir()] == ["removed"]


@pytest.mark.parametrize("name", ["default", "sli2vol-paper"])
def test_shipped_models_stay(shelf: Path, name: str) -> None:
    with pytest.raises(BadInput, match="comes with napari-medssl"):
        remove_model(name)
    assert weights_path(name).is_file()


@pytest.mark.parametrize("name", ["", "nope", "../shelf/mine", ".mine", "removed"])
def test_only_models_are_removed(shelf: Path, run: Path, name: str) -> None:
    add_model(run)
    before = contents(shelf)
    with pytest.raises(BadInput, match="There is no model"):
        remove_model(name)
    assert contents(shelf) == before


def test_models_in_an_extra_folder_are_only_read(shelf: Path, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_MEDSSL_EXTRA_MODELS", str(run))
    assert find_card("mine").name == "mine"
    with pytest.raises(BadInput, match="may be shared"):
        remove_model("mine")


def spoil(folder: Path, how: str) -> None:
    card, weights = folder / "mine.json", folder / "mine.safetensors"
    content = json.loads(card.read_text())
    changes_of_card = {
        "newer": {"format": 99}, "foreign purpose": {"purpose": "cooking"}, "shorter": {"size": content["size"] - 1},
        "longer": {"size": content["size"] + 1}, "another": {"sha256": "0" * 64}, "huge": {"size": 2**60},
        "path": {"name": "../mine"}, "surrogate": {"title": "\ud800"},
    }  # fmt: skip
    if how in changes_of_card:
        card.write_text(json.dumps(content | changes_of_card[how]))
    elif how == "no card":
        card.unlink()
    elif how == "no weights":
        weights.unlink()
    elif how == "pickle":
        weights.write_bytes(b"\x80\x04\x95" + bytes(200))
        card.write_text(json.dumps(content | {"size": weights.stat().st_size, "sha256": sha256(weights)}))
    elif how == "flood":
        card.write_text("[" * 2**21)
    elif how == "deep":
        card.write_text("[" * 100_000)


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("newer", "newer version"),
        ("foreign purpose", "does not know"),
        ("shorter", "damaged"),
        ("longer", "damaged"),
        ("another", "damaged"),
        ("huge", "make room"),
        ("path", "not a model card"),
        ("surrogate", "cannot be read"),
        ("no card", "alone is no model"),
        ("no weights", "alone is no model"),
        ("pickle", "not a safetensors file"),
        ("flood", "far too large"),
        ("deep", "cannot be read"),
    ],
)
def test_what_cannot_be_used_is_refused_and_leaves_no_trace(
    shelf: Path, tmp_path: Path, make: Make, how: str, sentence: str
) -> None:
    make(tmp_path / "a")
    spoil(tmp_path / "a", how)
    name = "mine.safetensors" if how == "no card" else "mine.json"
    with pytest.raises(BadInput, match=sentence):
        add_model(tmp_path / "a" / name)
    assert contents(shelf) == {}


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("nothing", "does not exist"), ("empty", "holds no model"), ("model.pt", "not a model"), ("x.zip", "not a zip")],
)
def test_other_files_are_refused(shelf: Path, tmp_path: Path, name: str, sentence: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "model.pt").write_bytes(b"\x80\x04")
    (tmp_path / "x.zip").write_bytes(b"PK nonsense")
    with pytest.raises(BadInput, match=sentence):
        add_model(tmp_path / name)


def test_a_folder_of_several_models_asks_for_one(shelf: Path, tmp_path: Path, make: Make) -> None:
    make(tmp_path / "a")
    make(tmp_path / "a", name="second")
    with pytest.raises(BadInput, match="mine, second"):
        add_model(tmp_path / "a")


def test_a_full_disk_is_a_sentence_and_the_model_that_was_there_stays(
    shelf: Path, tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "old", 1.0)
    make(tmp_path / "new", 2.0)
    add_model(tmp_path / "old")
    before = contents(shelf)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(adding_module, "_copy_weights", full)
    with pytest.raises(BadInput, match="no space left"):
        add_model(tmp_path / "new", replace=True)
    assert contents(shelf) == before


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(), inner, max_size=3), max_leaves=6,
)  # fmt: skip


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=st.sampled_from(sorted(Card.model_fields)), value=_values)
@example(field="format", value="9")
def test_a_card_with_any_value_in_a_field_is_refused_or_comes_back(
    shelf: Path, tmp_path: Path, make: Make, field: str, value: object
) -> None:
    folder = tmp_path / "source"
    make(folder, **FIELDS)
    content = json.loads((folder / "mine.json").read_text()) | {field: value}
    (folder / "mine.json").write_text(json.dumps(content))
    try:
        card = add_model(folder / "mine.json")
    except BadInput:
        assert contents(shelf) == {}
    else:
        assert find_card(card.name).sha256 == sha256(folder / "mine.safetensors")
        remove_model(card.name)
        for file in (shelf / "removed").iterdir():
            file.unlink()
