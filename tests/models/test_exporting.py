"""Models as zip files to give away: what is written, what others' hold, and what is refused."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_medssl.errors import BadInput
from napari_medssl.models import (
    add_model,
    export_model,
    find_card,
    load_weights,
    remove_model,
)
from tests.models.conftest import contents

Change = Callable[[dict[str, bytes]], dict[str, bytes]]


def rezip(source: Path, target: Path, change: Change, **how: int) -> Path:
    """A zip with the entries of another one, changed."""
    with zipfile.ZipFile(source) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(target, "w", how.get("compression", zipfile.ZIP_STORED)) as archive:
        for name, data in change(entries).items():
            archive.writestr(name, data)
    return target


@pytest.fixture
def exported(shelf: Path, run: Path, tmp_path: Path) -> Path:
    add_model(run)
    path = export_model("mine", tmp_path / "mine.zip")
    remove_model("mine")
    for file in (shelf / "removed").iterdir():
        file.unlink()
    return path


def test_the_zip_says_what_it_is_and_is_the_same_each_time(shelf: Path, run: Path, tmp_path: Path) -> None:
    add_model(run)
    first, second = (export_model("mine", tmp_path / name).read_bytes() for name in ("a.zip", "b.ZIP"))
    assert first == second
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert sorted(archive.namelist()) == ["README.txt", "mine.json", "mine.safetensors"]
        readme = archive.read("README.txt").decode()
    assert find_card("mine").licence in readme
    assert "napari-medssl models add" in readme


def test_shipped_models_can_be_given_away_but_not_taken_back_under_their_name(shelf: Path, tmp_path: Path) -> None:
    path = export_model("default", tmp_path / "default.zip")
    with pytest.raises(BadInput, match="comes with"):
        add_model(path)
    assert add_model(path, name="copy").sha256 == find_card("default").sha256


@pytest.mark.parametrize("target", ["model.tar", "model", "no/such/folder.zip"])
def test_exporting_to_where_it_cannot_go(shelf: Path, run: Path, tmp_path: Path, target: str) -> None:
    add_model(run)
    with pytest.raises(BadInput, match=r"zip|does not exist"):
        export_model("mine", tmp_path / target)


def test_a_damaged_model_is_not_given_away(shelf: Path, run: Path, tmp_path: Path) -> None:
    add_model(run)
    file = shelf / "mine.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\1")
    with pytest.raises(BadInput, match="damaged"):
        export_model("mine", tmp_path / "mine.zip")
    assert not (tmp_path / "mine.zip").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda entries: {f"folder/{name}": data for name, data in entries.items()},
        lambda entries: {**entries, "__MACOSX/._mine.json": b"\0", "__MACOSX/._mine.safetensors": b"\0"},
        lambda entries: {f"../../{name}": data for name, data in entries.items()},
        lambda entries: {f"/etc/{name}": data for name, data in entries.items()},
    ],
    ids=["in a folder", "from a Mac", "upwards", "absolute"],
)
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zips_made_by_others_are_read_and_nothing_is_unpacked_from_them(
    shelf: Path, exported: Path, tmp_path: Path, change: Change, compression: int
) -> None:
    path = rezip(exported, tmp_path / "other.zip", change, compression=compression)
    before = set(contents(tmp_path))
    add_model(path)
    assert load_weights("mine")
    assert set(contents(tmp_path)) - before == {"shelf/mine.json", "shelf/mine.safetensors"}


def bomb(entries: dict[str, bytes]) -> dict[str, bytes]:
    card = json.loads(entries["mine.json"]) | {"size": 50_000_000}
    return {"mine.json": json.dumps(card).encode(), "mine.safetensors": bytes(50_000_000)}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda e: {"mine.json": e["mine.json"]}, "not an exported model"),
        (lambda e: {**e, "second.json": e["mine.json"]}, "not an exported model"),
        (lambda e: {**e, "mine.safetensors": e["mine.safetensors"] + b"x"}, "another size"),
        (lambda e: {**e, "mine.safetensors": bytes(len(e["mine.safetensors"]))}, "damaged"),
        (lambda e: {**e, "mine.json": b" " * 2**21}, "too large"),
        (lambda e: {**e, "mine.json": b"{}"}, "not a model card"),
        (lambda e: {**e, **{f"{i}.txt": b"" for i in range(200)}}, "holds 203 files"),
        (bomb, "beyond belief"),
    ],
    ids=["no weights", "two cards", "longer", "zeros", "card of megabytes", "no card", "many files", "bomb"],
)
def test_zips_that_are_no_models_are_refused(
    shelf: Path, exported: Path, tmp_path: Path, change: Change, sentence: str
) -> None:
    path = rezip(exported, tmp_path / "other.zip", change, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(BadInput, match=sentence):
        add_model(path)
    assert contents(shelf) == {}


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_zip_with_wrong_bytes_is_refused_or_gives_the_very_same_model(
    shelf: Path, exported: Path, tmp_path: Path, data: st.DataObject
) -> None:
    content = bytearray(exported.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    how = data.draw(st.sampled_from(["change", "cut", "drop"]))
    if how == "change":
        content[place] ^= data.draw(st.integers(1, 255))
    else:
        del content[place : None if how == "cut" else place + 1]
    path = tmp_path / "wrong.zip"
    path.write_bytes(bytes(content))
    try:
        name = add_model(path).name
    except BadInput:
        assert contents(shelf) == {}
    else:
        assert torch.equal(load_weights(name)[1]["weight"], torch.ones(3, 4))
        for file in (shelf / f"{name}.json", shelf / f"{name}.safetensors"):
            file.unlink()
