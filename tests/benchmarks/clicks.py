"""What clicks are worth: a simulated person clicks into the largest mistake of the worst slice, again and again.

    MEDSSL_DATA=... python tests/benchmarks/clicks.py [--limit 3] [--clicks 3] [--model default]

One slice is drawn by the protocol of the propagation table and carried through the scan. The slice with the most wrong
pixels is looked at; a click lands at the deepest place of its largest mistake, and the scan is propagated again.
Printed: Dice of that slice and of the whole volume after each click, beside the slice mended by painting a disc there
up to the mistake's edge, and the slice redrawn whole.
"""

from __future__ import annotations

import argparse
from collections import defaultdict

import numpy as np
import torch
from labelled_cases import LabelledCase, draw_seed_slice, load_collection
from scipy import ndimage

from napari_medssl.metrics import dice
from napari_medssl.propagation import Hint, KeptWork, propagate
from napari_medssl.propagation.load import load_model
from napari_medssl.propagation.model import PropagationModel

COLLECTIONS = ("la2018", "acdc", "hippocampus", "organ_ct", "lung_ct")
Scores = dict[str, list[tuple[float, float]]]  # what was done -> (Dice of the slice, of the volume)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="default")
    parser.add_argument("--collections", nargs="*", default=list(COLLECTIONS), choices=COLLECTIONS)
    parser.add_argument("--clicks", type=int, default=3)
    parser.add_argument("--limit", type=int, default=3, help="at most so many cases of a collection")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = load_model(options.model)
    print("Dice in percent, mean (standard error over labels): of the slice that was worst / of the volume.\n")
    for name in options.collections:
        scores: Scores = defaultdict(list)
        for case in load_collection(name, options.limit):
            for label in case.wanted:
                one_label(case, label, model, options.clicks, scores)
        print(
            f"{name} (n = {len(scores['before'])}): " + "; ".join(words(*item) for item in scores.items()), flush=True
        )


def words(name: str, values: list[tuple[float, float]]) -> str:
    cells = [f"{100 * v.mean():.1f} ({100 * v.std() / np.sqrt(len(v)):.1f})" for v in np.array(values).T]
    return f"{name} {' / '.join(cells)}"


def one_label(case: LabelledCase, label: int, model: PropagationModel, clicks: int, scores: Scores) -> None:
    truth, kept = case.labels == label, KeptWork()
    index = draw_seed_slice(truth, np.random.default_rng([0, label]))
    seeds = np.zeros(truth.shape, dtype=np.uint8)
    seeds[index] = truth[index]

    def found(hints: list[Hint]) -> np.ndarray:
        return propagate(case.volume, seeds, seed_slices={1: [index]}, model=model, hints=hints, kept=kept).labels > 0

    def note(name: str, mask: np.ndarray) -> None:
        scores[name].append((float(dice(mask[worst], truth[worst])), float(dice(mask, truth))))

    mask = found([])
    # A slice where the structure is not, or has been lost, is for "Not here" and for the brush.
    candidates = truth.any(axis=(1, 2)) & mask.any(axis=(1, 2))
    worst = int(((mask != truth).sum(axis=(1, 2)) * candidates).argmax())
    if not (mask[worst] != truth[worst]).any():
        return
    note("before", mask)
    painted = mask.copy()
    row, column, inside, depth = click(painted[worst], truth[worst])
    rows, columns = np.indices(truth.shape[1:])
    painted[worst][np.hypot(rows - row, columns - column) <= depth] = inside
    note("a disc painted there", painted)
    seeds[worst] = truth[worst]
    redrawn = propagate(case.volume, seeds, seed_slices={1: [index, worst]}, model=model, kept=kept).labels > 0
    seeds[worst] = 0
    note("the slice redrawn", redrawn)
    hints: list[Hint] = []
    for number in range(1, clicks + 1):
        if (mask[worst] != truth[worst]).any():
            row, column, inside, _ = click(mask[worst], truth[worst])
            hints.append(Hint(1, (worst, row, column), inside))
            mask = found(hints)
        note(f"{number} click{'s' * (number > 1)}", mask)


def click(mask: np.ndarray, truth: np.ndarray) -> tuple[int, int, bool, float]:
    """Row, column, whether it is inside, and depth in pixels, of the deepest place of the largest mistake."""
    best: tuple[int, np.ndarray, bool] = (0, mask, False)
    for wrong, inside in ((truth & ~mask, True), (mask & ~truth, False)):
        pieces, count = ndimage.label(wrong)
        for number, size in enumerate(np.bincount(pieces.ravel(), minlength=count + 1)[1:], start=1):
            if size > best[0]:
                best = int(size), pieces == number, inside
    depth = ndimage.distance_transform_edt(np.pad(best[1], 1))[1:-1, 1:-1]
    row, column = np.unravel_index(depth.argmax(), depth.shape)
    return int(row), int(column), best[2], float(depth[row, column])


if __name__ == "__main__":
    main()
