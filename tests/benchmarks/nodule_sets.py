"""Folders in LUNA16's form for training and for benchmarks: made scans, and real nodules in real lungs.

Real nodules are crops of LIDC-IDRI (CC BY 3.0), 0..255 over a lung window. That window is not written anywhere; -1200
to 400 HU puts lung, fat and muscle of the crops' histogram where they belong. A crop is blended into a box of a real
chest CT in one of two ways: the nodule alone with a soft rim, or the crop with what surrounds it, cut out off-centre,
under a mask that fades out. Which crops and which scans are held back is decided by their names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from labelled_cases import data_folder
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, center_of_mass, gaussian_filter

from napari_medssl.files import write_text
from napari_medssl.nodules import Nodule
from napari_medssl.nodules.findings_file import write_findings
from napari_medssl.nodules.learning.made_scans import make_scan
from napari_medssl.nodules.learning.scans import look_for_lungs
from napari_medssl.training.collection import Scan
from napari_medssl.training.randomness import generator
from napari_medssl.volumes import Geometry, Volume, read_labels, read_volume, write_volume
from napari_medssl.volumes.orientation import display_for
from napari_medssl.volumes.sampling import nearest, sample

CROP_WINDOW = (-1200.0, 400.0)
LEARNT_LUNGS = ("chest_abdomen", "lung_sharp_kernel")
# Apart, since vessels in voxels of 5 x 3 x 3 mm look like nodules to anyone.
HELD_BACK_FINE = ("unlabelled_ct/images/one_lung",)
HELD_BACK_COARSE = ("lung_ct/images/lung_1", "lung_ct/images/lung_2")
HELD_BACK_LUNGS = (*HELD_BACK_FINE, *HELD_BACK_COARSE)
HELD_BACK_CROPS = 30
MADE, COMPOSED, JUDGED = 101, 102, 103  # keys of random numbers: no set shares its scans with another

Ball = tuple[tuple[float, float, float], float]  # middle (z, y, x) in voxels of 1 mm, diameter in mm


@dataclass(frozen=True)
class Sheet:
    """One scan of a set, cubic voxels of 1 mm."""

    name: str
    array: NDArray[Any]
    nodules: tuple[Ball, ...]
    irrelevant: tuple[Ball, ...] = ()


@dataclass(frozen=True)
class Crop:
    """A real nodule: HU and mask (z, y, x), voxels of 1 mm."""

    name: str
    array: NDArray[np.float32]
    mask: NDArray[np.bool_]

    @property
    def diameter(self) -> float:
        """Of a ball of the same volume."""
        return float((6 * self.mask.sum() / np.pi) ** (1 / 3))


def made_sheet(index: int, key: int = MADE, shape: tuple[int, int, int] = (96, 128, 128)) -> Sheet:
    """A made scan; another key or index gives another one."""
    made = make_scan(generator(key, index), shape)
    return Sheet(
        f"made-{key}-{index:04d}", made.array, tuple((n.centre, n.diameter) for n in made.nodules),
        tuple((n.centre, n.diameter) for n in made.irrelevant),
    )  # fmt: skip


@cache
def crops(held_back: bool) -> tuple[Crop, ...]:
    """The real nodules to learn from, or those held back; no patient is in both."""
    folder = data_folder() / "nodule_crops"
    paths = sorted((folder / "images").glob("*.nii.gz"))
    patients = sorted(
        {path.name.split("_")[0] for path in paths}, key=lambda name: hashlib.blake2b(name.encode()).digest()
    )
    kept: set[str] = set()
    for patient in patients:
        if sum(path.name.split("_")[0] in kept for path in paths) >= HELD_BACK_CROPS:
            break
        kept.add(patient)
    chosen = [path for path in paths if (path.name.split("_")[0] in kept) == held_back]
    return tuple(_crop(path, folder / "labels" / path.name) for path in chosen)


def _crop(image: Path, label: Path) -> Crop:
    low, high = CROP_WINDOW
    grey = read_volume(image).array.astype(np.float32) / 255 * (high - low) + low
    return Crop(image.name.removesuffix(".nii.gz"), grey, read_labels(label).array > 0)


@cache
def lung(path: str) -> tuple[Scan, NDArray[np.int32], NDArray[np.bool_]]:
    """A real chest CT, places in its lungs, and a coarse mask of them."""
    volume = read_volume(data_folder() / f"{path}.nii.gz")
    scan = Scan(volume.array, volume.spacing, display=display_for(volume.geometry))
    places, mask, _ = look_for_lungs(scan, path)
    return scan, places, mask


def box_of_lung(
    rng: np.random.Generator, path: str, shape: Sequence[int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """A box of a real chest CT around a place in its lungs, at 1 mm, and where it is lung."""
    scan, places, mask = lung(path)
    middle = places[int(rng.integers(len(places)))]
    # Within the scan where it is large enough.
    half = np.array(shape) / 2 / scan.spacing
    middle = np.clip(middle, np.minimum(half, np.array(scan.array.shape) / 2), np.array(scan.array.shape) - half)
    steps = [1 / side for side in scan.spacing]
    array = sample(scan.array, list(middle - half), steps, shape)
    coarse = np.array(mask.shape) / scan.array.shape
    return array, nearest(mask, list((middle - half) * coarse), list(steps * coarse), shape)


def composed_sheet(
    index: int, *, held_back: bool = False, key: int = COMPOSED, shape: tuple[int, int, int] = (96, 128, 128),
    count: int | None = None,
) -> Sheet:  # fmt: skip
    """Real nodules in a box of real lung."""
    rng = generator(key, index)
    paths = HELD_BACK_LUNGS if held_back else [f"unlabelled_ct/images/{name}" for name in LEARNT_LUNGS]
    array, inside = box_of_lung(rng, paths[int(rng.integers(len(paths)))], shape)
    available = crops(held_back)
    wanted = int(rng.choice([0, 1, 2, 3, 4], p=[0.08, 0.17, 0.3, 0.3, 0.15])) if count is None else count
    found: list[Ball] = []
    for _ in range(wanted):
        put = put_in(rng, array, inside, available[int(rng.integers(len(available)))], found)
        if put is not None:
            found.append(put)
    return Sheet(f"composed-{key}-{index:04d}", np.rint(array).astype(np.int16), tuple(found))


def put_in(
    rng: np.random.Generator, array: NDArray[np.float32], lungs: NDArray[np.bool_], crop: Crop, others: Sequence[Ball]
) -> Ball | None:
    """Blend a crop into lung (changed in place), turned at random; None where no place was found."""
    turn, flips = rng.permutation(3), tuple(slice(None, None, int(s)) for s in rng.choice([-1, 1], 3))
    grey, mask = crop.array.transpose(turn)[flips], crop.mask.transpose(turn)[flips]
    middle = np.array(center_of_mass(mask))
    whole = rng.random() < 0.5
    if whole:
        alpha = _fading(rng, mask)
    else:
        alpha = gaussian_filter(binary_dilation(mask, iterations=2).astype(np.float32), 1.0)
    inside = np.argwhere(alpha > 0.01)
    low, high = inside.min(axis=0), inside.max(axis=0) + 1
    shape = np.array(array.shape)
    for _ in range(40):
        place = np.array([int(rng.integers(0, max(1, n - s + 1))) for n, s in zip(shape, high - low, strict=True)])
        if (place + (high - low) > shape).any():
            return None
        target = tuple(slice(int(a), int(a + s)) for a, s in zip(place, high - low, strict=True))
        part = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        centre = place + middle - low
        around = array[tuple(slice(max(0, int(c) - 4), int(c) + 5) for c in centre)]
        if not lungs[tuple(np.rint(centre).astype(int))] or not -960 < np.median(around) < -600:
            continue
        if any(
            np.linalg.norm(centre - other) < (crop.diameter + size) / 2 + (22 if whole else 6) for other, size in others
        ):
            continue
        array[target] += alpha[part] * (grey[part] - array[target])
        return (float(centre[0]), float(centre[1]), float(centre[2])), crop.diameter
    return None


def _fading(rng: np.random.Generator, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Of a whole crop: 1 around the nodule, falling off to 0 at the sides of a box that is not centred on it."""
    alpha = np.ones(mask.shape, dtype=np.float32)
    places = np.argwhere(mask)
    fade = float(rng.uniform(2, 6))
    for axis, n in enumerate(mask.shape):
        first, last = int(places[:, axis].min()), int(places[:, axis].max())
        start = rng.uniform(0, max(0.0, first - fade - 1))
        stop = rng.uniform(min(n, last + fade + 2), n)
        along = np.arange(n)
        ramp = np.clip(np.minimum(along - start, stop - 1 - along) / fade, 0, 1).astype(np.float32)
        alpha *= ramp.reshape([-1 if i == axis else 1 for i in range(3)])
    return alpha


def write_set(folder: Path, sheets: Iterable[Sheet], labelled: int | None = None) -> Path:
    """A data folder of these scans; the first `labelled` of them are named as annotated, or all."""
    findings: dict[str, list[Nodule]] = {}
    irrelevant: dict[str, list[Nodule]] = {}
    (folder / "images").mkdir(parents=True, exist_ok=True)
    geometry = Geometry.from_spacing((1.0, 1.0, 1.0))
    for sheet in sheets:
        write_volume(folder / "images" / f"{sheet.name}.nii", Volume(sheet.array, geometry))
        findings[sheet.name] = [_nodule(ball, geometry) for ball in sheet.nodules]
        irrelevant[sheet.name] = [_nodule(ball, geometry) for ball in sheet.irrelevant]
    named = list(findings)[:labelled]
    write_findings(folder / "annotations.csv", {name: findings[name] for name in named}, probability=False)
    write_findings(folder / "annotations_excluded.csv", {name: irrelevant[name] for name in named}, probability=False)
    write_text(folder / "seriesuids.csv", "\n".join(named) + "\n")
    return folder


def _nodule(ball: Ball, geometry: Geometry) -> Nodule:
    x, y, z = geometry.world(ball[0]).tolist()
    return Nodule((x, y, z), ball[1])
