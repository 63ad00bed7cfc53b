"""The scans of a run: all there, the same wherever they lie, and no more of them in memory than was asked for."""

from __future__ import annotations

import multiprocessing
import pickle
import tracemalloc
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import psutil
import pytest
from training.scan_folders import data_folder, half, noise

from napari_medssl.errors import BadInput
from napari_medssl.training import check as check_module
from napari_medssl.training.collection import Collection
from napari_medssl.training.data import find_cases


@pytest.fixture
def folder(tmp_path):
    images = {f"p{i}_{phase}": noise(10 * i + n) for i in range(6) for n, phase in enumerate(("ED", "ES"))}
    return data_folder(tmp_path / "data", images, {name: half(2) for name in list(images)[:6]})


def check_sum(collection):
    return [int(collection.scan(i).array.astype(np.int64).sum()) for i in range(len(collection))]


def test_scans_labels_and_split(folder):
    collection = Collection.open(find_cases(folder), cache=None, validation=0.3)
    assert len(collection) == 12
    assert [case.name for case in collection.cases[:2]] == ["p0_ED", "p0_ES"]
    for index in range(12):
        scan = collection.scan(index)
        assert np.array_equal(scan.array, noise(10 * (index // 2) + index % 2))
        assert scan.spacing == pytest.approx((2.5, 0.8, 0.7), rel=1e-6)
        assert (scan.labels is None) == (index >= 6)
    assert collection.label_values == (2,)
    assert collection.labelled(range(12)) == tuple(range(6))
    assert collection.unlabelled((5, 7, 6)) == (7, 6)
    assert sorted(collection.training + collection.validation) == list(range(12))
    assert len(collection.validation) == 4  # a patient with labels and one without, two scans each
    assert len(collection.labelled(collection.validation)) == 2
    assert collection.report.patients == 6


def test_copies_of_a_scan_stay_on_one_side_of_the_split(tmp_path):
    images = {f"p{i}": noise(i // 2) for i in range(20)}  # each scan twice, under two patients' names
    collection = Collection.open(find_cases(data_folder(tmp_path, images)), cache=None, validation=0.3)
    kept_back = {index // 2 for index in collection.validation}
    assert len(collection.validation) == 2 * len(kept_back) == 6


@pytest.mark.parametrize("where", ["memory", "disk", "both"])
def test_scans_are_the_same_wherever_they_lie(folder, tmp_path, where):
    cases = find_cases(folder)
    expected = check_sum(Collection.open(cases, cache=None))
    gigabytes = {"memory": 1.0, "disk": 1e-12, "both": 2e-6}[where]
    collection = Collection.open(cases, cache=tmp_path / "cache", memory_gb=gigabytes)
    mapped = [isinstance(collection.scan(i).array, np.memmap) for i in range(12)]
    assert {"memory": not any(mapped), "disk": all(mapped), "both": 0 < sum(mapped) < 12}[where]
    assert check_sum(collection) == expected


def test_a_resumed_run_reads_nothing_again_that_is_in_the_cache(folder, tmp_path, monkeypatch):
    cases = find_cases(folder)
    read = []
    original = check_module.read_case
    monkeypatch.setattr(check_module, "read_case", lambda case: (read.append(case.name), original(case))[1])
    first = Collection.open(cases, cache=tmp_path / "cache", shared=True)
    assert len(read) == 12
    read.clear()
    next((tmp_path / "cache").glob("*.image.npy")).unlink()
    told = []
    again = Collection.open(
        cases, cache=tmp_path / "cache", shared=True, on_progress=lambda *counts: told.append(counts)
    )
    assert len(read) == 1
    assert told[-1] == (12, 12)
    assert again.report == first.report
    assert check_sum(again) == check_sum(first)
    assert (again.training, again.validation) == (first.training, first.validation)


def test_a_folder_larger_than_the_budget_takes_no_more_memory(tmp_path):
    images = {f"s{i}": noise(i, (32, 128, 128)) for i in range(20)}
    scan_bytes = images["s0"].nbytes
    folder = data_folder(tmp_path / "data", images)
    budget = 4 * scan_bytes
    tracemalloc.start()
    try:
        collection = Collection.open(find_cases(folder), cache=tmp_path / "cache", memory_gb=budget / 1e9)
        kept, peak = tracemalloc.get_traced_memory()
        for name, index in zip(sorted(images), range(20), strict=True):
            assert np.array_equal(collection.scan(index).array[7], images[name][7])
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < budget + scan_bytes / 2
    assert peak < budget + 12 * scan_bytes  # the three that are being read, and what reading them takes
    assert after < budget + scan_bytes / 2


def test_asking_for_scans_leaves_no_file_open(folder):
    collection = Collection.open(find_cases(folder), cache=None, shared=True)
    collection.scan(0)
    before = psutil.Process().num_fds() if hasattr(psutil.Process, "num_fds") else psutil.Process().num_handles()
    for index in range(12):
        collection.scan(index)
    after = psutil.Process().num_fds() if hasattr(psutil.Process, "num_fds") else psutil.Process().num_handles()
    assert after <= before


def test_it_can_be_sent_to_another_process_that_reads_the_same_files(folder, tmp_path):
    collection = Collection.open(find_cases(folder), cache=tmp_path / "cache", shared=True)
    assert len(pickle.dumps(collection)) < 30_000
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(check_sum, collection).result() == check_sum(collection)


def test_a_temporary_cache_goes_with_the_collection(folder):
    collection = Collection.open(find_cases(folder), cache=None, shared=True)
    sent = pickle.loads(pickle.dumps(collection))
    place = collection._kept[0].image.path.parent
    assert len(list(place.iterdir())) == 12 * 2 + 6
    del sent
    assert place.is_dir()
    del collection
    assert not place.exists()


def test_unusable_scans_are_refused_or_left_out(folder):
    for name in ("p0_ED", "p5_ES"):
        (folder / "images" / f"{name}.nii.gz").write_bytes(b"nothing")
    cases = find_cases(folder)
    with pytest.raises(BadInput, match=r"^2 of 12 scans cannot be used; the first: .*p0_ED.*leave_out_unusable"):
        Collection.open(cases, cache=None)
    collection = Collection.open(cases, cache=None, leave_out_unusable=True, validation=0)
    assert [case.name for case in collection.cases] == [c.name for c in cases if c.name not in ("p0_ED", "p5_ES")]
    assert collection.labelled(range(10)) == tuple(range(5))
    assert collection.training == tuple(range(10))
    assert np.array_equal(collection.scan(0).array, noise(1))
    assert collection.report.unusable == 2


def test_labels_are_asked_for_where_they_are_needed(tmp_path):
    cases = find_cases(data_folder(tmp_path, {"a": noise(1), "b": noise(2)}))
    assert Collection.open(cases, cache=None).label_values == ()
    with pytest.raises(BadInput, match="Scans with labels are needed, and none here has any"):
        Collection.open(cases, cache=None, needs_labels=True)


def test_reading_can_be_stopped_from_its_progress(folder, tmp_path):
    class Enough(Exception):
        pass

    def stop(done, total):
        if done == 3:
            raise Enough

    with pytest.raises(Enough):
        Collection.open(find_cases(folder), cache=tmp_path / "cache", shared=True, on_progress=stop)
    assert len(list((tmp_path / "cache").glob("*.json"))) == 3
