"""The task of the recipe `sli2vol`: its samples, its validation, and models to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_medssl.errors import BadInput
from napari_medssl.models import load_weights
from napari_medssl.propagation.learning.judging import rebuilding_error
from napari_medssl.training import find_cases, find_recipe, train
from napari_medssl.training.collection import Collection
from napari_medssl.training.events import read_events
from napari_medssl.training.strategy import Moment
from napari_medssl.volumes import Geometry, write_labels, write_volume
from napari_medssl.volumes.phantoms import blobs

QUICK: dict[str, Any] = {
    "seconds": 0, "steps": 4, "batch": 4, "synthetic": 2, "shapes": 3, "side": 32, "device": "cpu",
    "precision": "float32",
}  # fmt: skip


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Three scans; two have labels."""
    folder = tmp_path / "data"
    for room in ("images", "labels"):
        (folder / room).mkdir(parents=True)
    for seed in range(3):
        image, labels = blobs((10, 48, 48), seed=seed)
        write_volume(folder / "images" / f"p{seed}.nii.gz", image, Geometry())
        if seed:
            write_labels(folder / "labels" / f"p{seed}.nii.gz", labels, Geometry())
    return folder


def task(scans: Path, **changes: Any) -> Any:
    recipe = find_recipe("sli2vol")
    settings = recipe.settings_model.model_validate({**QUICK, **changes})
    return recipe.build(settings, Collection.open(find_cases(scans), cache=None, validation=0.3)).task


def test_a_sample_is_a_function_of_step_and_place_whatever_else_is_asked_for(scans: Path) -> None:
    made = task(scans)
    whole = made.batch(7, range(4))
    assert whole["images"].shape == (4, 2, 32, 32)
    assert whole["labels"].shape == (2, 2, 32, 32)
    for place in range(4):
        alone = made.batch(7, [place])
        assert torch.equal(alone["images"][0], whole["images"][place])
        assert torch.equal(alone["keys"][:, 0], whole["keys"][:, place])
        assert len(alone["labels"]) == (place >= 2)
    assert not torch.equal(made.batch(8, range(4))["images"], whole["images"])


def test_terms_of_parts_of_a_batch_weigh_up_to_those_of_the_whole(scans: Path) -> None:
    made = task(scans)
    made.network.eval()  # the statistics of a batch depend on all of it
    moment = Moment(0, 0.0, made.network)
    with torch.no_grad():
        whole = {term.name: term for term in made.loss(made.network, made.batch(3, range(4)), moment)}
        parts = [made.loss(made.network, made.batch(3, places), moment) for places in ((0, 3), (1, 2))]
        lone = made.loss(made.network, made.batch(3, [0]), moment)
    for name, term in whole.items():
        same = [t for part in parts for t in part if t.name == name]
        assert sum(t.samples for t in same) == term.samples == 2
        mean = sum(float(t.value) * t.samples for t in same) / term.samples
        assert mean == pytest.approx(float(term.value), rel=1e-4)
    assert [(t.name, t.samples) for t in lone] == [("pixels", 1), ("masks", 0)]


def test_scans_with_labels_let_validation_tell_how_well_masks_are_propagated(scans: Path) -> None:
    made = task(scans)
    made.network.eval()
    with torch.no_grad():
        result = made.validate(made.network, torch.device("cpu"))
    assert 0 < result.metrics["propagation Dice"] <= 1
    assert result.score == result.metrics["propagation Dice"]
    for picture in result.pictures:
        assert [caption for caption, _ in picture.panels] == ["neighbour (input)", "slice (target)", "rebuilt"]
        assert all(panel.shape == (32, 32) for _, panel in picture.panels)
    for path in (scans / "labels").iterdir():
        path.unlink()
    made = task(scans)
    result = made.validate(made.network.eval(), torch.device("cpu"))
    assert list(result.metrics) == ["rebuilding error"]
    assert result.score == -result.metrics["rebuilding error"]


def test_a_run_in_bfloat16_validates_by_propagating_masks(scans: Path, tmp_path: Path) -> None:
    result = train("sli2vol", scans, tmp_path / "run", **(QUICK | {"precision": "bfloat16", "validation": 0.3}))
    assert 0 < result.card.metrics["validation"]["propagation Dice"] <= 1


def test_the_rebuilding_error_is_one_for_the_neighbour_itself_and_none_for_the_slice() -> None:
    pairs = torch.from_numpy(np.random.default_rng(0).random((3, 2, 16, 16)))
    assert rebuilding_error(pairs, pairs[:, 0], 1) == pytest.approx(1)
    assert rebuilding_error(pairs, pairs[:, 1], 1) == 0


def test_a_process_that_prepares_samples_changes_nothing(scans: Path, tmp_path: Path) -> None:
    curves = []
    for number in (0, 1):
        run = tmp_path / f"run{number}"
        train("sli2vol", scans, run, **QUICK, workers=number, name="m")
        curves.append([event["loss"] for event in read_events(run / "events.jsonl") if event["event"] == "step"])
        assert not (run / "cache").exists()
    assert curves[0] == curves[1]
    assert len(curves[0]) == 4


def test_a_run_can_start_from_a_model_but_only_from_one_that_fits(scans: Path, tmp_path: Path) -> None:
    before = load_weights("default")[1]
    slow = {"learning_rate": 1e-9, "steps": 1, "average": 0}
    train("sli2vol", scans, tmp_path / "run", **(QUICK | slow), start="default", name="m")
    from safetensors.torch import load_file

    after = load_file(tmp_path / "run" / "m.safetensors")
    assert torch.allclose(after["head.weight"], before["head.weight"], atol=1e-6)
    with pytest.raises(BadInput, match="another network"):
        train("sli2vol", scans, tmp_path / "other", **QUICK, start="sli2vol-paper")
    with pytest.raises(BadInput, match="no model 'none'"):
        train("sli2vol", scans, tmp_path / "third", **QUICK, start="none")


def test_scans_with_nothing_in_them_are_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    image = np.zeros((6, 40, 40), np.float32)
    image[0, 0, 0] = 1
    write_volume(tmp_path / "images" / "empty.nii.gz", image, Geometry())
    with pytest.raises(BadInput, match="show nothing to learn from"):
        train("sli2vol", tmp_path, tmp_path / "run", **QUICK)


def test_chains_come_first_and_do_not_change_the_pairs(scans: Path) -> None:
    made = task(scans, chains=1, regions=2, chain_slices=4, batch=4, synthetic=1)
    whole = made.batch(3, range(4))
    assert whole["chains"].shape == whole["masks"].shape == (1, 4, 32, 32)
    assert whole["starts"].shape == (1, 32, 32)
    assert whole["images"].shape == (3, 2, 32, 32)
    assert len(made.batch(3, [2])["chains"]) == 0
    assert torch.equal(made.batch(3, [2])["images"][0], whole["images"][1])
    assert len(made.batch(3, [0])["images"]) == 0
    names = [term.name for term in made.loss(made.network, whole, Moment(0, 0.0, made.network))]
    assert names == ["pixels", "masks", "refined masks", "copied masks"]


def test_a_share_without_chains_still_uses_every_parameter(scans: Path) -> None:
    made = task(scans, chains=1, regions=0, shapes=3, chain_slices=4)
    terms = made.loss(made.network, made.batch(0, [2, 3]), Moment(0, 0.0, made.network))
    sum(term.value for term in terms).backward()
    assert all(p.grad is not None for p in made.network.parameters())


def test_labels_are_learnt_from_unless_that_is_turned_off(scans: Path) -> None:
    settings = {"chains": 1, "regions": 0, "shapes": 0, "synthetic": 0, "chain_slices": 4}
    assert len(task(scans, **settings).batch(0, [0])["chains"]) == 1
    with pytest.raises(BadInput, match="labelled scans"):
        task(scans, **settings, learn_labels=False)


def test_chains_that_cannot_be_are_refused(scans: Path) -> None:
    with pytest.raises(BadInput, match="batch"):
        task(scans, chains=3, synthetic=2)
    with pytest.raises(BadInput, match="published network"):
        task(scans, chains=1, network="paper")


def test_a_refiner_may_start_from_a_model_without_one(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = tmp_path / "shelf"
    monkeypatch.setenv("NAPARI_MEDSSL_MODELS", str(shelf))
    train("sli2vol", scans, shelf, name="plain", **{**QUICK, "steps": 1})
    done = train(
        "sli2vol",
        scans,
        tmp_path / "run",
        name="refined",
        start="plain",
        **{**QUICK, "steps": 1, "chains": 1, "regions": 2},
    )
    assert done is not None
    _, tensors = load_weights("plain")
    assert not any(key.startswith("refiner.") for key in tensors)
