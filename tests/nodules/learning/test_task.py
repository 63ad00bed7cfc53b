"""The recipes `nodules` and `focalmix` from end to end on small scans, and what their tasks make of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from napari_medssl.errors import BadInput
from napari_medssl.nodules import Nodule, write_findings
from napari_medssl.nodules.learning.focalmix import FocalMix, soft_targets
from napari_medssl.strategies.targets import sharpen
from napari_medssl.training import train
from napari_medssl.training.collection import Collection
from napari_medssl.training.data import find_cases
from napari_medssl.training.recipes import check_settings, find_recipe
from napari_medssl.training.strategy import Moment
from tests.nodules.toys import scans_with_balls

SMALL: dict[str, Any] = {"side": 32, "batch": 2, "device": "cpu", "threads": 1, "workers": 0, "precision": "float32"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five scans of lung with a ball in each; nobody looked at the last two."""
    return scans_with_balls(tmp_path_factory.mktemp("nodules"))


def make(data: Path, name: str = "nodules", **changes: Any) -> Any:
    recipe = find_recipe(name)
    settings = check_settings(recipe, {**SMALL, "validation": 0, **changes})
    return recipe.build(settings, Collection.open(find_cases(data), cache=None, validation=0))


def test_scans_that_nobody_looked_at_are_told_from_others_and_patients_are_kept_back(data: Path) -> None:
    task = make(data, validation=0.4).task
    assert len(task.labelled) == 2
    assert len(task.validation) == 1
    assert len(task.unlabelled) == 2
    assert task.counts == {"labelled": 3, "unlabelled": 2}
    assert all(len(task.known[index].nodules) == 1 for index in (*task.labelled, *task.validation))
    assert not any(len(task.known[index].nodules) for index in task.unlabelled)


@pytest.mark.parametrize("name", ["nodules", "focalmix"])
def test_batches_depend_on_seed_step_and_index_alone(data: Path, name: str) -> None:
    one, two = make(data, name), make(data, name)
    two.batch(7, [3])  # other samples before change nothing
    for key, values in one.batch(4, [0, 1, 2]).items():
        if key != "mixing":
            torch.testing.assert_close(values[1:2], two.batch(4, [1])[key], equal_nan=True)
    assert not torch.equal(one.batch(4, [0])["images"], one.batch(5, [0])["images"])


def test_anchors_that_answer_lie_on_something_bright(data: Path) -> None:
    task = make(data, on_nodules=1.0).task
    batch = task.batch(0, range(8))
    centres, _ = task.plan.anchors.flat((32, 32, 32))
    sample, anchor = torch.nonzero(batch["truth"], as_tuple=True)
    assert len(sample) >= 6
    places = torch.from_numpy(centres)[anchor].round().long().clamp(0, 31)
    seen = batch["images"][sample, 0, places[:, 0], places[:, 1], places[:, 2]]
    assert float(seen.mean()) > 0.6 > 0.3 > float(batch["images"].median())


@pytest.mark.parametrize("mixup", ["none", "image", "both"])
@pytest.mark.parametrize("teacher", ["average", "current"])
def test_every_weight_learns_from_both_kinds_of_scans(data: Path, mixup: str, teacher: str) -> None:
    strategy = make(data, "focalmix", mixup=mixup, teacher=teacher, augmentations=2)
    network = strategy.task.network.train()
    terms = strategy.loss(network, strategy.batch(3, [0, 1]), Moment(3, 0.9, network))
    assert [term.name for term in terms] == ["scores", "places", "unlabelled scores"]
    assert network.training
    sum(term.value * term.weight for term in terms).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_unlabelled_scans_count_more_and_more_after_a_start_without_them(data: Path) -> None:
    strategy = make(data, "focalmix", alone=0.2, ramp=0.5, unlabelled_weight=3.0, augmentations=1)
    batch, network = strategy.batch(0, [0]), strategy.task.network.eval()
    alone = strategy.loss(network, batch, Moment(0, 0.19, network))
    assert [term.name for term in alone] == ["scores", "places"]
    weights = [strategy.loss(network, batch, Moment(0, done, network))[-1].weight for done in (0.4, 0.6, 1)]
    assert weights == pytest.approx([1.5, 3, 3])
    at_once = make(data, "focalmix", alone=0.2, ramp=0.0)
    assert isinstance(at_once, FocalMix)
    assert [at_once.rise(Moment(0, done, network)) for done in (0.0, 0.19, 0.21)] == [0, 0, 1]


def test_what_the_teacher_says_of_a_patch_does_not_depend_on_those_beside_it(data: Path) -> None:
    strategy = make(data, "focalmix", augmentations=1)
    assert isinstance(strategy, FocalMix)
    teacher, batch = strategy.task.network.eval(), strategy.batch(0, [0, 1])
    both = strategy.targets(batch, Moment(0, 0.9, teacher))
    alone = soft_targets(teacher, batch["unlabelled"][:1], batch["turns"][:1])
    torch.testing.assert_close(sharpen(alone, 0.7, 0.9), both[:1], atol=1e-5, rtol=1e-3)
    assert not teacher.training


def test_targets_are_sharpened(data: Path) -> None:
    strategy = make(data, "focalmix", augmentations=2, pivot=0.5)
    plain = make(data, "focalmix", augmentations=2, temperature=1.0)
    assert isinstance(strategy, FocalMix)
    assert isinstance(plain, FocalMix)
    network = strategy.task.network.eval()
    batch, moment = strategy.batch(0, [0]), Moment(0, 0.0, network)
    p, sharp = plain.targets(batch, moment).double(), strategy.targets(batch, moment)
    wanted = p ** (1 / 0.7) / (p ** (1 / 0.7) + (1 - p) ** (1 / 0.7))
    torch.testing.assert_close(sharp, wanted.float())


def test_a_short_training_finds_the_ball_in_a_scan_it_has_not_seen(data: Path, tmp_path: Path) -> None:
    trained = train(
        "nodules", data, tmp_path / "run", name="balls", steps=60, seconds=0, validation=0.4, validate_every=60,
        warm_up=5, learning_rate=5e-3, average=0.9, on_nodules=0.8, **SMALL,
    )  # fmt: skip
    assert trained.card.metrics["validation"]["CPM"] > 0.7
    assert trained.card.purpose == "nodules"
    assert trained.card.training["scans"] == {"labelled": 3, "unlabelled": 2}
    assert "not for diagnosis" in trained.card.limits
    assert list((tmp_path / "run" / "pictures").iterdir())


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(data: Path, tmp_path: Path) -> None:
    settings = {"name": "one", "seconds": 0, "validation": 0, "augmentations": 2, "schedule": "constant", **SMALL}
    settings |= {"ramp": 0.0, "alone": 0.0}  # which follow the budget
    train("focalmix", data, tmp_path / "whole", steps=4, **settings)
    train("focalmix", data, tmp_path / "parts", steps=2, **settings)
    train("focalmix", data, tmp_path / "parts", resume=True, steps=4)
    whole, parts = (load_file(tmp_path / name / "one.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(whole[key], parts[key]) for key in whole)


def test_folders_that_teach_nothing_are_refused(data: Path, tmp_path: Path) -> None:
    (tmp_path / "images").symlink_to(data / "images")
    with pytest.raises(BadInput, match=r"annotations\.csv"):
        make(tmp_path)
    for name in ("annotations.csv", "seriesuids.csv"):
        (tmp_path / name).write_bytes((data / name).read_bytes())
    (tmp_path / "seriesuids.csv").write_text("".join(f"scan{index}\n" for index in range(5)))
    with pytest.raises(BadInput, match="Every scan of the folder is annotated"):
        make(tmp_path, "focalmix")
    write_findings(tmp_path / "annotations.csv", {"scan1": [Nodule((500, 0, 0), 9)]}, probability=False)
    with pytest.raises(BadInput, match="outside the scan"):
        make(tmp_path)
