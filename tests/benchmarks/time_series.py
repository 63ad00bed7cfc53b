"""From one frame of a heart to the others: propagation through time against copying and optical flow.

    MEDSSL_DATA=... python tests/benchmarks/time_series.py [--limit 5] [--model default]

acdc: the true labels of end diastole are carried to end systole, the only other frame that the collection has, in one
step; Dice at end systole. Optical flow is scikit-image's TV-L1, slice by slice.
Printed: mean Dice in percent and its standard deviation over patients, by label.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from skimage.registration import optical_flow_tvl1

from napari_medssl.metrics import dice
from napari_medssl.propagation import propagate_frames
from napari_medssl.propagation.load import load_model
from napari_medssl.volumes import read_labels, read_volume

Way = Callable[[NDArray[np.generic], NDArray[np.integer], tuple[float, ...]], NDArray[np.integer]]
Scores = dict[str, dict[int, list[float]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=5, help="at most so many patients of acdc")
    parser.add_argument("--model", default="default")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model, data = load_model(options.model), Path(os.environ["MEDSSL_DATA"])

    def propagated(frames: NDArray[np.generic], first: NDArray[np.integer], spacing: tuple[float, ...]):
        seeds = np.zeros(frames.shape, np.uint8)
        seeds[0] = first
        return propagate_frames(frames, seeds, spacing=spacing, model=model).labels

    ways: dict[str, Way] = {"propagated": propagated, "copied": copied, "optical flow": flowed}
    names = {1: "right ventricle", 2: "myocardium", 3: "left ventricle"}
    scores: Scores = {way: {} for way in ways}
    for diastole in sorted((data / "acdc" / "images").glob("*_frame01.nii.gz"))[: options.limit]:
        pair = [diastole, diastole.with_name(diastole.name.replace("frame01", "frame02"))]
        scans = [read_volume(path) for path in pair]
        truth = np.stack([read_labels(data / "acdc" / "labels" / path.name).array for path in pair])
        note(scores, ways, np.stack([s.array for s in scans]), truth, scans[0].spacing)
    tell("acdc, end diastole to end systole, one step", scores, names)


def note(
    scores: Scores, ways: dict[str, Way], frames: NDArray[np.generic], truth: NDArray[np.integer],
    spacing: tuple[float, ...],
) -> None:  # fmt: skip
    for way, carry in ways.items():
        found = carry(frames, truth[0], spacing)
        for label in (int(value) for value in np.unique(truth[0]) if value):
            for t in range(1, len(frames)):
                if (truth[t] == label).any():
                    scores[way].setdefault(label, []).append(float(dice(found[t] == label, truth[t] == label)))


def tell(title: str, scores: Scores, names: dict[int, str]) -> None:
    print(f"{title}:")
    for way, labels in scores.items():
        cells = [
            f"{names.get(label, f'label {label}')} {100 * np.mean(v):.1f} ({100 * np.std(v):.1f}, n = {len(v)})"
            for label, v in labels.items()
        ]
        print(f"  {way}: {'; '.join(cells)}", flush=True)


def copied(frames: NDArray[np.generic], first: NDArray[np.integer], spacing: tuple[float, ...]) -> NDArray[np.integer]:
    return np.broadcast_to(first, frames.shape)


def flowed(frames: NDArray[np.generic], first: NDArray[np.integer], spacing: tuple[float, ...]) -> NDArray[np.integer]:
    found = np.zeros(frames.shape, np.uint8)
    found[0] = first
    scaled = (frames - frames.min()) / max(float(np.ptp(frames)), 1e-6)
    for t in range(1, len(frames)):
        for z in range(frames.shape[1]):
            if found[t - 1, z].any():
                here, before = scaled[t, z].astype(np.float32), scaled[t - 1, z].astype(np.float32)
                motion = optical_flow_tvl1(here, before)
                grid = np.indices(here.shape, dtype=np.float32) + motion
                found[t, z] = ndimage.map_coordinates(found[t - 1, z], grid, order=0, mode="nearest")
    return found


if __name__ == "__main__":
    main()
