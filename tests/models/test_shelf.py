import json

import pytest
import torch

from napari_medssl.errors import BadInput
from napari_medssl.models import find_card, list_cards, load_weights, save_model, sha256, weights_path
from napari_medssl.models.shelf import SHIPPED

FIELDS = {
    "name": "mine", "title": "Mine", "purpose": "propagation", "summary": "A test.", "trained_on": "nothing",
    "recipe": "none",
}  # fmt: skip


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_MEDSSL_MODELS", str(tmp_path))
    return tmp_path


def test_a_saved_model_comes_back(shelf):
    tensors = {"weight": torch.arange(6.0).reshape(2, 3), "count": torch.tensor(4)}
    saved = save_model(shelf, tensors, **FIELDS)
    card, loaded = load_weights("mine")
    assert card == saved == find_card("mine")
    assert all(torch.equal(loaded[key], tensors[key]) for key in tensors)
    assert sorted(path.name for path in shelf.iterdir()) == ["mine.json", "mine.safetensors"]


def test_shipped_models_are_listed_whole_and_say_what_they_were_trained_on(shelf):
    cards = list_cards("propagation")
    assert {"default", "sli2vol-paper"} <= {card.name for card in cards}
    for card in cards:
        assert sha256(weights_path(card.name)) == card.sha256
        assert weights_path(card.name).parent == SHIPPED
        assert card.trained_on
        assert card.training["seconds"] > 0
        assert card.limits
    assert not list_cards("something else")


def test_a_model_of_ones_own_stands_in_for_a_shipped_one(shelf):
    save_model(shelf, {"weight": torch.zeros(1)}, **(FIELDS | {"name": "default"}))
    assert find_card("default").title == "Mine"
    assert [card.name for card in list_cards()].count("default") == 1


def damage(shelf, how):
    card, file = shelf / "mine.json", shelf / "mine.safetensors"
    content = json.loads(card.read_text())
    if how == "bytes":
        file.write_bytes(file.read_bytes()[:-1] + b"\0")
    elif how == "missing":
        file.unlink()
    elif how == "newer":
        card.write_text(json.dumps(content | {"format": 99, "more": 1}))
    elif how == "foreign":
        card.write_text(json.dumps({"model": "theirs"}))
    elif how == "not json":
        card.write_text("{")
    else:  # not a safetensors file, though the card describes it
        file.write_bytes(b"nothing of the sort")
        card.write_text(json.dumps(content | {"size": file.stat().st_size, "sha256": sha256(file)}))


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("bytes", "damaged"),
        ("missing", "missing"),
        ("newer", "newer version"),
        ("foreign", "not a model card"),
        ("not json", "cannot be read"),
        ("not safetensors", "not a safetensors file"),
    ],
)
def test_damaged_foreign_and_newer_models_are_refused_with_a_reason(shelf, how, sentence):
    save_model(shelf, {"weight": torch.arange(6.0)}, **FIELDS)
    damage(shelf, how)
    with pytest.raises(BadInput, match=sentence):
        load_weights("mine")
    assert list_cards()  # the others are still there


@pytest.mark.parametrize("name", ["no-such", "../default", "", "a/b"])
def test_a_name_that_is_not_there_is_refused(shelf, name):
    with pytest.raises(BadInput, match="There is no model"):
        find_card(name)


def test_a_model_for_something_else_is_refused_by_propagation(shelf):
    from napari_medssl.propagation.load import load_model

    save_model(shelf, {"weight": torch.zeros(1)}, **(FIELDS | {"purpose": "cooking"}))
    with pytest.raises(BadInput, match="is for cooking"):
        load_model("mine", "cpu")
    save_model(shelf, {"weight": torch.zeros(1)}, **FIELDS)
    with pytest.raises(BadInput, match="does not fit"):
        load_model("mine", "cpu")
