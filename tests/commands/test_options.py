"""The small notations of the options."""

from __future__ import annotations

import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medssl.commands import options


@given(st.dictionaries(st.integers(1, 999), st.sets(st.integers(0, 9999), min_size=1), min_size=1))
def test_seed_slices_read_back_what_was_written(wanted: dict[int, set[int]]) -> None:
    text = ";".join(f"{label}:{','.join(map(str, slices))}" for label, slices in wanted.items())
    assert options.seed_slices(text) == {label: tuple(sorted(slices)) for label, slices in wanted.items()}


@pytest.mark.parametrize("text", ["1:40,55;2:60", " 1 : 40 , 55 ; 2 : 60 ", "1:55;2:60;1:40", "1:40,55,40;2:60;"])
def test_seed_slices_take_spaces_repeats_and_a_closing_semicolon(text: str) -> None:
    assert options.seed_slices(text) == {1: (40, 55), 2: (60,)}


@pytest.mark.parametrize(
    "text", ["", "1", "1:", "1:2,", ":2", "a:1", "1:-2", "-1:2", "1:2.5", "1:2,,3", "1:2;;2:3", "0:1", "1:²"]
)
def test_seed_slices_refuse_the_rest(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"not of the form|background"):
        options.seed_slices(text)


@pytest.mark.parametrize(
    ("text", "wanted"), [("40:60", (40, 60)), (":60", (0, 60)), ("40:", (40, None)), (":", (0, None)), ("0:1", (0, 1))]
)
def test_slice_range(text: str, wanted: tuple[int, int | None]) -> None:
    assert options.slice_range(text) == wanted


@pytest.mark.parametrize("text", ["", "4", "5:5", "6:5", "-1:4", "1:2:3", "a:b", "1.5:3", ":0"])
def test_slice_range_refuses_the_rest(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        options.slice_range(text)


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "soon", ""])
def test_seconds_refuse_what_is_no_time(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        options.seconds(text)


def test_seconds() -> None:
    assert options.seconds("1.5") == 1.5


@pytest.mark.parametrize("text", ["auto", "cpu", "mps", "cuda", "cuda:1"])
def test_device(text: str) -> None:
    assert options.device(text) == text


@pytest.mark.parametrize("text", ["", "gpu", "cuda:", "cuda:x", "cpu0", "CPU"])
def test_device_refuses_the_rest(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        options.device(text)
