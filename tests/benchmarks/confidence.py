"""Fits the exponent that brings confidence to the scale of Dice, on phantoms, and prints how well it ranks slices.

python tests/benchmarks/confidence.py [--patients 4]
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import spearmanr

from napari_medssl.metrics import dice
from napari_medssl.propagation import propagate
from napari_medssl.propagation.confidence import POWER
from napari_medssl.volumes.phantoms import abdomen

POWERS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=4)
    pairs = np.concatenate([slices_of(seed) for seed in range(parser.parse_args().patients)])
    products, truth = pairs[:, 0] ** (1 / POWER), pairs[:, 1]
    print(f"{len(pairs)} slices; Spearman's rank correlation {spearmanr(products, truth).statistic:.2f}")
    for power in POWERS:
        print(f"power {power}: mean absolute difference from Dice {np.abs(products**power - truth).mean():.3f}")


def slices_of(seed: int) -> list[tuple[float, float]]:
    """(confidence, Dice) of each propagated slice of each organ of one phantom patient, CT and MR by turns."""
    phantom = abdomen((64, 128, 128), (4.5, 2.6, 2.6), seed=1000 + seed, modality="mr" if seed % 2 else "ct")
    pairs: list[tuple[float, float]] = []
    for label in phantom.names:
        truth = phantom.labels == label
        drawn = int(truth.sum((1, 2)).argmax())
        seeds = np.zeros(truth.shape, dtype=np.uint8)
        seeds[drawn] = truth[drawn]
        result = propagate(phantom.volume, seeds, verification="none")
        values = result.confidence[1]
        reached = [i for i in np.flatnonzero(np.isfinite(values)) if i != drawn]
        pairs += [(float(values[i]), float(dice(result.labels[i] > 0, truth[i]))) for i in reached]
    return pairs


if __name__ == "__main__":
    main()
