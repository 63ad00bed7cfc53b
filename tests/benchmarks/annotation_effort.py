"""How many slices a simulated person draws until a label reaches Dice 0.90 and 0.95.

The person draws the largest slice, propagates, corrects the slice that the program points at, propagates again, and so
on; an empty slice that was wrongly reached is marked as a stop and counts as a drawn one. Compared with slices drawn
evenly over the true extent, both ends included, one more each time, filled in by shape interpolation or optical flow.

MEDSSL_DATA=... python tests/benchmarks/annotation_effort.py [--limit 4] [--collections acdc ...] [--rules gain lowest]
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from baselines import FlowBetween, shape_between
from labelled_cases import LabelledCase, load_collection

from napari_medssl.metrics import dice
from napari_medssl.propagation import propagate
from napari_medssl.propagation.kept import KeptWork
from napari_medssl.propagation.load import load_model
from napari_medssl.propagation.model import PropagationModel
from napari_medssl.propagation.next_slice import next_slice

COLLECTIONS = ("la2018", "acdc", "hippocampus", "organ_ct")
TARGETS = (0.90, 0.95)
Rule = Callable[[np.ndarray, np.ndarray, list[int]], int | None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="default")
    parser.add_argument("--collections", nargs="*", default=list(COLLECTIONS), choices=COLLECTIONS)
    parser.add_argument("--rules", nargs="*", default=["gain"], choices=list(RULES), help="how the program points")
    parser.add_argument("--range", choices=["whole", "extent"], default="whole", help="slices that are propagated to")
    parser.add_argument("--cap", type=int, default=30, help="slices after which a person gives up")
    parser.add_argument("--limit", type=int, help="at most so many cases of a collection")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path, help="write all counts there")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    model = load_model(options.model, "auto")
    counts: dict[str, dict[str, list[dict[str, object]]]] = defaultdict(lambda: defaultdict(list))
    for name in options.collections:
        for case in load_collection(name, options.limit):
            work = KeptWork()
            for label in case.wanted:
                mask = case.labels == label
                ways = {f"pointed at by {rule}": corrected(case, mask, model, rule, options.range, work)
                        for rule in options.rules} | evenly_drawn(case, mask)  # fmt: skip
                for way, attempts in ways.items():
                    found = drawn_to(TARGETS, attempts, options.cap)
                    counts[name][way].append({"case": case.name, "label": label, "drawn": found})
            print(markdown({name: counts[name]}, options.cap), flush=True)
    print(markdown(counts, options.cap))
    if options.json:
        options.json.write_text(json.dumps(counts, indent=1))


def drawn_to(targets: Iterable[float], attempts: Iterable[tuple[int, float]], cap: int) -> list[int | None]:
    """Slices drawn when each target was first reached, from (slices drawn, Dice); None where that took over `cap`."""
    found: dict[float, int | None] = dict.fromkeys(targets)
    for drawn, score in attempts:
        if drawn > cap:
            break
        for target in found:
            if found[target] is None and score >= target:
                found[target] = drawn
        if None not in found.values():
            break
    return list(found.values())


def corrected(
    case: LabelledCase, mask: np.ndarray, model: PropagationModel, rule: str, reach: str, work: KeptWork
) -> Iterator[tuple[int, float]]:
    """(slices drawn, Dice) of a person who corrects the slice that is pointed at, again and again."""
    areas = mask.sum(axis=(1, 2))
    there = np.flatnonzero(areas)
    extent = (int(there[0]), int(there[-1]) + 1) if reach == "extent" else None
    point = RULES[rule]
    drawn = [int(areas.argmax())]
    while True:
        seeds = np.zeros(mask.shape, dtype=np.uint8)
        seeds[drawn] = mask[drawn]
        result = propagate(case.volume, seeds, seed_slices={1: drawn}, slice_range=extent, model=model, kept=work)
        found = result.labels > 0
        yield len(drawn), float(dice(found, mask))
        index = point(result.confidence[1], found.sum(axis=(1, 2)), drawn)
        if index is None:
            return
        drawn = sorted([*drawn, index])


def evenly_drawn(case: LabelledCase, mask: np.ndarray) -> dict[str, Iterator[tuple[int, float]]]:
    """(slices drawn, Dice) of a person who draws more and more slices evenly over the true extent."""
    there = np.flatnonzero(mask.any(axis=(1, 2)))
    first, last = int(there[0]), int(there[-1])

    def attempts(fill: Callable[[list[int]], np.ndarray]) -> Iterator[tuple[int, float]]:
        for count in range(min(2, last - first + 1), last - first + 2):
            drawn = [int(index) for index in np.unique(np.linspace(first, last, count).round())]
            yield len(drawn), float(dice(fill(drawn), mask))

    flow = FlowBetween(np.asarray(case.volume.array), mask)
    return {
        "evenly, shape interpolation": attempts(lambda drawn: shape_between(mask, drawn, case.volume.spacing[1:])),
        "evenly, optical flow": attempts(lambda drawn: flow(mask, drawn)),
    }


def _by_gain(confidence: np.ndarray, areas: np.ndarray, drawn: list[int]) -> int | None:
    return next_slice({1: confidence}, {1: areas}, {1: drawn})


def _lowest(confidence: np.ndarray, areas: np.ndarray, drawn: list[int]) -> int | None:
    left = [i for i in np.flatnonzero(np.isfinite(confidence)) if i not in drawn and areas[i]]
    return int(min(left, key=lambda i: confidence[i])) if left else None


def _random(confidence: np.ndarray, areas: np.ndarray, drawn: list[int]) -> int | None:
    left = [i for i in np.flatnonzero(areas) if i not in drawn]
    return int(np.random.default_rng(len(drawn)).choice(left)) if left else None


RULES: dict[str, Rule] = {"gain": _by_gain, "lowest": _lowest, "random": _random}


def markdown(counts: dict[str, dict[str, list[dict[str, object]]]], cap: int) -> str:
    """A table of slices drawn: mean (standard deviation) over labels and cases; who never got there counts as `cap`."""
    titles = [f"{name} {target:.2f}" for name in counts for target in TARGETS]
    lines = ["| drawn slices | " + " | ".join(titles) + " |", "|---|" + "---|" * len(titles)]
    for way in next(iter(counts.values())):
        cells = []
        for by_way in counts.values():
            for position in range(len(TARGETS)):
                drawn = [row["drawn"][position] for row in by_way[way]]
                filled = np.array([cap if count is None else count for count in drawn])
                never = drawn.count(None)
                missed = f", {never} never" if never else ""
                cells.append(f"{filled.mean():.1f} ({filled.std():.1f}), n = {len(drawn)}{missed}")
        lines.append(f"| {way} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
