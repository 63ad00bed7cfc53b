import json
import os

import pytest
import torch

from napari_medssl.errors import BadInput
from napari_medssl.models import load_weights
from napari_medssl.training import find_cases, find_recipe, train
from napari_medssl.training.collection import Collection
from napari_medssl.training.events import read_events
from napari_medssl.training.strategy import Moment


def weights(folder, monkeypatch):
    monkeypatch.setenv("NAPARI_MEDSSL_MODELS", str(folder))
    return load_weights("my-model")[1]


def test_a_run_leaves_a_model_that_propagates_with_settings_events_and_card(scans, quick, tmp_path, monkeypatch):
    heard = []
    result = train("sli2vol", scans, tmp_path / "run", on_event=heard.append, **(quick | {"steps": 12}))
    assert result.complete
    assert result.steps == 12
    events = read_events(tmp_path / "run" / "events.jsonl")
    assert events == heard
    kinds = [event["event"] for event in events]
    assert kinds.count("step") == 10  # every one of the first ten, then every tenth
    assert [kinds[0], *kinds[-3:]] == ["prepare", "validation", "checkpoint", "end"]
    step = next(event for event in events if event["event"] == "step")
    assert step["figures"].keys() == {"pixels", "masks"}
    assert step["loss"] == pytest.approx(step["figures"]["pixels"] + step["figures"]["masks"], abs=1e-5)
    assert step["memory"] > 1e8
    assert 0 <= step["waiting"] <= 1
    assert all((tmp_path / "run" / name).is_file() for name in events[-3]["pictures"])
    assert not (tmp_path / "run" / "cache").exists()
    assert json.loads((tmp_path / "run" / "settings.json").read_text())["recipe"] == "sli2vol"
    assert result.card.training["steps"] == 12
    assert not (tmp_path / "run" / "lock").exists()

    monkeypatch.setenv("NAPARI_MEDSSL_MODELS", str(tmp_path / "run"))
    from napari_medssl.propagation import propagate
    from napari_medssl.volumes.phantoms import blobs

    image, truth = blobs((6, 48, 48), seed=5)
    seeds = truth * 0
    seeds[3] = truth[3]
    assert propagate(image, seeds, model="my-model", device="cpu").complete


def test_training_lowers_the_loss_on_samples_it_has_not_seen(scans, quick, tmp_path, monkeypatch):
    recipe = find_recipe("sli2vol")
    settings = recipe.settings_model(**(quick | {"synthetic": 2, "shapes": 20, "steps": 80}))
    task = recipe.build(settings, Collection.open(find_cases(scans), cache=None)).task

    def loss():
        task.network.train()  # the statistics of the batch, for both; the running ones are young after so few steps
        moment = Moment(0, 0.0, task.network)
        with torch.no_grad():
            batches = [task.batch(step, (0, 1)) for step in range(1000, 1012)]
            return sum(float(term.value) for batch in batches for term in task.loss(task.network, batch, moment))

    before = loss()
    train("sli2vol", scans, tmp_path / "run", **settings.model_dump())
    task.network.load_state_dict(weights(tmp_path / "run", monkeypatch))
    assert loss() < 0.8 * before


def test_a_cancelled_run_resumes_to_the_weights_of_an_uninterrupted_one(scans, quick, tmp_path, monkeypatch):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train("sli2vol", scans, whole, **quick)
    steps = [0]
    listen = lambda event: steps.append(event.get("step", 0))  # noqa: E731
    first = train("sli2vol", scans, parts, on_event=listen, cancelled=lambda: steps[-1] >= 3, **quick)
    assert not first.complete
    assert first.steps == 3
    second = train("sli2vol", scans, parts, resume=True)
    assert second.complete
    assert second.steps == 6
    one, other = weights(whole, monkeypatch), weights(parts, monkeypatch)
    assert one.keys() == other.keys()
    for key in one:
        assert torch.equal(one[key], other[key]), key


def test_a_cancel_file_stops_a_run_and_keeps_the_model(scans, quick, tmp_path, monkeypatch):
    def listen(event):
        if event["event"] == "step" and event["step"] == 10:
            (tmp_path / "run" / "cancel").touch()

    result = train("sli2vol", scans, tmp_path / "run", on_event=listen, **(quick | {"steps": 1000}))
    assert not result.complete
    assert result.steps == 10
    assert weights(tmp_path / "run", monkeypatch)
    assert not (tmp_path / "run" / "cancel").exists()


def test_the_callers_randomness_is_left_alone(scans, quick, tmp_path):
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    train("sli2vol", scans, tmp_path / "run", **(quick | {"steps": 2}))
    assert torch.equal(torch.rand(4), expected)


def test_another_runs_folder_is_not_written_over(scans, quick, tmp_path):
    train("sli2vol", scans, tmp_path / "run", **(quick | {"steps": 1}))
    with pytest.raises(BadInput, match="already holds a run"):
        train("sli2vol", scans, tmp_path / "run", **quick)
    (tmp_path / "run" / "lock").write_text(json.dumps({"pid": os.getppid()}))
    with pytest.raises(BadInput, match="still going"):
        train("sli2vol", scans, tmp_path / "run", resume=True)
    (tmp_path / "run" / "lock").unlink()
    (tmp_path / "run" / "checkpoint.safetensors").write_bytes(b"no")
    with pytest.raises(BadInput, match="checkpoint"):
        train("sli2vol", scans, tmp_path / "run", resume=True, steps=5)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"recipe": "alchemy"}, "no recipe 'alchemy'"),
        ({"data": "nowhere"}, "does not exist"),
        ({"colour": "red"}, "no setting 'colour'"),
        ({"batch": 0}, "Setting batch"),
        ({"steps": 0}, "Give the run an end"),
        ({"device": "abacus"}, "has no device"),
        ({"synthetic": 9}, "cannot exceed batch"),
        ({"nearest": 9}, "cannot exceed furthest"),
        ({"resume": True}, "no run to resume"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(scans, quick, tmp_path, change, sentence):
    arguments = {"recipe": "sli2vol", "data": scans, "run_dir": tmp_path / "run"} | quick | change
    with pytest.raises(BadInput, match=sentence):
        train(arguments.pop("recipe"), arguments.pop("data"), arguments.pop("run_dir"), **arguments)


def test_an_unreadable_scan_is_named(scans, quick, tmp_path):
    (scans / "images" / "broken.nii.gz").write_bytes(b"not a scan")
    with pytest.raises(BadInput, match=r"broken\.nii\.gz"):
        train("sli2vol", scans, tmp_path / "run", **quick)
