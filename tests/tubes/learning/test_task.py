"""The recipe `ddt` from end to end on small scans, and what its task makes of them."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from napari_medssl import tubes
from napari_medssl.errors import BadInput
from napari_medssl.training import train
from napari_medssl.training.collection import Collection
from napari_medssl.training.data import find_cases
from napari_medssl.training.recipes import check_settings, find_recipe
from napari_medssl.training.strategy import Moment
from napari_medssl.tubes.model import TubePlan
from napari_medssl.tubes.networks import build_network

SMALL = {"side": 32, "trees": 4, "largest": 5, "batch": 2, "device": "cpu", "threads": 1, "workers": 0}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Three scans with a bright rod of label 2, and a small box of label 1."""
    folder = tmp_path_factory.mktemp("tubes")
    for part in ("images", "labels"):
        (folder / part).mkdir()
    for index in range(3):
        z, y, x = np.ogrid[:32, :36, :40]
        labels = (((z - 12 - index) ** 2 + (y - 17) ** 2 + 0 * x) <= 16).astype(np.uint8) * 2
        labels[2:4, 2:4, 2:4] = 1
        scan = np.random.default_rng(index).normal(0, 20, labels.shape) + 200.0 * (labels == 2)
        for part, array in (("images", scan.astype(np.int16)), ("labels", labels)):
            image = sitk.GetImageFromArray(array)
            image.SetSpacing((1.0, 1.0, 1.2))
            sitk.WriteImage(image, str(folder / part / f"case{index}.nii.gz"))
    return folder


def make_task(data, **changes):
    recipe = find_recipe("ddt")
    settings = check_settings(recipe, {**SMALL, **changes})
    collection = Collection.open(find_cases(data), cache=None, validation=settings.validation)
    return recipe.build(settings, collection).task


def test_classes_come_from_the_masks(data):
    assert make_task(data, synthetic=0, label=2).plan.classes == 3  # radius 4: three voxels and more to the surface
    assert make_task(data, synthetic=0.5).plan.classes == 5
    assert make_task(data, synthetic=1).plan.tubes == "bright"
    assert make_task(data, synthetic=0).plan.tubes == "own"


def test_batches_depend_on_seed_step_and_index_alone(data):
    one, two = make_task(data, synthetic=0.5), make_task(data, synthetic=0.5)
    two.batch(7, [3])  # other samples before change nothing
    for name, values in one.batch(4, [0, 1, 2]).items():
        torch.testing.assert_close(values[1:2], two.batch(4, [1])[name])
    assert not torch.equal(one.batch(4, [0])["images"], one.batch(5, [0])["images"])


def test_samples_of_scans_show_the_label_that_was_asked_for(data):
    task = make_task(data, synthetic=0, label=2, foreground=1.0)
    batch = task.batch(0, range(6))
    inside = batch["images"][:, 0][batch["truth"]]
    assert float(batch["truth"].float().mean()) > 0.02
    assert float(inside.mean()) > float(batch["images"][:, 0][~batch["truth"]].mean()) + 1
    assert int(batch["classes"].max()) == task.plan.classes == 3


@pytest.mark.parametrize("loss", ["overlap", "balanced", "cldice", "skeleton"])
@pytest.mark.parametrize("architecture", ["unet", "residual"])
def test_every_loss_reaches_every_weight(data, loss, architecture):
    task = make_task(data, loss=loss, architecture=architecture)
    network = task.network.train()
    terms = task.loss(network, task.batch(0, [0, 1]), Moment(0, 0.0, network))
    sum(term.value * term.weight for term in terms).backward()
    assert terms[-1].name == "radii"
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("architecture", ["unet", "residual"])
def test_networks_answer_for_every_voxel(architecture):
    plan = TubePlan(architecture=architecture, widths=(4, 4, 6), classes=5)
    network = build_network(plan).eval()
    assert network(torch.zeros(2, 1, 8, 12, 16)).shape == (2, 7, 8, 12, 16)
    answers = network.train()(torch.zeros(2, 1, 8, 12, 16))
    shapes = {tuple(answer.shape) for answer in (answers if isinstance(answers, list) else [answers])}
    assert shapes == {(2, 7, 8, 12, 16)}


def test_a_short_training_finds_the_rod_in_a_scan_it_has_not_seen(data, tmp_path):
    trained = train(
        "ddt", data, tmp_path / "run", name="rods", steps=40, seconds=0, validation=0.34, validate_every=40,
        label=2, synthetic=0, warm_up=5, learning_rate=5e-3, average=0.9, seed=1, **SMALL,
    )  # fmt: skip
    metrics = trained.card.metrics["validation"]
    assert metrics["Dice"] > 0.7
    assert metrics["clDice"] > 0.7
    assert trained.card.purpose == tubes.PURPOSE


def test_scans_without_the_label_are_refused(data):
    with pytest.raises(BadInput, match="label 9"):
        make_task(data, label=9)
