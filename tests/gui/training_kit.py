"""For tests of the Train widget: jobs that run nothing and tell what they are told to, and a checker that knows."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from napari_medssl.errors import BadInput, Cancelled
from napari_medssl.training.recipes import Recipe
from napari_medssl.training.settings import Preset, RunSettings
from napari_medssl.widgets.train_scans import Finding, Problem, counts_line


@dataclass(frozen=True)
class Info:
    """As `napari_medssl.training.jobs.RunInfo`."""

    folder: Path
    recipe: str = "sli2vol"
    name: str = "liver"
    data: Path = Path("scans")
    settings: dict[str, Any] = field(default_factory=dict)
    state: str = "queued"
    sentence: str = ""
    step: int = 0
    done: float | None = None
    left: float | None = None
    created: float = 0.0
    seconds: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)
    model: Path | None = None
    resumable: bool = False


class FakeSupervisor:
    """Tells what the test says, from a thread of its own, as the real one does."""

    def __init__(self, jobs: FakeJobs) -> None:
        self.jobs = jobs
        self.on_change: Callable[[Any], None] = lambda _: None
        self.on_events: Callable[[Path, Sequence[Any]], None] = lambda *_: None
        self.running = False

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False

    def tell(self, call: Callable[..., None], *what: Any) -> None:
        thread = threading.Thread(target=call, args=what)
        thread.start()
        thread.join()


class FakeJobs:
    """The functions of `training.jobs` on a dictionary; `fail` holds sentences for calls that are to fail, once."""

    def __init__(self, home: Path, *infos: Info) -> None:
        self.home = home
        self.infos = {info.folder: info for info in infos}
        self.calls: list[tuple[str, Any]] = []
        self.fail: dict[str, str] = {}
        self.supervisors: list[FakeSupervisor] = []

    def Supervisor(self, home: Path) -> FakeSupervisor:  # noqa: N802  (stands for a class)
        assert home == self.home
        self.supervisors.append(FakeSupervisor(self))
        return self.supervisors[-1]

    def _note(self, action: str, what: Any) -> None:
        self.calls.append((action, what))
        if action in self.fail:
            raise BadInput(self.fail.pop(action))

    def submit(self, recipe: str, data: Path, settings: dict[str, Any], *, name: str, home: Path) -> Path:
        self._note("submit", (recipe, data, settings))
        folder = home / f"{len(self.infos):03d}-{name}"
        folder.mkdir(parents=True)
        self.infos[folder] = Info(folder, recipe, name, data, settings, created=time.time())
        return folder

    def list_runs(self, home: Path) -> list[Info]:
        return sorted(self.infos.values(), key=lambda info: info.created, reverse=True)

    def look(self, folder: Path) -> Info:
        return self.infos[folder]

    def cancel(self, folder: Path) -> None:
        self._note("cancel", folder)
        self.infos[folder] = replace(self.infos[folder], state="stopping")

    def kill(self, folder: Path) -> None:
        self._note("kill", folder)
        self.infos[folder] = replace(self.infos[folder], state="lost", resumable=True)

    def resume(self, folder: Path, **settings: Any) -> None:
        self._note("resume", folder)
        self.infos[folder] = replace(self.infos[folder], state="queued", resumable=False)

    def remove(self, folder: Path) -> None:
        self._note("remove", folder)
        del self.infos[folder]

    def change(self, folder: Path, **fields: Any) -> None:
        """A run stands differently, and the supervisor sees it."""
        self.infos[folder] = replace(self.infos[folder], **fields)
        for supervisor in self.supervisors:
            if supervisor.running:
                supervisor.tell(supervisor.on_change, self.infos[folder])

    def write(self, folder: Path, *events: dict[str, Any]) -> None:
        """A run writes events, and the supervisor passes them on."""
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "events.jsonl", "a", encoding="utf-8") as handle:
            handle.writelines(json.dumps(event) + "\n" for event in events)
        for supervisor in self.supervisors:
            if supervisor.running:
                supervisor.tell(supervisor.on_events, folder, list(events))


def events_of(steps: int, *, every: int = 100, seed: int = 0, pictures: Path | None = None) -> list[dict[str, Any]]:
    """What a run of so many steps tells: a loss that falls, a metric that rises, pictures where a folder is given."""
    rng = np.random.default_rng(seed)
    told: list[dict[str, Any]] = [
        {"event": "start", "recipe": "sli2vol", "device": "cpu", "precision": "float32", "step": 0, "steps": steps,
         "seconds": 0, "parameters": 1_200_000, "labelled": 0, "unlabelled": 12, "pid": 1},
    ]  # fmt: skip
    for step in range(1, steps + 1):
        loss = float(0.02 + 0.3 * np.exp(-step / 120) + 0.01 * rng.normal())
        told.append({
            "event": "step", "step": step, "done": step / steps, "loss": loss,
            "figures": {"pixels": 0.6 * loss, "masks": 0.4 * loss}, "rate": 1e-3, "speed": 3.2,
            "left": (steps - step) / 3.2, "memory": 1.4e9, "device_memory": None, "waiting": 0.02,
        })  # fmt: skip
        if step % every == 0:
            names = [] if pictures is None else draw_pictures(pictures, step)
            metric = float(0.9 - 0.4 * np.exp(-step / 150))
            told.append({
                "event": "validation", "step": step, "metrics": {"dice": metric, "error": 1 - metric}, "score": metric,
                "best": True, "pictures": names,
            })  # fmt: skip
    return told


def draw_pictures(folder: Path, step: int) -> list[str]:
    """A disc as target, and a prediction that comes nearer with the steps."""
    from napari_medssl.training.pictures import write_pictures
    from napari_medssl.training.strategy import Picture

    rows, columns = np.mgrid[-1:1:96j, -1:1:96j]
    disc = (rows**2 + columns**2 < 0.3).astype(np.float32)
    shift = 0.5 * np.exp(-step / 200)
    found = ((rows - shift) ** 2 + columns**2 < 0.3).astype(np.float32)
    scan = np.clip(0.4 + 0.4 * disc + 0.05 * np.random.default_rng(0).normal(size=disc.shape), 0, 1)
    panels = [("scan", scan), ("target", disc), ("prediction", found)]
    names = write_pictures(folder / "pictures", step, [Picture(panels), Picture(panels[::-1])])
    return [f"pictures/{name}" for name in names]


class FakeChecker:
    """Finds what it is told to; waits while `hold` is set; says how far it is."""

    def __init__(self, finding: Finding | None = None, error: Exception | None = None) -> None:
        self.finding, self.error = finding, error
        self.calls: list[tuple[Path, bool]] = []
        self.hold = threading.Event()

    def __call__(
        self, folder: Path, *, needs_labels: bool, on_counts: Callable[[str], None],
        on_progress: Callable[[int, int], None], cancelled: Callable[[], bool],
    ) -> Finding:  # fmt: skip
        self.calls.append((folder, needs_labels))
        on_counts("12 scans.")
        on_progress(1, 12)
        while self.hold.is_set():
            if cancelled():
                raise Cancelled
            time.sleep(0.005)
        if self.error is not None:
            raise self.error
        return self.finding or twelve_scans()


def twelve_scans(*problems: Problem, labelled: int = 0) -> Finding:
    bad = sum(problem.unusable for problem in problems)
    return Finding(
        counts_line(12 - bad, labelled, 11, bad), problems, usable=12 - bad, labelled=labelled
    )


class SegmentSettings(RunSettings):
    """Settings of the recipe that needs labels."""

    size: Literal["small", "medium"] = Field("small", title="Network", description="How large the network is.")
    flips: bool = Field(False, title="Mirrored samples", description="Where left and right look the same.")


def two_recipes() -> dict[str, Recipe]:
    """One that learns from scans, one that needs labels."""
    presets = (
        Preset("Laptop CPU", "Ten minutes on the processor.", {"seconds": 600, "batch": 6}),
        Preset("Quick check", "A minute, to see whether the scans can be used.", {"seconds": 60}),
        Preset("One GPU", "An hour on a graphics card, from a new network.", {"seconds": 3600, "batch": 32}),
    )
    common: dict[str, Any] = {"build": lambda *_: None, "presets": presets}
    adapt = Recipe(
        "sli2vol", "Adapt propagation to my scans", "Propagation",
        "Propagation learns how your scans look; no labels are needed.", "propagation", RunSettings, **common,
    )  # fmt: skip
    segment = Recipe(
        "segmentation", "Segment like my labelled scans", "Segmentation",
        "A network learns to draw what you drew.", "segmentation", SegmentSettings, needs_labels=True, **common,
    )  # fmt: skip
    return {recipe.name: recipe for recipe in (adapt, segment)}
