"""The event log: whole lines, whatever happens to the disk or to who writes, and reading while it grows."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medssl.training import events
from napari_medssl.training.events import EventLog, Tail, curve, last_events, newest, read_events


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def steps(told: list[dict[str, Any]]) -> list[int]:
    return [event["step"] for event in told]


def test_what_is_told_is_read(path: Path) -> None:
    heard: list[dict[str, Any]] = []
    log = EventLog(path, heard.append)
    log.write("start", step=0, recipe="größe")
    log.write("step", step=1, loss=float("nan"), figures={"a": float("inf"), "b": 0.5}, list=[1.0, float("nan")])
    told = read_events(path)
    assert told == heard
    assert told[1]["loss"] is None
    assert told[1]["figures"] == {"a": None, "b": 0.5}
    assert told[1]["list"] == [1.0, None]
    assert newest(told, "start")["recipe"] == "größe"
    assert newest(told, "end") == {}
    log.write("end", step=1)
    assert read_events(path)[-1]["event"] == "end"
    assert [entry.name for entry in path.parent.iterdir()] == ["events.jsonl"]


def test_a_process_that_does_not_lead_writes_nothing(tmp_path: Path) -> None:
    EventLog(None).write("step", step=1)
    assert not list(tmp_path.iterdir())


def test_no_log_has_no_events(path: Path) -> None:
    assert read_events(path) == Tail(path).read() == last_events(path) == []


@pytest.mark.parametrize(
    "rest", [b'{"event": "st', b"\x00\x00\x00", b"\xff\xfe", b"[1, 2]", b'{"step": 3}', b"[" * 10**5]
)
def test_half_a_line_of_a_crash_is_passed_over(path: Path, rest: bytes) -> None:
    EventLog(path).write("step", step=1)
    with open(path, "ab") as handle:
        handle.write(rest)
    assert steps(read_events(path)) == [1]
    EventLog(path).write("step", step=2)
    assert steps(read_events(path)) == [1, 2]


def fails(*wrong: str) -> Any:
    """A replacement for `open` by which the files of these names cannot be written."""
    real = open

    def opened(path: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if Path(path).name in wrong and mode != "rb":
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, mode, *args, **kwargs)

    return opened


def test_events_wait_for_room(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = EventLog(path)
    log.write("step", step=1)
    with monkeypatch.context() as full:
        full.setattr(events, "open", fails("events.jsonl"), raising=False)
        log.write("step", step=2)
        log.write("checkpoint", step=2)
    assert steps(read_events(path)) == [1]
    log.write("step", step=3)
    assert [(event["event"], event["step"]) for event in read_events(path)] == [
        ("step", 1), ("step", 2), ("checkpoint", 2), ("step", 3),
    ]  # fmt: skip


def test_last_words_on_a_full_disk_are_read_and_come_into_the_log(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = EventLog(path)
    log.write("step", step=1)
    follower = Tail(path)
    assert steps(follower.read()) == [1]
    with monkeypatch.context() as full:
        full.setattr(events, "open", fails("events.jsonl"), raising=False)
        log.write("end", step=1, sentence="The disk is full.")
    for told in (read_events(path)[1:], last_events(path)[1:], follower.read()):
        assert [event["sentence"] for event in told] == ["The disk is full."]
    assert follower.read() == []
    assert Tail(path, at_end=True).read() == []
    log = EventLog(path)  # resumed
    log.write("start", step=1)
    assert [event["event"] for event in read_events(path)] == ["step", "end", "start"]
    assert (path.with_name("last-words")).read_bytes().strip() == b""
    log.write("end", step=2)
    assert not path.with_name("last-words").exists()


def test_where_writing_in_place_takes_new_room_the_reserve_makes_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = EventLog(path)
    log.write("step", step=1)
    reserve = path.with_name("last-words")
    monkeypatch.setattr(events, "open", fails("last-words"), raising=False)
    appended = events._append_whole
    full = OSError(errno.ENOSPC, "No space left on device")

    def append(path: Path, lines: bytes) -> None:
        if reserve.exists():
            raise full
        appended(path, lines)

    monkeypatch.setattr(events, "_append_whole", append)
    log.write("end", step=1)
    assert [event["event"] for event in read_events(path)] == ["step", "end"]


LIMITED = """
import resource, sys
from pathlib import Path
from napari_medssl.training.events import EventLog
log = EventLog(Path(sys.argv[1]))
log.write("step", step=0)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
for step in range(1, 400):
    log.write("step", step=step, filling="x" * 100)
log.write("end", step=400, sentence="The disk is full.")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE")
def test_a_log_that_reached_the_limit_of_the_system_holds_whole_lines_and_the_end(path: Path) -> None:
    subprocess.run([sys.executable, "-c", LIMITED, path], check=True, timeout=60)
    told = read_events(path)
    assert path.stat().st_size <= 20_000
    assert path.read_bytes().endswith(b"}\n")
    assert len(told) > 100
    assert steps(told) == [*range(len(told) - 1), 400]
    assert told[-1]["sentence"] == "The disk is full."


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full")
def test_a_full_device_ends_no_run(tmp_path: Path) -> None:
    link = tmp_path / "events.jsonl"
    link.symlink_to("/dev/full")
    heard: list[dict[str, Any]] = []
    log = EventLog(link, heard.append)
    log.write("step", step=1)
    log.write("end", step=1)
    assert [event["event"] for event in heard] == ["step", "end"]
    assert [event["event"] for event in last_events(tmp_path / "nothing.jsonl")] == ["end"]


@given(st.data())
def test_a_tail_reads_each_event_once_however_the_log_grows(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    lines = [json.dumps({"event": "step", "step": step, "text": "ü\u2028" * (step % 5)}) + "\n" for step in range(12)]
    whole = "".join(lines).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    tail, told = Tail(path), []
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        with open(path, "ab") as handle:
            handle.write(whole[start:end])
        told += tail.read()
        assert steps(told) == list(range(whole[:end].count(b"\n")))


def test_a_tail_begins_anew_with_a_log_that_was_replaced(path: Path) -> None:
    for step in range(5):
        EventLog(path).write("step", step=step)
    tail = Tail(path)
    assert steps(tail.read()) == [0, 1, 2, 3, 4]
    path.unlink()
    assert tail.read() == []
    EventLog(path).write("step", step=7)
    assert steps(tail.read()) == [7]


def test_a_tail_from_the_end_reads_what_is_new_and_a_line_that_was_half_written(path: Path) -> None:
    EventLog(path).write("step", step=1)
    with open(path, "ab") as handle:
        handle.write(b'{"event": "step", ')
    tail = Tail(path, at_end=True)
    assert tail.read() == []
    with open(path, "ab") as handle:
        handle.write(b'"step": 2}\n')
    assert steps(tail.read()) == [2]
    assert Tail(path.with_name("none"), at_end=True).read() == []


@pytest.mark.parametrize("half", [0, 1, 99, 100, 101, 250])
def test_the_end_of_the_whole_lines_is_found_however_long_the_half_one_is(
    path: Path, monkeypatch: pytest.MonkeyPatch, half: int
) -> None:
    monkeypatch.setattr(events, "_BLOCK", 100)
    for step in range(3):
        EventLog(path).write("step", step=step)
    rest = json.dumps({"event": "step", "step": 7, "filling": "x" * 300}).encode() + b"\n"
    with open(path, "ab") as handle:
        handle.write(rest[:half])
    tail = Tail(path, at_end=True)
    with open(path, "ab") as handle:
        handle.write(rest[half:])
    assert steps(tail.read()) == [7]
    path.write_bytes(rest[:half])
    tail = Tail(path, at_end=True)
    path.write_bytes(rest)
    assert steps(tail.read()) == [7]


def test_a_big_log_is_read_in_parts_and_its_end_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_MOST_AT_ONCE", 1000)
    with open(path, "w") as handle:
        for step in range(200):
            handle.write(json.dumps({"event": "step", "step": step}) + "\n")
        handle.write("x" * 5000 + "\n")  # nothing of ours
        handle.write(json.dumps({"event": "end", "step": 200}) + "\n")
    tail = Tail(path)
    assert 1 < len(tail.read()) < 50
    assert steps(read_events(path)) == list(range(201))
    assert steps(last_events(path, size=5020)) == [200]
    assert steps(last_events(path, size=5100)) == [198, 199, 200]
    assert Tail(path, at_end=True).read() == []


def test_of_steps_in_a_row_the_last_is_enough(path: Path) -> None:
    log = EventLog(path)
    kinds = ("start", "step", "step", "checkpoint", "step", "start", "step")
    for kind, step in zip(kinds, (0, 1, 2, 2, 3, 2, 3), strict=True):
        log.write(kind, step=step)
    told = [(event["event"], event["step"]) for event in last_events(path, sparse=True)]
    assert told == [("start", 0), ("step", 2), ("checkpoint", 2), ("step", 3), ("start", 2), ("step", 3)]
    assert len(last_events(path)) == 7
    assert steps(last_events(path, size=200, sparse=True))[-1] == 3


def test_what_a_resumed_run_made_void_is_dropped() -> None:
    def told(kind: str, step: int) -> dict[str, Any]:
        return {"event": kind, "step": step}

    first = [told("start", 0), *(told("step", n) for n in (1, 2, 3)), told("validation", 2), told("checkpoint", 2)]
    crash = [told("step", 4), told("validation", 4)]
    second = [told("start", 2), told("step", 3), told("end", 3)]
    kept = [(event["event"], event["step"]) for event in curve([*first, *crash, *second])]
    assert kept == [
        ("start", 0), ("step", 1), ("step", 2), ("validation", 2), ("checkpoint", 2), ("start", 2), ("step", 3),
        ("end", 3),
    ]  # fmt: skip
    assert curve([]) == []


@given(
    st.lists(st.one_of(st.tuples(st.just("start"), st.integers(0, 9)), st.tuples(st.just("step"), st.integers(0, 9))))
)
def test_curves_hold_only_what_later_parts_build_on(told: list[tuple[str, int]]) -> None:
    log = [{"event": kind, "step": step} for kind, step in told]
    expected = [
        event
        for place, event in enumerate(log)
        if event["event"] == "start"
        or all(later["step"] >= event["step"] for later in log[place:] if later["event"] == "start")
    ]
    assert curve(log) == expected
