import datetime
import json
import os

import pytest
import torch

from napari_medssl.errors import BadInput
from napari_medssl.models import (
    PURPOSES,
    changes,
    extra_folders,
    find_card,
    list_cards,
    load_weights,
    model_folders,
    save_model,
    sha256,
    survey,
    use_extra_folders,
    weights_path,
)
from napari_medssl.models.shelf import SHIPPED
from tests.models.conftest import FIELDS


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
    (used,) = (entry for entry in survey() if entry.name == "default" and not entry.hidden)
    (other,) = (entry for entry in survey() if entry.name == "default" and entry.hidden)
    assert (used.where, used.hides) == ("own", SHIPPED)
    assert (other.where, other.path.parent) == ("shipped", SHIPPED)


def test_a_broken_model_of_ones_own_is_not_silently_replaced_by_the_shipped_one(shelf):
    save_model(shelf, {"weight": torch.zeros(1)}, **(FIELDS | {"name": "default"}))
    (shelf / "default.safetensors").unlink()
    with pytest.raises(BadInput, match="missing"):
        load_weights("default")
    assert "default" not in {card.name for card in list_cards()}


def test_the_day_a_model_is_made_is_noted(shelf):
    before = datetime.datetime.now(datetime.UTC).date().isoformat()
    card = save_model(shelf, {"weight": torch.zeros(1)}, **FIELDS, parents=["default"])
    assert before <= card.created <= datetime.datetime.now(datetime.UTC).date().isoformat()
    assert find_card("mine").parents == ["default"]


def test_cards_may_lack_what_was_thought_of_later_and_hold_what_is_not_yet_known(shelf):
    save_model(shelf, {"weight": torch.zeros(1)}, **FIELDS)
    content = json.loads((shelf / "mine.json").read_text())
    del content["created"], content["parents"]
    (shelf / "mine.json").write_text(json.dumps(content | {"colour": "blue"}))
    card = load_weights("mine")[0]
    assert (card.created, card.parents) == ("", [])


def test_every_recipe_makes_models_for_something_known():
    from napari_medssl.training.recipes import list_recipes

    assert {recipe.purpose for recipe in list_recipes().values()} <= PURPOSES.keys()


def test_extra_folders_are_searched_after_ones_own_and_told_to_child_processes(shelf, tmp_path, monkeypatch):
    team, other = tmp_path / "team", tmp_path / "other"
    monkeypatch.setenv("NAPARI_MEDSSL_EXTRA_MODELS", str(team))
    save_model(team, {"weight": torch.zeros(1)}, **(FIELDS | {"title": "Theirs"}))
    save_model(other, {"weight": torch.zeros(1)}, **(FIELDS | {"name": "third"}))
    assert find_card("mine").title == "Theirs"
    before = changes()
    use_extra_folders([other])
    assert changes() > before
    assert extra_folders() == [team, other]
    assert os.environ["NAPARI_MEDSSL_EXTRA_MODELS"] == os.pathsep.join([str(team), str(other)])
    assert model_folders() == [shelf, team, other, SHIPPED]
    assert find_card("third").name == "third"
    before = changes()
    use_extra_folders([other])
    assert changes() == before
    save_model(shelf, {"weight": torch.zeros(1)}, **FIELDS)
    assert find_card("mine").title == "Mine"
    assert {entry.where for entry in survey() if entry.name == "mine"} == {"own", "extra"}
    use_extra_folders([])  # what the person set in the environment stays
    assert extra_folders() == [team]
    with pytest.raises(BadInput, match="rename"):
        use_extra_folders([tmp_path / f"a{os.pathsep}b"])


def test_a_folder_that_is_named_twice_is_searched_once(shelf):
    use_extra_folders([shelf])
    assert model_folders() == [shelf, SHIPPED]
    use_extra_folders([])


def test_what_lies_in_a_run_s_folder_beside_its_model_is_no_trouble(shelf):
    save_model(shelf, {"weight": torch.zeros(1)}, **FIELDS)
    (shelf / "settings.json").write_text('{"format": 1, "recipe": "sli2vol", "settings": {}}')
    (shelf / "lone.safetensors").write_bytes(b"x")
    (shelf / ".1234.partialmine.json").write_text("{")
    assert [entry.name for entry in survey() if entry.trouble] == ["lone"]
    (shelf / "events.jsonl").write_text("")
    assert [entry.name for entry in survey() if entry.trouble] == []


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("missing", "missing"), ("newer", "newer version"), ("foreign", "not a model card"),
        ("not json", "cannot be read"), ("size", "another size"), ("name", "called 'mine'"), ("purpose", "not know"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_found_with_the_reason(shelf, how, sentence):
    save_model(shelf, {"weight": torch.arange(6.0)}, **FIELDS)
    name = "mine"
    if how == "size":
        (shelf / "mine.safetensors").write_bytes(b"")
    elif how == "name":
        name = "yours"
        for ending in ("json", "safetensors"):
            (shelf / f"mine.{ending}").rename(shelf / f"yours.{ending}")
    elif how == "purpose":
        save_model(shelf, {"weight": torch.zeros(1)}, **(FIELDS | {"purpose": "cooking"}))
    else:
        damage(shelf, how)
    (entry,) = (entry for entry in survey() if entry.where == "own")
    assert entry.name == name
    assert sentence in entry.trouble
    assert name not in {card.name for card in list_cards()}


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
