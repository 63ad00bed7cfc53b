"""How quick propagation is: a phantom of 275 slices of 512 x 512, an organ about 120 pixels across through all of it.

    python tests/benchmarks/propagation_speed.py [--threads 2] [--model default] [--slices 275] [--published-steps 2]

One slice in the middle is drawn; then a second one, at three quarters of the range, with what the first run kept. Each
part runs in a process of its own. The published way is `sli2vol-paper` at full resolution on whole slices: the features
of both slices at each step, and the correlation by concatenating the products with 169 shifted copies.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

import numpy as np
import torch
from training_throughput import copy_by_concatenation

from napari_medssl.metrics import dice
from napari_medssl.propagation import KeptWork, iter_propagate
from napari_medssl.propagation.load import load_model

SIDE, ACROSS = 512, 120
SPACING = (1.5, 0.8, 0.8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", default="default")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--slices", type=int, default=275)
    parser.add_argument("--published-steps", type=int, default=2)
    parser.add_argument("--part", choices=("ours", "published"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.part:
        print(json.dumps(ours(options) if options.part == "ours" else published(options)))
        return
    print(table(in_child("ours"), in_child("published"), options))


def in_child(part: str) -> dict[str, float]:
    """What a part measures, in a process of its own, so that its peak of memory is its own."""
    done = subprocess.run([sys.executable, *sys.argv, "--part", part], stdout=subprocess.PIPE, text=True, check=True)
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def table(ours: dict[str, float], published: dict[str, float], options: argparse.Namespace) -> str:
    share = ours["correction"] / ours["all"]
    each = ours["all"] / (options.slices - 1)
    times = published["step"] / each
    rows = [
        ("first slice", "1 s", f"{ours['first']:.2f} s", ours["first"] <= 1),
        ("all slices", "10 s", f"{ours['all']:.1f} s", ours["all"] <= 10),
        ("peak memory above the volume", "1.5 GB", f"{ours['memory'] / 1e9:.2f} GB", ours["memory"] <= 1.5e9),
        ("correction, of the first pass", "33 %", f"{100 * share:.0f} % ({ours['correction']:.1f} s)", share <= 1 / 3),
        ("per slice", "", f"{1000 * each:.1f} ms", True),
        ("per slice, the published way", "", f"{published['step']:.1f} s", True),
        ("times the published way", "50", f"{times:.0f}", times >= 50),
    ]
    lines = [
        f"{options.slices} slices of {SIDE} x {SIDE}, {options.device}, {options.threads} threads, model"
        f" {options.model}; Dice {ours['dice']:.3f}, with the correction {ours['dice_corrected']:.3f}.",
        "",
        "| | target | measured | |",
        "|---|---|---|---|",
        *[f"| {name} | {target} | {value} | {'' if met else 'missed'} |" for name, target, value, met in rows],
    ]
    return "\n".join(lines)


def phantom(slices: int) -> tuple[np.ndarray, np.ndarray]:
    """(slices, 512, 512) int16 image and uint8 organ: a body with a smooth texture, noise, and an organ that drifts."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    body = np.where(((y - 256) / 180) ** 2 + ((x - 256) / 230) ** 2 < 1, 0.0, -900.0).astype(np.float32)
    for _ in range(12):  # neighbours of other brightness
        row, column, radius = rng.uniform(150, 362), rng.uniform(100, 412), rng.uniform(15, 45)
        body[(y - row) ** 2 + (x - column) ** 2 < radius**2] = rng.uniform(-120, 250)
    noise = rng.normal(0, 18, (SIDE, SIDE)).astype(np.float32)
    image, organ = np.empty((slices, SIDE, SIDE), np.int16), np.zeros((slices, SIDE, SIDE), np.uint8)
    for index in range(slices):
        turn = 2 * np.pi * index / 275
        row, column = 256 + 14 * np.sin(turn), 240 + 18 * np.cos(1.7 * turn)
        angle = np.arctan2(y - row, x - column)
        reach = ACROSS / 2 * (1 + 0.1 * np.sin(3 * turn) + 0.12 * np.sin(2 * angle + turn) + 0.06 * np.sin(5 * angle))
        organ[index] = np.hypot(y - row, x - column) < reach
        inside = 110 + 12 * np.sin(x / 9 + turn) * np.sin(y / 7)
        image[index] = np.where(organ[index], inside, body) + np.roll(noise, (37 * index, 91 * index), (0, 1))
    return image, organ


def ours(options: argparse.Namespace) -> dict[str, float]:
    image, organ = phantom(options.slices)
    middle, quarter = options.slices // 2, 3 * options.slices // 4
    seeds = np.zeros_like(organ)
    seeds[middle] = organ[middle]
    model = load_model(options.model, options.device)
    warm = {"spacing": SPACING, "model": model, "device": options.device}
    for _ in iter_propagate(image, seeds, slice_range=(middle - 2, middle + 3), **warm):
        pass

    def timed(kept: KeptWork) -> tuple[float, float, np.ndarray]:
        labels, first, started = seeds.copy(), 0.0, time.monotonic()
        for result in iter_propagate(image, seeds, kept=kept, **warm):
            labels[result.index] = result.labels
            if not first and result.index != middle:
                first = time.monotonic() - started
        return first, time.monotonic() - started, labels

    kept = KeptWork()
    first, whole, labels = timed(kept)
    score = dice(labels == 1, organ == 1)
    seeds[quarter] = organ[quarter]
    _, correction, corrected = timed(kept)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {
        "first": first, "all": whole, "correction": correction, "dice": float(score),
        "dice_corrected": float(dice(corrected == 1, organ == 1)), "memory": peak - image.nbytes,
    }  # fmt: skip


def published(options: argparse.Namespace) -> dict[str, float]:
    """Seconds a step of the published way."""
    model = load_model("sli2vol-paper", options.device)
    slices = torch.rand(2, 1, SIDE, SIDE, device=model.device)
    mask = (slices[:1] > 0.5).float()
    took = []
    with torch.inference_mode():
        model.network(slices[:1, :, :64, :64])  # warm
        for _ in range(options.published_steps):
            started = time.monotonic()
            copy_by_concatenation(model.network(slices[:1]), model.network(slices[1:]), mask).sum().item()
            took.append(time.monotonic() - started)
    return {"step": statistics.median(took)}


if __name__ == "__main__":
    main()
