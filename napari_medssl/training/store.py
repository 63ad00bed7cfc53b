"""Where the scans of a run lie: in memory within a budget, memory-mapped on disk past it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from napari_medssl.errors import BadInput
from napari_medssl.files import atomic_path, write_text
from napari_medssl.training.data import Case
from napari_medssl.training.facts import Facts, Scan
from napari_medssl.volumes.orientation import Display

_FORMAT = 1
_SHARE = 0.25  # of the available memory that scans may take where nothing is said
_CGROUP = Path("/sys/fs/cgroup")
_AGAIN = "resume the run, and it is made anew."


@dataclass(frozen=True)
class Mapped:
    """An array in a .npy file, and what the file's header says: reading that takes longest in opening the file."""

    path: Path
    shape: tuple[int, ...]
    dtype: str
    offset: int

    @classmethod
    def look(cls, path: Path) -> Mapped:
        """What is in a file; an error of reading where it is not whole."""
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        return cls(path, array.shape, array.dtype.str, int(array.offset))

    def open(self) -> NDArray[Any]:
        try:
            mapped: NDArray[Any] = np.memmap(self.path, self.dtype, "r", self.offset, self.shape)
        except FileNotFoundError as error:
            raise BadInput(f"{self.path}, a scan kept by this run, is gone; {_AGAIN}") from error
        except ValueError as error:
            raise BadInput(f"{self.path}, a scan kept by this run, is damaged; {_AGAIN}") from error
        return mapped


@dataclass(frozen=True)
class OnDisk:
    """A scan kept as files beside one another that are memory-mapped when asked for."""

    image: Mapped
    labels: Mapped | None
    spacing: tuple[float, float, float]
    display: Display

    def open(self) -> Scan:
        """The scan, memory-mapped; no file stays open when it is let go."""
        labels = None if self.labels is None else self.labels.open()
        return Scan(self.image.open(), self.spacing, labels, self.display)


class Store:
    """Keeps scans while they are read; what it gives for each can be kept and opened at any time.

    Parameters
    ----------
    folder : for the scans past the budget; made when the first one is put there
    budget : bytes of memory for scans
    """

    def __init__(self, folder: Path, budget: float) -> None:
        self._folder, self._left = folder, budget

    def recall(self, case: Case) -> tuple[OnDisk, Facts] | None:
        """A scan that an earlier part of the run left on disk; None if it did not, or the files have changed."""
        record = self._folder / f"{_key(case)}.json"
        try:
            content = json.loads(record.read_text(encoding="utf-8"))
            if content["format"] != _FORMAT or content["sources"] != _sources(case):
                return None
            facts = _facts(content["facts"])
            kept = self._look(case, facts)
            scan = kept.open()
            if scan.array.shape != facts.shape or scan.bytes != facts.bytes:
                return None
            return kept, facts
        except (OSError, EOFError, ValueError, KeyError, TypeError):  # BadInput is a ValueError
            return None

    def keep(self, case: Case, scan: Scan, facts: Facts) -> Scan | OnDisk:
        """Keep a scan: in memory while there is room, else on disk."""
        if scan.bytes <= self._left:
            self._left -= scan.bytes
            return scan
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f"Scans cannot be kept in {self._folder}: {(error.strerror or '').lower()}.") from error
        image, labels = self._files(case)
        _write(image, scan.array)
        if scan.labels is not None:
            _write(labels, scan.labels)
        # Last, so that it vouches for the others.
        record = {"format": _FORMAT, "sources": _sources(case), "facts": asdict(facts)}
        write_text(self._folder / f"{_key(case)}.json", json.dumps(record))
        return self._look(case, facts)

    def _look(self, case: Case, facts: Facts) -> OnDisk:
        z, y, x = facts.spacing
        image, labels = self._files(case)
        mapped_labels = Mapped.look(labels) if facts.labels is not None else None
        return OnDisk(Mapped.look(image), mapped_labels, (z, y, x), facts.display)

    def _files(self, case: Case) -> tuple[Path, Path]:
        return self._folder / f"{_key(case)}.image.npy", self._folder / f"{_key(case)}.labels.npy"


def memory_budget(gigabytes: float) -> float:
    """Bytes of memory for scans: what was asked for, or with 0 a quarter of what is available."""
    return gigabytes * 1e9 if gigabytes > 0 else _SHARE * available_memory()


def available_memory() -> int:
    """Bytes of memory that this process could take; in a container, no more than the container has left."""
    available = int(psutil.virtual_memory().available)
    try:
        limit = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
        return max(0, min(available, limit - used))
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return available


def _key(case: Case) -> str:
    # Not the file's name: it may be a patient's.
    told = "\0".join(str(path.resolve()) for path in (case.image, case.label) if path is not None)
    return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _sources(case: Case) -> list[list[int]]:
    states = [path.stat() for path in (case.image, case.label) if path is not None]
    return [[state.st_size, state.st_mtime_ns] for state in states]


def _facts(content: dict[str, Any]) -> Facts:
    labels = content["labels"]
    triples = {key: tuple(content[key]) for key in ("shape", "spacing")}
    counted = None if labels is None else {int(value): int(count) for value, count in labels.items()}
    display = Display.from_json(content["display"])
    return Facts(**(content | triples | {"labels": counted, "display": display}))


def _write(path: Path, array: NDArray[Any]) -> None:
    with atomic_path(path) as temporary, open(temporary, "wb") as handle:
        np.save(handle, array, allow_pickle=False)
