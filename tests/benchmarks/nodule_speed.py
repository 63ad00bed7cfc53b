"""How long ``nodules.detect`` takes on a chest CT of 512 x 512 x 300 voxels, and where the time goes.

    python tests/benchmarks/nodule_speed.py [--runs 3] [--threads 2] [--device cpu] [--model NAME]

The scan is the chest phantom, painted coarsely and enlarged (0.7 mm in plane, 1 mm slices): what is in it changes the
time little, how much of it is lung does. Without a model of that name the network of the default plan with new
weights stands in for it, since weights do not change the time either; the output says which it was.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time

import numpy as np
import torch

from napari_medssl.devices import pick_device
from napari_medssl.errors import BadInput
from napari_medssl.nodules import DetectorModel, detection, find_lungs, load_detector
from napari_medssl.nodules.model import NodulePlan
from napari_medssl.nodules.networks import build_network
from napari_medssl.volumes import Geometry, Volume
from napari_medssl.volumes.phantoms import chest

SHAPE, SPACING = (300, 512, 512), (1.0, 0.7, 0.7)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--model", default="default")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    volume = large_scan()
    model, name = the_model(args.model, args.device)
    lungs, whole, cpu = [], [], []
    for _ in range(args.runs):
        started = time.monotonic()
        found = find_lungs(volume)
        lungs.append(time.monotonic() - started)
        before = time.process_time()
        result = detection(volume, model=model)
        whole.append(result.seconds)
        cpu.append(time.process_time() - before)
    print(f"{name}, {args.device}, {args.threads} threads, {SHAPE}, {args.runs} runs")
    print(f"lungs found: {found.millilitres / 1000:.1f} l")
    for what, seconds in (("lungs", lungs), ("all", whole), ("all, processor time", cpu)):
        print(f"{what}: median {statistics.median(seconds):.1f} s ({min(seconds):.1f} to {max(seconds):.1f})")
    print(f"most memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GB")


def large_scan() -> Volume:
    """The phantom at 4 mm, enlarged to the full grid, with noise."""
    span = [n * side for n, side in zip(SHAPE, SPACING, strict=True)]
    coarse = chest([round(side / 4) for side in span], (4.0, 4.0, 4.0), seed=0, noise=0.0).volume.array
    index = [
        np.minimum((np.arange(n) * side / 4).astype(int), m - 1)
        for n, side, m in zip(SHAPE, SPACING, coarse.shape, strict=True)
    ]
    rng = np.random.default_rng(0)
    array = np.empty(SHAPE, np.int16)
    for z, source in enumerate(index[0]):
        array[z] = coarse[source][np.ix_(index[1], index[2])] + rng.normal(0, 25, SHAPE[1:])
    return Volume(array, Geometry(SPACING[::-1]), "large phantom")


def the_model(name: str, device: str) -> tuple[DetectorModel, str]:
    try:
        return load_detector(name, device), f"model {name}"
    except BadInput:
        on, plan = pick_device(device), NodulePlan()
        return DetectorModel(build_network(plan).eval().requires_grad_(False).to(on), plan, on), "new weights"


if __name__ == "__main__":
    main()
