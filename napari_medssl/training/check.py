"""Checking the scans of a data folder by reading each of them once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

from napari_medssl.errors import Cancelled
from napari_medssl.training.data import Case
from napari_medssl.training.facts import Facts, Scan, Unusable, read_case
from napari_medssl.training.report import DataReport, report_on

# ITK reads one file at a time, while another is decompressed and hashed: about 1.6 times as fast as one thread. More
# gain little and hold as many large scans in memory.
THREADS = 2

Read = tuple[Scan, Facts] | Unusable


def check_data(
    cases: Sequence[Case],
    *,
    needs_labels: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> DataReport:
    """Read every scan once and say what is there and what is wrong with it.

    Parameters
    ----------
    needs_labels : whether scans without labels teach nothing
    on_progress : told (scans read, all scans)
    cancelled : asked between scans

    Raises
    ------
    Cancelled
        `cancelled` answered True.
    """
    found: list[Facts | Unusable] = []
    with closing(read_cases(cases)) as reading:
        for read in reading:
            found.append(read if isinstance(read, Unusable) else read[1])
            if on_progress is not None:
                on_progress(len(found), len(cases))
            if cancelled is not None and cancelled():
                raise Cancelled("The check of the scans was stopped.")
    return report_on(cases, found, needs_labels=needs_labels)


def read_cases(cases: Sequence[Case], threads: int = THREADS) -> Generator[Read]:
    """The cases read, in order; no more than `threads` and one are held at a time."""
    with ThreadPoolExecutor(threads, "reading scans") as pool:
        waiting: deque[Future[Read]] = deque()
        try:
            for case in cases:
                waiting.append(pool.submit(_try_to_read, case))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _try_to_read(case: Case) -> Read:
    try:
        return read_case(case)
    except Unusable as problem:
        return problem
