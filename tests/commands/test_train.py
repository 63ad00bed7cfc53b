"""``napari-medssl train`` and ``recipes``: settings from the command line, runs that can be stopped and resumed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from napari_medssl.commands.recipes import describe_settings, preset_settings
from napari_medssl.commands.train import Teller, parse_settings
from napari_medssl.errors import BadInput
from napari_medssl.training import list_recipes
from tests.commands.conftest import Call, make_case

QUICK = ("--set", "batch=2", "--set", "synthetic=1", "--set", "shapes=2", "--set", "side=32", "--set", "seconds=60")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "images").mkdir()
    case = make_case(folder)
    case.image.rename(folder / "images" / "one.nii.gz")
    return folder


def test_a_run_a_resumed_run_and_the_model_used(
    call: Call, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    words = ("train", "sli2vol", "--data", data, "--run", run, "--device", "cpu")
    first = call(*words, *QUICK, "--set", "steps=2", "--set", "name=mine", "--json")
    assert first.status == 0, first.err
    assert (first.json["steps"], first.json["complete"], first.json["model"]) == (2, True, "mine")
    assert Path(first.json["weights"]).is_file()
    assert all(isinstance(value, float) for value in first.json["metrics"].values())
    assert "Training on cpu (" in first.err
    assert "1 unlabelled scans" in first.err
    assert "already holds a run" in call(*words, *QUICK).refused()
    resumed = call("train", "sli2vol", "--run", run, "--resume", "--set", "steps=4")
    assert resumed.status == 0, resumed.err
    assert "Going on from step 2 on cpu" in resumed.err
    assert "4 steps" in resumed.out
    assert f"models add {run}" in resumed.out
    monkeypatch.setenv("NAPARI_MEDSSL_MODELS", str(run))
    assert "mine" in call("models", "list").out
    case = make_case(tmp_path, slices=5, drawn=2)
    assert call("propagate", case.image, case.seeds, "-o", tmp_path / "m.nii.gz", "--model", "mine").status == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "stps=3"], "stps"),
        (["--set", "steps=lots"], "steps"),
        (["--set", "steps=-1"], "steps"),
        (["--set", "steps"], "KEY=VALUE"),
        (["--set", "=3"], "KEY=VALUE"),
        (["--set", "seconds=0", "--set", "steps=0"], "steps"),
        (["--resume"], "resume"),
        (["--data", "nowhere"], "nowhere"),
        (["--run", "nowhere/run"], "nowhere"),
        (["--run", "file"], "file"),
        (["--device", "cuda:9"], "cuda:9"),
        (["--preset", "overnight"], "laptop-cpu, quick-check"),
    ],
)
def test_what_cannot_be_trained_leaves_nothing_behind(
    call: Call, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert said in call("train", "sli2vol", "--data", data, "--run", "run", *words).refused()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_new_run_needs_scans(call: Call, tmp_path: Path) -> None:
    assert "--data" in call("train", "sli2vol", "--run", tmp_path / "run").refused()
    assert not list(tmp_path.iterdir())


def test_a_preset_gives_settings_and_set_changes_them(call: Call, data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ("train", "sli2vol", "--data", data, "--run", run, "--preset", "Quick check", "--device", "cpu")
    assert call(*words, *QUICK, "--set", "synthetic=0", "--set", "steps=1").status == 0
    kept = json.loads((run / "settings.json").read_text())["settings"]
    assert (kept["start"], kept["keep_features"], kept["batch"], kept["synthetic"]) == ("default", True, 2, 0)


@pytest.mark.parametrize("rank", ["0", "1"])
def test_of_several_processes_the_first_speaks(
    call: Call, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rank: str
) -> None:
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # put back afterwards
    words = ("train", "sli2vol", "--data", data, "--run", tmp_path / "run", "--device", "cpu", *QUICK)
    done = call(*words, "--set", "steps=1")
    assert done.status == 0
    assert bool(done.out) == bool(done.err) == (rank == "0")


@pytest.mark.parametrize("inside", [True, False])
def test_a_log_that_nobody_supervises_is_cut(tmp_path: Path, inside: bool) -> None:
    log = tmp_path / "log.txt"
    log.write_bytes(b"x\n" * 3_000_000)
    folder = tmp_path if inside else tmp_path / "other"
    code = (
        "import sys; from pathlib import Path; from napari_medssl.commands.train import Teller;"
        "Teller(Path(sys.argv[1]))({'event': 'checkpoint', 'step': 1})"
    )
    with open(log, "ab") as handle:
        subprocess.run([sys.executable, "-c", code, folder], stderr=handle, check=True)
    assert (log.stat().st_size < 2_000_000) == inside


def test_what_is_told_while_training(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    teller = Teller(tmp_path)
    for event in (
        {"event": "prepare", "text": "Reading scans", "done": 3, "total": 12},
        {"event": "start", "step": 0, "device": "cuda:0", "precision": "bfloat16", "labelled": 2, "unlabelled": 10},
        {"event": "validation", "step": 250, "metrics": {"dice": 0.81234, "error": None}, "best": True},
        {"event": "validation", "step": 500, "metrics": {}, "best": False},
        {"event": "step", "step": 500, "loss": None, "done": 1.0, "left": 0.0},
    ):
        teller(event)
    assert capfd.readouterr().err.splitlines() == [
        "Reading scans: 3 of 12, about 0 s left",
        "Training on cuda:0 (bfloat16) with 2 labelled and 10 unlabelled scans",
        "Validation at step 250: dice 0.8123, error -, the best so far",
        "Step 500, loss -, done",
    ]


def test_an_unknown_recipe(call: Call, data: Path, tmp_path: Path) -> None:
    assert "sli2vol" in call("train", "sli3vol", "--data", data, "--run", tmp_path / "run").refused()
    assert "sli2vol" in call("recipes", "sli3vol").refused()
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
def test_a_stopped_run_keeps_its_model_and_goes_on(call: Call, data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ("train", "sli2vol", "--data", str(data), "--run", str(run), *QUICK)
    process = subprocess.Popen(
        [sys.executable, "-m", "napari_medssl.cli", *words], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert any(line.startswith("Step ") for line in process.stderr)
    process.send_signal(signal.SIGTERM)
    said, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    assert "--resume" in said
    steps = json.loads((run / "my-model.json").read_text())["training"]["steps"]
    assert steps >= 1
    outcome = call(*words[:6], "--resume", "--set", f"steps={steps + 1}", "--json")
    assert (outcome.status, outcome.json["steps"]) == (0, steps + 1)


def test_settings_from_words() -> None:
    words = ["a=1", "b=1e-4", "c=true", "d=text", "e=[1, 2]", "f=", "g=x=y", "a=2"]
    assert parse_settings(words) == {"a": 2, "b": 1e-4, "c": True, "d": "text", "e": [1, 2], "f": "", "g": "x=y"}
    for wrong in ("a", "=1", "a b=1", "1=2"):
        with pytest.raises(BadInput):
            parse_settings([wrong])


def test_recipes_are_listed_with_every_setting(call: Call) -> None:
    listed = {one["name"]: one for one in call("recipes", "--json").json["recipes"]}
    assert listed.keys() == list_recipes().keys()
    for name, recipe in list_recipes().items():
        assert listed[name]["summary"] == recipe.summary
        assert (listed[name]["title"], listed[name]["group"]) == (recipe.title, recipe.group)
        assert [preset["settings"] for preset in listed[name]["presets"]] == [dict(p.settings) for p in recipe.presets]
        assert all(preset_settings(recipe, preset["name"]) == preset["settings"] for preset in listed[name]["presets"])
        shown = {one["name"]: one for one in call("recipes", name, "--json").json["settings"]}
        assert shown.keys() == recipe.settings_model.model_fields.keys()
        assert all(one["help"] for one in shown.values())
        words = call("recipes", name).out
        assert all(key in words for key in (*shown, *(preset["name"] for preset in listed[name]["presets"])))


def test_settings_are_described_in_words() -> None:
    from enum import StrEnum
    from typing import Literal

    from pydantic import BaseModel, Field

    class Colour(StrEnum):
        RED = "red"
        BLUE = "blue"

    class Settings(BaseModel):
        count: int = Field(3, ge=1, lt=9, multiple_of=3, description="How many.")
        share: float | None = Field(None, gt=0, le=1, description="How much.")
        kind: Literal["a", "b"] = Field("a", description="Which.")
        colour: Colour = Field(Colour.RED, description="What.")
        sizes: list[int] = Field([1], description="Sizes.")
        on: bool = Field(True, description="Whether.")
        must: str = Field(description="Needed.")

    found = {one["name"]: (one["type"], one["default"], one["range"]) for one in describe_settings(Settings)}
    assert found == {
        "count": ("whole number", 3, "≥ 1, < 9, multiple of 3"),
        "share": ("number or none", None, "> 0, ≤ 1"),
        "kind": ("choice", "a", "a, b"),
        "colour": ("choice", "red", "red, blue"),
        "sizes": ("list", [1], ""),
        "on": ("true or false", True, ""),
        "must": ("text", "(needed)", ""),
    }
