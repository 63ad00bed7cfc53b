"""Scans that are kept are the scans that were read, and what a crash leaves is used only where it is whole."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from training.scan_folders import GEOMETRY, data_folder, half, noise

from napari_medssl.errors import BadInput
from napari_medssl.training import store as store_module
from napari_medssl.training.data import find_cases
from napari_medssl.training.facts import Scan, _small, read_case
from napari_medssl.training.store import OnDisk, Store, available_memory, memory_budget
from napari_medssl.volumes.orientation import Display


@pytest.fixture
def case(tmp_path):
    lying = replace(GEOMETRY, direction=(0, -1, 0, 1, 0, 0, 0, 0, -1))  # none of its axes runs as axes do by themselves
    (found,) = find_cases(data_folder(tmp_path / "data", {"smith": noise(1)}, {"smith": half(300)}, lying))
    return found


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def keep(case, cache, budget=0):
    return Store(cache, budget).keep(case, *read_case(case))


def same(scan, other):
    assert np.array_equal(scan.array, other.array)
    assert np.array_equal(scan.labels, other.labels)
    assert (scan.array.dtype, scan.labels.dtype, scan.spacing) == (other.array.dtype, other.labels.dtype, other.spacing)
    assert scan.display == other.display != Display()
    return True


def test_a_scan_within_the_budget_stays_in_memory(case, cache):
    scan, facts = read_case(case)
    store = Store(cache, 2 * scan.bytes - 1)
    assert store.keep(case, scan, facts) is scan
    assert isinstance(store.keep(case, scan, facts), OnDisk)
    assert not isinstance(scan.array, np.memmap)


def test_a_scan_on_disk_is_mapped_and_comes_back_for_the_next_part_of_a_run(case, cache):
    scan, facts = read_case(case)
    kept = keep(case, cache)
    assert isinstance(kept.open().array, np.memmap)
    assert not kept.open().array.flags.writeable
    assert same(kept.open(), scan)
    recalled, known = Store(cache, 1e9).recall(case)
    assert recalled == kept
    assert known == facts
    assert same(recalled.open(), scan)
    assert [name for name in os.listdir(cache) if "smith" in name] == []
    assert not any("smith" in path.read_text() for path in cache.glob("*.json"))


def test_a_scan_without_labels(tmp_path, cache):
    (case,) = find_cases(data_folder(tmp_path / "data", {"a": noise(1)}))
    assert keep(case, cache).open().labels is None
    recalled, facts = Store(cache, 0).recall(case)
    assert recalled.labels is facts.labels is None


def touch(path):
    os.utime(path, ns=(0, 0))


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def shorten(path):
    np.save(path, np.load(path)[1:])


def spoil(path):
    path.write_bytes(b"nothing" + path.read_bytes()[7:])


@pytest.mark.parametrize("harm", [cut, spoil, shorten, lambda path: path.unlink()])
@pytest.mark.parametrize("kind", ["image.npy", "labels.npy"])
def test_a_damaged_cache_is_not_used_again(case, cache, kind, harm):
    keep(case, cache)
    harm(next(cache.glob(f"*.{kind}")))
    assert Store(cache, 0).recall(case) is None


@pytest.mark.parametrize(
    "harm",
    [
        lambda record: "{",
        lambda record: "[]",
        lambda record: json.dumps(json.loads(record) | {"format": 0}),
        lambda record: json.dumps(json.loads(record) | {"facts": {"labels": None}}),
        lambda record: json.dumps(json.loads(record) | {"facts": None}),
    ],
)
def test_a_damaged_record_is_not_used_again(case, cache, harm):
    keep(case, cache)
    record = next(cache.glob("*.json"))
    record.write_text(harm(record.read_text()))
    assert Store(cache, 0).recall(case) is None


@pytest.mark.parametrize("which", ["image", "label"])
def test_a_file_that_has_changed_is_read_again(case, cache, which):
    keep(case, cache)
    touch(getattr(case, which))
    assert Store(cache, 0).recall(case) is None


def test_nothing_vouches_for_a_scan_that_a_crash_left_half_written(case, cache, monkeypatch):
    def crash(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(store_module, "write_text", crash)
    with pytest.raises(KeyboardInterrupt):
        keep(case, cache)
    assert len(list(cache.glob("*.npy"))) == 2
    assert Store(cache, 0).recall(case) is None


@pytest.mark.parametrize("harm", [lambda path: path.unlink(), cut])
def test_a_cache_file_that_goes_during_a_run_is_named(case, cache, harm):
    kept = keep(case, cache)
    harm(kept.image.path)
    with pytest.raises(BadInput, match=rf"{kept.image.path.name}.*resume the run, and it is made anew"):
        kept.open()


def test_a_cache_that_cannot_be_made(case, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="cannot be kept in"):
        keep(case, tmp_path / "file" / "cache")


WHOLE = st.sampled_from([np.uint8, np.int8, np.int16, np.uint16, np.int32])
NUMBERS = st.one_of(
    WHOLE.flatmap(lambda kind: arrays.arrays(kind, (2, 3))),
    arrays.arrays(np.float32, (2, 3), elements=st.floats(-1e6, 1e6, width=32)),
    arrays.arrays(np.float64, (2, 3), elements=st.integers(-40_000, 40_000).map(float)),
)


@given(NUMBERS)
def test_the_smallest_type_holds_every_value(array):
    small = _small(array)
    whole = np.array_equal(array, np.round(array))
    if array.dtype.kind == "f" or np.abs(array.astype(np.int64)).max() < 2**24:
        assert np.array_equal(small, array)
    if whole and array.min() >= 0 and array.max() <= 255:
        assert small.dtype == np.uint8
    elif whole and array.min() >= -(2**15) and array.max() < 2**15:
        assert small.dtype == np.int16
    else:
        assert small.dtype == np.float32


def test_the_budget():
    assert memory_budget(2) == 2e9
    assert 0.2 * available_memory() < memory_budget(0) < 0.3 * available_memory()


def test_a_container_has_no_more_memory_than_it_was_given(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "_CGROUP", tmp_path)
    without = available_memory()
    (tmp_path / "memory.max").write_text("5000\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert available_memory() == 4000
    (tmp_path / "memory.max").write_text("max\n")
    assert available_memory() > without / 2


def test_a_scan_tells_its_size():
    assert Scan(np.zeros((2, 3, 4), np.int16), (1, 1, 1)).bytes == 48
    assert Scan(np.zeros((2, 3, 4), np.int16), (1, 1, 1), np.zeros((2, 3, 4), np.uint8)).bytes == 72
