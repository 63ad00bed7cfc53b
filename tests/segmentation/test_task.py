"""The task: samples as a function of (seed, step, index), what it learns from, its card; and a whole run."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from segmentation.toys import BRIGHT, GREY, FewScans, balls

from napari_medssl.errors import BadInput
from napari_medssl.metrics import dice
from napari_medssl.segmentation import segment
from napari_medssl.segmentation.recipe import SEGMENTATION, SegmentationSettings
from napari_medssl.segmentation.task import Segmentation
from napari_medssl.training import check_settings, find_recipe, train
from napari_medssl.training.collection import Collection
from napari_medssl.training.data import find_cases
from napari_medssl.volumes import Geometry, read_volume, write_labels, write_volume


def task_of(scans=None, validation=(), **settings):
    settings = {"side": 16, "batch": 4, **settings}
    return Segmentation(SegmentationSettings(**settings), FewScans(scans or [balls()], validation=validation))


def test_samples_are_a_function_of_seed_step_and_index():
    task = task_of([balls(), balls((14, 30, 36))])
    whole = task.batch(3, range(4))
    other = pickle.loads(pickle.dumps(task))
    assert other.network is None
    np.random.seed(0)
    torch.manual_seed(0)
    parts = [other.batch(3, [2, 3]), task.batch(3, [0, 1])]
    for key in ("images", "labels"):
        assert torch.equal(whole[key], torch.cat([parts[1][key], parts[0][key]]))
    for step, seed in ((4, 0), (3, 1)):
        changed = task_of([balls(), balls((14, 30, 36))], seed=seed).batch(step, range(4))
        assert not torch.equal(whole["images"], changed["images"])
    assert whole["images"].shape == (4, 1, *task.plan.patch)
    assert whole["labels"].shape == (4, *task.plan.patch)
    assert set(whole["labels"].unique().tolist()) == {0, 1, 2}


def test_without_variation_samples_are_parts_of_the_scan():
    scan = balls()
    task = task_of([scan], augmentation="none", foreground=0.0)
    image, labels = task.sample(0, 0)
    scaled = task.scales[0].apply(scan.array)
    windows = np.lib.stride_tricks.sliding_window_view(scaled, image.shape)
    # centres need not be whole voxels, so the label map tells where the sample is from
    numbers = np.select([scan.labels == GREY, scan.labels == BRIGHT], [1, 2], 0)
    places = (np.lib.stride_tricks.sliding_window_view(numbers, labels.shape) == labels.numpy()).all((3, 4, 5))
    near = np.abs(windows[places] - image.numpy()).mean(axis=(1, 2, 3))
    assert near.min() < 0.15


def test_only_labelled_scans_are_learnt_from():
    bare = replace(balls((12, 40, 40)), labels=None)
    task = task_of([bare, balls(), bare])
    assert task.labelled == (1,)
    with pytest.raises(BadInput, match="None of the scans"):
        task_of([bare])
    with pytest.raises(BadInput, match="None of the scans"):
        task_of([replace(balls(), labels=np.zeros_like(balls().labels))])


def test_the_card_says_how_to_use_the_network():
    card = task_of(label_names="7=ball").card()
    assert card["settings"]["labels"] == [GREY, BRIGHT]
    assert card["settings"]["names"] == {"7": "ball"}
    assert "2, 7 ball" in card["summary"]
    with pytest.raises(BadInput, match="label 3"):
        task_of(label_names="3=nothing")


def test_validation_measures_scans_kept_back_and_shows_them():
    task = task_of([balls(), balls((14, 30, 36))], validation=(1,), label_names="7=ball")
    found = task.validate(task.network.eval(), torch.device("cpu"))
    assert set(found.metrics) == {"Dice", "Dice of label 2", "Dice of ball"}
    assert found.score == found.metrics["Dice"]
    np.testing.assert_allclose(found.score, np.mean([found.metrics["Dice of label 2"], found.metrics["Dice of ball"]]))
    ((_, scan), (_, drawn), (_, made)) = found.pictures[0].panels
    assert scan.shape == drawn.shape == made.shape == (30, 36)
    assert set(np.unique(drawn)) <= {0, 0.5, 1}
    assert drawn.any()


def test_without_scans_kept_back_training_scans_are_shown_and_choose_nothing():
    task = task_of()
    found = task.validate(task.network.eval(), torch.device("cpu"))
    assert found.score is None
    assert all(name.endswith("training scans") for name in found.metrics)


def test_the_loss_falls_to_the_terms_of_dice_and_cross_entropy():
    task = task_of()
    batch = task.batch(0, range(2))
    terms = task.loss(task.network, batch, None)
    assert [(term.name, term.samples, term.weight) for term in terms] == [("Dice", 2, 1.0), ("cross-entropy", 2, 1.0)]


def test_the_recipe_and_its_presets_are_sound():
    assert find_recipe("segmentation") is SEGMENTATION
    assert SEGMENTATION.needs_labels
    assert [preset.title for preset in SEGMENTATION.presets] == ["Laptop CPU", "Quick check", "One GPU"]
    for preset in SEGMENTATION.presets:
        check_settings(SEGMENTATION, preset.settings)
    with pytest.raises(BadInput, match="label_names"):
        check_settings(SEGMENTATION, {"label_names": "liver"})


def write_case(folder, name, scan, orientation="LPS"):
    """Write a scan with its labels, stored in another order of axes but lying at the same place."""
    for room in ("images", "labels"):
        (folder / room).mkdir(parents=True, exist_ok=True)
    path = folder / "images" / f"{name}.nii.gz"
    write_volume(path, scan.array, Geometry.from_spacing(scan.spacing))
    write_labels(folder / "labels" / path.name, scan.labels, Geometry.from_spacing(scan.spacing))
    for room in ("images", "labels"):
        image = sitk.DICOMOrient(sitk.ReadImage(str(folder / room / path.name)), orientation)
        sitk.WriteImage(image, str(folder / room / path.name))
    return folder


@pytest.mark.parametrize("orientation", ["RAS", "ASL", "SPR"])
@pytest.mark.parametrize("shared", [False, True])
def test_scans_are_seen_the_same_way_up_however_they_are_stored(tmp_path, orientation, shared):
    settings = SegmentationSettings(side=16, batch=3)
    tasks = []
    for name in ("LPS", orientation):
        folder = write_case(tmp_path / name, "one", balls(), name)
        collection = Collection.open(find_cases(folder), cache=tmp_path / f"{name} cache", validation=0, shared=shared)
        tasks.append(Segmentation(settings, collection))
    plain, turned = (task.batch(0, range(3)) for task in tasks)
    assert tasks[0].plan == tasks[1].plan
    torch.testing.assert_close(plain["images"], turned["images"])
    assert torch.equal(plain["labels"], turned["labels"])


def test_a_run_learns_to_find_what_is_drawn(tmp_path, monkeypatch):
    for number, shape in enumerate([(16, 32, 32), (14, 30, 36), (18, 34, 30)]):
        write_case(tmp_path / "data", f"scan{number}", balls(shape), ("LPS", "RAS", "ASL")[number])
    made = train(
        "segmentation", tmp_path / "data", tmp_path / "run", name="balls", seconds=0, steps=60, side=20, batch=2,
        validate_every=60, validation=0.3, learning_rate=5e-3, warm_up=5, average=0.9, workers=0, threads=1,
        device="cpu", precision="float32", foreground=0.8, tensorboard=False,
    )  # fmt: skip
    assert made.card.purpose == "segmentation"
    assert made.card.metrics["validation"]["Dice"] > 0.7
    monkeypatch.setenv("NAPARI_MEDSSL_MODELS", str(tmp_path / "run"))
    unseen = balls((13, 31, 37), (2.2, 1.1, 0.9))
    write_case(tmp_path / "new", "scan", unseen, "ASL")
    volume = read_volume(tmp_path / "new" / "images" / "scan.nii.gz")
    labels = segment(volume, model="balls", device="cpu").labels
    truth = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "new" / "labels" / "scan.nii.gz")))
    for label in (GREY, BRIGHT):
        assert dice(labels, truth, label) > 0.7
