"""Dice and clDice of tubes found without training data, against intensity, Sato's and Frangi's filter at their best.

    MEDSSL_DATA=... python tests/benchmarks/tubes_table.py [--model NAME] [--threshold 0.5] [--no-baselines] [--made 8]
        [--json FILE] [--speed SIDE]

Labels name only some of a scan's vessels, so what is found is scored within 8 voxels of the labelled ones. The filters
and the intensity get the threshold that is best for them in that very scan; the network gets one for all scans.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from labelled_cases import data_folder
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from skimage.filters import frangi, sato

from napari_medssl import tubes
from napari_medssl.metrics import dice
from napari_medssl.training.randomness import generator
from napari_medssl.tubes.learning.rendering import render
from napari_medssl.tubes.learning.shapes import make_shapes
from napari_medssl.tubes.learning.skeletons import centre_line_dice
from napari_medssl.volumes import read_labels, read_volume

NEAR = 8  # voxels
SIGMAS = (1, 2, 3, 4)
TRIED = 40  # thresholds
HELD_BACK = 9_000_017  # a seed that no training uses
Table = dict[str, dict[str, tuple[float, float]]]


@dataclass(frozen=True)
class Case:
    name: str
    array: NDArray[Any]
    spacing: tuple[float, ...]
    truth: NDArray[np.bool_]
    polarity: Literal["bright", "dark"] = "bright"


def real_cases() -> Iterator[Case]:
    """The labelled scans: an aorta with its branches, lung vessels, and airways, which are dark."""
    folder = data_folder() / "vessels"
    for name, scan, labels, polarity in (
        ("aorta_cta", "aorta_cta", None, "bright"),
        ("chest_4mm vessel", "chest_4mm", 3, "bright"),
        ("chest_4mm airway", "chest_4mm", 2, "dark"),
    ):
        volume = read_volume(folder / "images" / f"{scan}.nii.gz")
        truth = read_labels(folder / "labels" / f"{scan}.nii.gz").array
        mask = truth > 0 if labels is None else truth == labels
        yield Case(name, volume.array, volume.spacing, mask, polarity)  # type: ignore[arg-type]


def made_cases(count: int, side: int = 96, seed: int = HELD_BACK) -> Iterator[Case]:
    """Trees that no training has seen, each in its own surroundings."""
    made = index = 0
    while made < count:
        rng = generator(seed, index)
        index += 1
        shapes = make_shapes(rng, side, largest=8)
        inside, others = (part.astype(np.float32) for part in (shapes.tubes, shapes.others))
        if (inside <= 0).mean() > 0.002:
            made += 1
            yield Case(f"made {made}", render(rng, inside, others), (1.0, 1.0, 1.0), inside <= 0)


def score(found: NDArray[np.bool_], case: Case) -> tuple[float, float]:
    """Dice and clDice, per cent, of what was found near the labelled tubes."""
    near = distance_transform_edt(~case.truth) <= NEAR
    mask = found & near
    return 100 * dice(mask, case.truth), 100 * float(np.nan_to_num(centre_line_dice(mask, case.truth)))


def at_best(values: NDArray[np.floating], case: Case) -> tuple[float, float]:
    """The scores at the threshold of the best Dice."""
    near = distance_transform_edt(~case.truth) <= NEAR
    inside = values[near]
    thresholds = np.unique(np.quantile(inside, np.linspace(0.02, 0.998, TRIED)))
    best = max(thresholds, key=lambda t: dice(inside >= t, case.truth[near]))
    return score(values >= best, case)


def baselines(case: Case) -> dict[str, tuple[float, float]]:
    """What is there without learning, each at its best threshold."""
    sign = 1.0 if case.polarity == "bright" else -1.0
    grey = sign * case.array.astype(np.float32)
    return {
        "threshold": at_best(grey, case),
        "Sato": at_best(sato(grey, sigmas=SIGMAS, black_ridges=False), case),
        "Frangi": at_best(frangi(grey, sigmas=SIGMAS, black_ridges=False), case),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="default")
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--made", type=int, default=8, help="how many held-back made volumes")
    parser.add_argument("--no-baselines", action="store_true")
    parser.add_argument("--json", type=Path, help="file to write the figures into, too")
    parser.add_argument("--speed", type=int, metavar="SIDE", help="only time a volume of so many voxels a side")
    options = parser.parse_args()
    model = tubes.load_model(options.model)
    if options.speed:
        time_volume(model, options.speed)
        return
    table = measure(model, options.made, threshold=options.threshold, filters=not options.no_baselines)
    if options.json:
        options.json.write_text(json.dumps(table, indent=1))


def time_volume(model: tubes.TubeModel, side: int) -> None:
    """How long a volume of noise takes, and what memory the whole process needed at most."""
    volume = np.random.default_rng(0).normal(0, 100, (side,) * 3).astype(np.int16)
    before, cpu = peak_mb(), time.process_time()
    found = tubes.segment(volume, spacing=(1.0, 1.0, 1.0), model=model)
    cpu = time.process_time() - cpu
    print(f"{side}^3: {found.seconds:.1f} s, {cpu:.1f} s of processor time; peak {before:.0f} -> {peak_mb():.0f} MB")


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(model: tubes.TubeModel, made: int, *, threshold: float = 0.5, filters: bool = True) -> Table:
    """{case: {what: (Dice, clDice) in per cent}}; of made volumes the mean. Prints each as it is there."""
    table: Table = {}
    means: dict[str, list[tuple[float, float]]] = {}
    for case in [*real_cases(), *made_cases(made)]:
        scores = baselines(case) if filters else {}
        found = tubes.segment(case.array, spacing=case.spacing, polarity=case.polarity, model=model)
        scores["network"] = score(found.probability >= threshold, case)
        scores["network at its best"] = at_best(found.probability, case)
        refined = tubes.refine(found.probability, found.radius, spacing=case.spacing, threshold=threshold)
        scores["refined"] = score(refined.labels > 0, case)
        if case.name.startswith("made"):
            for kind, pair in scores.items():
                means.setdefault(kind, []).append(pair)
        else:
            table[case.name] = scores
            show(case.name, scores, f"{found.seconds:.1f} s")
    if means:
        of_made = {kind: np.mean(pairs, axis=0) for kind, pairs in means.items()}
        table[f"made, mean of {made}"] = {kind: (float(a), float(b)) for kind, (a, b) in of_made.items()}
        show(f"made, mean of {made}", table[f"made, mean of {made}"], "")
    return table


def show(name: str, scores: dict[str, tuple[float, float]], note: str) -> None:
    print(f"{name:22}" + "  ".join(f"{kind} {a:.1f}/{b:.1f}" for kind, (a, b) in scores.items()), note, flush=True)


if __name__ == "__main__":
    main()
