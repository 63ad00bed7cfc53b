"""What the shipped nodule detector finds: real nodules in real lungs it never saw, and made scans it never saw.

    MEDSSL_DATA=... python tests/benchmarks/real_nodules.py [--model NAME] [--times 2] [--made 24]

Each of 30 held-back crops is blended, turned at random, `times` times at a random place into a box of 96 x 128 x 128 mm
cut out of held-back real chest CTs, mostly far from the box's middle: of one with slices of 2.5 mm, and of two with
voxels of 5 x 3 x 3 mm. `nodules.detect` looks through each box. False marks are counted per 100 cm3 of the lungs in the
boxes. Beside it, in the same run: a detector that answers the
middle of every box, and blobs by the Laplacian of Gaussians (Lindeberg 1998) in the same lungs.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from nodule_sets import (
    HELD_BACK_COARSE,
    HELD_BACK_FINE,
    JUDGED,
    Sheet,
    box_of_lung,
    composed_sheet,
    crops,
    made_sheet,
    put_in,
)
from numpy.typing import NDArray
from scipy.ndimage import gaussian_laplace, maximum_filter

from napari_medssl.errors import BadInput
from napari_medssl.metrics.froc import Froc, froc
from napari_medssl.nodules.lungs import Lungs, find_lungs
from napari_medssl.nodules.use import detect
from napari_medssl.training.randomness import generator
from napari_medssl.volumes import Geometry, Volume

LEAST = 0.02
CALIBRATED = 104  # key of scans that the threshold is chosen on
SHOWN_AT = 1.0  # false marks a box at the threshold that people see first
GEOMETRY = Geometry.from_spacing((1.0, 1.0, 1.0))
SIGMAS = (1.5, 2.5, 4.0, 6.0, 9.0)


@dataclass
class Marks:
    """What a detector said of a set of scans."""

    rows: dict[str, list[tuple[float, ...]]] = field(default_factory=dict)

    def curve(self, sheets: Sequence[Sheet], bootstraps: int = 0) -> Froc:
        truth = {s.name: [(*c[::-1], d) for c, d in s.nodules] for s in sheets}
        small = {s.name: [(*c[::-1], d) for c, d in s.irrelevant] for s in sheets}
        return froc(self.rows, truth, [s.name for s in sheets], irrelevant=small, bootstraps=bootstraps)


def real_sheets(times: int, paths: Sequence[str]) -> list[Sheet]:
    """Every held-back crop `times` times in a box of its own."""
    found = []
    for number, crop in enumerate(crops(True)):
        for time in range(times):
            for attempt in range(20):
                rng = generator(JUDGED, number, time, attempt)
                path = paths[int(rng.integers(len(paths)))]
                array, lungs = box_of_lung(rng, path, (96, 128, 128))
                put = put_in(rng, array, lungs, crop, [])
                if put is not None:
                    name = f"real-{number:02d}-{time}"
                    found.append(Sheet(name, np.rint(array).astype(np.int16), (put,)))
                    break
    return found


def lung_of(sheet: Sheet) -> Lungs | None:
    """Where `detect` looks in a scan; None where it sees no lungs."""
    try:
        return find_lungs(Volume(sheet.array, GEOMETRY))
    except BadInput:
        return None


def lung_volume(sheets: Sequence[Sheet]) -> float:
    """Of the lungs that are seen in the scans, in units of 100 cm3."""
    return sum(lungs.millilitres for sheet in sheets if (lungs := lung_of(sheet)) is not None) / 100


def network_marks(sheets: Sequence[Sheet], model: str) -> Marks:
    found = Marks()
    for sheet in sheets:
        try:
            nodules = detect(Volume(sheet.array, GEOMETRY), model=model, device="cpu", threshold=LEAST)
        except BadInput:  # no lungs in view: all of its nodules are missed
            nodules = []
        found.rows[sheet.name] = [(*nodule.centre, nodule.score) for nodule in nodules]
    return found


def middle_marks(sheets: Sequence[Sheet]) -> Marks:
    """The middle of every scan."""
    return Marks({s.name: [(*(float(n - 1) / 2 for n in s.array.shape[::-1]), 1.0)] for s in sheets})


def blob_marks(sheets: Sequence[Sheet]) -> Marks:
    """Bright blobs of the lungs, by how strongly they answer."""
    found = Marks()
    for sheet in sheets:
        grey = np.clip((sheet.array.astype(np.float32) + 1000) / 1000, 0, 1)
        answers = np.stack([-(sigma**2) * gaussian_laplace(grey, sigma) for sigma in SIGMAS]).max(axis=0)
        answers = np.where(_inside(sheet), answers, 0)
        peaks = np.argwhere((answers == maximum_filter(answers, 5)) & (answers > 0.1))
        found.rows[sheet.name] = [
            (float(x), float(y), float(z), float(min(1.0, answers[z, y, x]))) for z, y, x in peaks
        ]
    return found


def _inside(sheet: Sheet) -> NDArray[np.bool_]:
    lungs = lung_of(sheet)
    return np.zeros(sheet.array.shape, np.bool_) if lungs is None else lungs.on_scan(Volume(sheet.array, GEOMETRY))


def at_one_per_100_cm3(curve: Froc, volume: float) -> float:
    """The sensitivity at one false mark per 100 cm3 of lung."""
    return float(np.interp(1.0, curve.false_positives * curve.scans / volume, curve.sensitivity))


def measured(model: str, times: int, made: int, baselines: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for title, paths in (("2.5 mm slices", HELD_BACK_FINE), ("voxels of 5 x 3 x 3 mm", HELD_BACK_COARSE)):
        sheets = real_sheets(times, paths)
        found[f"{len(sheets)} real nodules, real lung, {title}"] = on_real(sheets, model, title, baselines)
    sheets = [made_sheet(index, JUDGED) for index in range(made)]
    curve = network_marks(sheets, model).curve(sheets, bootstraps=1000)
    found[f"{made} made scans, {curve.nodules} nodules"] = {
        "CPM": round(curve.cpm, 3), "95 % band": f"{curve.cpm_low:.3f} to {curve.cpm_high:.3f}",
    }  # fmt: skip
    return found


def on_real(sheets: Sequence[Sheet], model: str, title: str, baselines: bool) -> dict[str, float]:
    volume, blind = lung_volume(sheets), sum(lung_of(sheet) is None for sheet in sheets)
    off = [np.linalg.norm(np.array(s.nodules[0][0]) - (np.array(s.array.shape) - 1) / 2) for s in sheets]
    print(
        f"{title}: {len(sheets)} real nodules in {volume / 10:.1f} l of lung, {np.mean(off):.0f} mm from the middle of"
        f" their boxes; no lungs seen in {blind} boxes, whose nodules count as missed", flush=True,
    )  # fmt: skip
    marks = {"network": network_marks(sheets, model)}
    if baselines:
        marks |= {"the box's middle": middle_marks(sheets), "blobs": blob_marks(sheets)}
    curves = {name: these.curve(sheets) for name, these in marks.items()}
    for name, curve in curves.items():
        rates = ", ".join(
            f"{np.interp(rate, curve.false_positives * curve.scans / volume, curve.sensitivity):.3f} at {rate}"
            for rate in (0.25, 0.5, 1, 2)
        )
        print(f"    {name}: found {rates} false marks per 100 cm3", flush=True)
    return {"found at 1 false mark per 100 cm3": round(at_one_per_100_cm3(curves["network"], volume), 3)}


def chosen_threshold(model: str) -> float:
    """The score at which a box of a set made for this has one false mark."""
    sheets = [made_sheet(index, CALIBRATED) for index in range(12)]
    sheets += [composed_sheet(index, key=CALIBRATED) for index in range(12)]
    curve = network_marks(sheets, model).curve(sheets)
    within = curve.thresholds[curve.false_positives <= SHOWN_AT]
    return round(float(np.clip(within[-1], 0.05, 0.95)), 2)


def card_metrics(model: str) -> tuple[dict[str, Any], float]:
    """What goes on the card: figures and the threshold to show marks from."""
    return measured(model, 1, 24, True), chosen_threshold(model)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="default")
    parser.add_argument("--times", type=int, default=1, help="how often each crop is blended in")
    parser.add_argument("--made", type=int, default=24, help="how many made scans")
    parser.add_argument("--no-baselines", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for title, figures in measured(options.model, options.times, options.made, not options.no_baselines).items():
        print(title, figures)


if __name__ == "__main__":
    main()
