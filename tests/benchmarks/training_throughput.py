"""Slice pairs per second in training: the recipe's step against the published way, same machine, batch and sample size.

    python tests/benchmarks/training_throughput.py [--side 96] [--batch 5] [--device cpu] [--seconds 60]

The published way: the full-resolution network on both slices of every pair at each step, a correlation volume made by
concatenating one shifted product for each of the 169 offsets, Adam, float32. Ours: the step of recipe `sli2vol` with
its default settings (losses, running average and sample preparation included), also with the published network. Rounds
alternate, so that other work on the machine hits all alike; the share of time spent waiting for samples is given too.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from napari_medssl.propagation.networks import PaperEncoder
from napari_medssl.training import train
from napari_medssl.training.events import Event
from napari_medssl.volumes import Geometry, write_volume
from napari_medssl.volumes.phantoms import abdomen

RADIUS = 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--batch", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seconds", type=float, default=40, help="of each way in each round")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        data = make_data(Path(scratch) / "data")
        ways: dict[str, Callable[[int], tuple[float, float]]] = {
            "published way": lambda _: (published(options), 0.0),
            "recipe, published network": lambda n: recipe(options, data, Path(scratch) / f"paper{n}", "paper"),
            "recipe, default network": lambda n: recipe(options, data, Path(scratch) / f"strided{n}", "strided"),
        }
        measured: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for number in range(options.rounds):
            for name, way in ways.items():
                measured[name].append(way(number))
                print(f"round {number + 1}, {name}: {measured[name][-1][0]:.2f} pairs/s", flush=True)
    print(table(measured, options))


def table(measured: dict[str, list[tuple[float, float]]], options: argparse.Namespace) -> str:
    base = np.median([rate for rate, _ in measured["published way"]])
    lines = [
        f"Batch {options.batch}, samples of {options.side} x {options.side}, {options.device},"
        f" {torch.get_num_threads()} threads, {options.rounds} rounds of {options.seconds:.0f} s.",
        "",
        "| way | pairs per second (lowest to highest) | times the published way | time spent waiting for samples |",
        "|---|---|---|---|",
    ]
    for name, rounds in measured.items():
        rates = [rate for rate, _ in rounds]
        waiting = max(share for _, share in rounds)
        lines.append(
            f"| {name} | {np.median(rates):.2f} ({min(rates):.2f} to {max(rates):.2f})"
            f" | {np.median(rates) / base:.1f} | {100 * waiting:.1f} % |"
        )
    return "\n".join(lines)


def make_data(folder: Path) -> Path:
    """Two phantom patients on disk."""
    (folder / "images").mkdir(parents=True)
    for seed in (1, 2):
        phantom = abdomen((40, 256, 256), (4.0, 1.5, 1.5), seed=seed)
        geometry = Geometry((1.5, 1.5, 4.0))
        write_volume(folder / "images" / f"phantom{seed}.nii.gz", phantom.volume.array, geometry)
    return folder


def recipe(options: argparse.Namespace, data: Path, run: Path, network: str) -> tuple[float, float]:
    """Pairs per second and the share of waiting of a run, its first step left out."""
    steps: list[Event] = []
    train(
        "sli2vol", data, run, seconds=options.seconds, batch=options.batch, synthetic=0, side=options.side,
        network=network, device=options.device, validation=0, tensorboard=False,
        on_event=lambda event: steps.append(event) if event["event"] == "step" else None,
    )  # fmt: skip
    first, last = steps[0], steps[-1]  # the first step warms up
    rate = (last["step"] - first["step"]) * options.batch / max(1e-9, last["time"] - first["time"])
    return rate, last["waiting"]


def published(options: argparse.Namespace) -> float:
    """Pairs per second of the published way on random images, which cost nothing to prepare."""
    device = torch.device(options.device)
    network = PaperEncoder().to(device)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-4)
    images = torch.rand(options.batch, 2, options.side, options.side, device=device)
    first, second = images[:, :1], images[:, 1:]
    done, started = 0, 0.0
    beginning = time.monotonic()
    while time.monotonic() - beginning < options.seconds or done < 2:
        if done == 1:
            started = time.monotonic()  # the first step warms up
        rebuilt = copy_by_concatenation(network(first), network(second), first)
        optimiser.zero_grad()
        F.smooth_l1_loss(rebuilt * 20, second * 20).backward()
        optimiser.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        done += 1
    return (done - 1) * options.batch / (time.monotonic() - started)


def copy_by_concatenation(key: Tensor, query: Tensor, image: Tensor) -> Tensor:
    """Every offset's product and pixels side by side, then a softmax over the offsets."""
    height, width = image.shape[-2:]
    keys, pixels = F.pad(key, [RADIUS] * 4), F.pad(image, [RADIUS] * 4)
    offsets = [(row, column) for row in range(2 * RADIUS + 1) for column in range(2 * RADIUS + 1)]
    products = [(query * keys[..., r : r + height, c : c + width]).sum(1, keepdim=True) for r, c in offsets]
    shifted = [pixels[..., r : r + height, c : c + width] for r, c in offsets]
    weights = torch.cat(products, 1).softmax(1)
    return (weights * torch.cat(shifted, 1)).sum(1, keepdim=True)


if __name__ == "__main__":
    main()
