"""Prints how quick refinement is, and what it does to probability maps made from real trees.

MEDSSL_DATA=... python tests/benchmarks/tube_refinement.py [--speed] [--quality] [--tree pulmonary_artery_tree_1]

Speed: a mask in, labels out, everything included; and the literal sum over a dense pseudo skeleton beside one separable
convolution of the whole volume per radius (the quick way of doing that), in the same run, with the largest difference.
Quality: probabilities and radii made from tree masks by blurring and smooth noise, thresholded and refined; on the tree
on which the constants were chosen, and apart from it on trees that had no part in that.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from scipy.signal import fftconvolve
from skimage.morphology import skeletonize

from napari_medssl.metrics import dice
from napari_medssl.tubes import distance_classes, refine, refine_mask
from napari_medssl.tubes.balls import depth_in_balls
from napari_medssl.tubes.distances import surface_distance
from napari_medssl.tubes.learning.trees import draw_style, grow
from napari_medssl.tubes.rebuilding import sure_parts

CHOSEN = {"pulmonary_artery_tree_1": np.s_[80:150, 80:150, 60:150]}  # where the constants were chosen
HELD_BACK = {
    "brain_artery_tree": np.s_[40:100, 150:230, 100:190],
    "topcow_mr_roi_003": np.s_[:],
    "topcow_mr_roi_014": np.s_[:],
    "topcow_ct_roi_003": np.s_[:],
    "topcow_ct_roi_014": np.s_[:],
}
GROWN = 5  # trees grown at random, also held back
QUALITIES = ((0.5, 1.0), (0.8, 2.0))  # blur in voxels, noise of the logits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--quality", action="store_true")
    parser.add_argument("--tree", default="pulmonary_artery_tree_1")
    args = parser.parse_args()
    if args.speed or not args.quality:
        speed(args.tree)
    if args.quality or not args.speed:
        quality()


def tree(name: str) -> tuple[np.ndarray, tuple[float, ...]]:
    image = sitk.ReadImage(str(Path(os.environ["MEDSSL_DATA"]) / "vessel_trees" / f"{name}.nii.gz"))
    return sitk.GetArrayFromImage(image) > 0, image.GetSpacing()[::-1]


def timed(what: str, work: Callable[[], object]) -> float:
    start, busy = time.perf_counter(), time.process_time()
    work()
    seconds = time.perf_counter() - start
    print(f"{what:60s} {seconds:7.2f} s ({time.process_time() - busy:.2f} s of processor time)", flush=True)
    return seconds


def speed(name: str) -> None:
    mask, spacing = tree(name)
    refine_mask(mask[:20], spacing=spacing)  # imports
    print(f"{name}, {' x '.join(map(str, mask.shape))}")
    seconds = min(
        timed("refine_mask, mask in, labels out", lambda: refine_mask(mask, spacing=spacing)) for _ in range(3)
    )
    p, z = mask.astype(np.float32), distance_classes(mask).astype(np.float32)
    found: list[np.ndarray] = []
    ours = timed("paper: the literal sum", lambda: found.append(refine(p, z, mode="paper").refined))
    theirs = timed("one convolution per radius", lambda: found.append(by_convolutions(p, z)))
    largest = float(z.max())
    whole = timed("one FFT convolution of the volume", lambda: by_fft(p, z, largest))
    radii = len(np.unique(z[z > 0]))
    there = found[1] > 0.1
    worst = float((np.abs(found[0] - found[1])[there] / found[1][there]).max())
    print(f"largest relative difference where the sum is above 0.1: {worst:.1e}")
    print(f"{radii} radii; times the paper's sum, and times refine_mask:")
    for what, all_radii in (("separable", theirs), ("FFT", whole * radii)):
        print(f"one {what} convolution per radius: {all_radii / ours:.0f} x, {all_radii / seconds:.0f} x")


def by_convolutions(p: np.ndarray, z: np.ndarray) -> np.ndarray:
    """The literal sum as one Gaussian convolution of the whole volume per radius, cut off at six sigmas."""
    total = np.where((p > 0.98) & (z == 0), p, 0).astype(np.float64)
    for radius in np.unique(z[(p > 0.98) & (z > 0)]):
        part = np.where((p > 0.98) & (z == radius), p, 0).astype(np.float64)
        sigma = radius / 3
        reach = int(np.ceil(6 * sigma))
        kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
        for axis in range(3):
            part = ndimage.correlate1d(part, kernel, axis=axis, mode="constant")
        total += part
    return total


def by_fft(p: np.ndarray, z: np.ndarray, radius: float) -> np.ndarray:
    """The balls of one radius, by a convolution with the whole three-dimensional kernel."""
    reach = int(np.ceil(2 * radius))
    squares = np.arange(-reach, reach + 1) ** 2
    kernel = np.exp(-4.5 * (squares[:, None, None] + squares[:, None] + squares) / radius**2).astype(np.float32)
    return fftconvolve(np.where((p > 0.98) & (z == radius), p, 0), kernel, mode="same")


def quality() -> None:
    for what, cases in (("constants chosen here", CHOSEN), ("held back", HELD_BACK), ("held back, grown", None)):
        rows: dict[str, list[tuple[float, float, int]]] = {}
        for seed, (truth, spacing) in enumerate(grown() if cases is None else crops(cases)):
            for blur, noise in QUALITIES:
                p, z = maps(truth, spacing, blur, noise, seed)
                sure = sure_parts(p >= 0.5, p, 0.98)
                results = {
                    "p >= 0.5": p >= 0.5,
                    "p >= 0.5, sure parts": sure,
                    "refined, paper": refine(p, z, spacing=spacing, mode="paper").labels > 0,
                    "refined": refine(p, z, spacing=spacing).labels > 0,
                    "p >= 0.5, refined as a mask": refine_mask(p >= 0.5, spacing=spacing).labels > 0,
                    "sure parts, refined as a mask": refine_mask(sure, spacing=spacing).labels > 0,
                }
                for method, found in results.items():
                    rows.setdefault(method, []).append(scores(found, truth))
        print(f"{what}: Dice, clDice, error in the number of pieces; mean (standard deviation) over the cases")
        for method, values in rows.items():
            mean, spread = np.mean(values, axis=0), np.std(values, axis=0, ddof=1)
            cells = (f"{m * k:6.1f} ({sd * k:.1f})" for m, sd, k in zip(mean, spread, (100, 100, 1), strict=True))
            print(f"{method:32s} n {len(values):3d} {' '.join(cells)}", flush=True)


def crops(names: dict[str, tuple[slice, ...]]) -> Iterator[tuple[np.ndarray, tuple[float, ...]]]:
    for name, crop in names.items():
        whole, spacing = tree(name)
        yield np.ascontiguousarray(whole[crop]), spacing


def grown() -> Iterator[tuple[np.ndarray, tuple[float, ...]]]:
    """Trees of the kind that networks are trained on, from seeds that no training uses."""
    shape = (64, 80, 80)
    for seed in range(GROWN):
        rng = np.random.default_rng([20261121, seed])
        curves = np.concatenate(grow(rng, shape, replace(draw_style(rng, 6.0), radius=4.0, thinnest=1.0, length=10.0)))
        points = np.rint(curves[:, :3]).astype(int)
        inside = ((points >= 0) & (points < shape)).all(axis=1)
        depth = depth_in_balls(shape, points[inside], curves[inside, 3], (1.0, 1.0, 1.0), 0.5)
        yield depth >= 0, (1.0, 1.0, 1.0)


def maps(
    truth: np.ndarray, spacing: tuple[float, ...], blur: float, noise: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """A probability and a radius that are wrong in patches, as a network's are."""
    rng = np.random.default_rng(seed)
    patches = ndimage.gaussian_filter(rng.normal(size=truth.shape), 2.0)
    patches /= patches.std()
    soft = ndimage.gaussian_filter(truth.astype(float), [blur * min(spacing) / step for step in spacing])
    p = 1 / (1 + np.exp(-8 * (soft - 0.4) - noise * patches))
    nearest = ndimage.distance_transform_edt(~truth, sampling=spacing, return_distances=False, return_indices=True)
    z = surface_distance(truth, spacing=spacing)[tuple(nearest)] * np.exp(0.15 * patches)
    return p.astype(np.float32), z.astype(np.float32)


def scores(found: np.ndarray, truth: np.ndarray) -> tuple[float, float, int]:
    ours, theirs = skeletonize(found) > 0, skeletonize(truth) > 0
    precision, sensitivity = (ours & truth).sum() / max(ours.sum(), 1), (theirs & found).sum() / theirs.sum()
    count = [ndimage.label(mask, np.ones((3, 3, 3)))[1] for mask in (found, truth)]
    both = 2 * precision * sensitivity / max(precision + sensitivity, 1e-9)
    return dice(found, truth), float(both), abs(count[0] - count[1])


if __name__ == "__main__":
    main()
