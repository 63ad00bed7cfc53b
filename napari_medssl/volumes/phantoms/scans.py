"""The two scans: which organs each one shows, in which order they are painted, and their labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from napari_medssl.errors import BadInput
from napari_medssl.volumes.phantoms.bowel import Bowel
from napari_medssl.volumes.phantoms.canvas import Canvas, paint_slabs
from napari_medssl.volumes.phantoms.fields import generator
from napari_medssl.volumes.phantoms.nodules import paint_nodules, place_nodules
from napari_medssl.volumes.phantoms.organs import Organs
from napari_medssl.volumes.phantoms.patient import Patient
from napari_medssl.volumes.phantoms.phantom import Nodule, Phantom
from napari_medssl.volumes.phantoms.scanner import acquire
from napari_medssl.volumes.phantoms.space import Grid
from napari_medssl.volumes.phantoms.spine import paint_spine
from napari_medssl.volumes.phantoms.thorax import Thorax
from napari_medssl.volumes.phantoms.tissues import Modality, tissues
from napari_medssl.volumes.phantoms.torso import (
    paint_back_muscles,
    paint_diaphragm,
    paint_pelvis,
    paint_ribs,
    paint_shoulders,
    paint_torso,
)
from napari_medssl.volumes.phantoms.vessels import Vessels
from napari_medssl.volumes.volume import Volume

ABDOMEN = {1: "liver", 2: "spleen", 3: "right kidney", 4: "left kidney", 5: "aorta", 6: "spine"}
CHEST = {1: "right lung", 2: "left lung", 3: "lung vessels", 4: "airway", 5: "nodule", 6: "heart", 7: "aorta"}
_ABDOMEN_CENTRE, _CHEST_CENTRE = (12.0, 14.0, 0.0), (232.0, 14.0, 0.0)
_LUNG_LEAVES = 900


def abdomen(
    shape: Sequence[int] = (96, 192, 192),
    spacing: Sequence[float] = (3.0, 1.6, 1.6),
    *,
    seed: int = 0,
    noise: float | None = None,
    modality: Modality = "ct",
) -> Phantom:
    """A scan of an abdomen that never was, with exact labels of its organs.

    The field of view is shape times spacing, around the second lumbar vertebra; the anatomy is in mm and depends on
    `seed` only, so that another shape or spacing shows the same patient. The default takes a few seconds.

    Parameters
    ----------
    shape : (z, y, x)
    spacing : mm in array order
    seed : the patient
    noise : standard deviation, in HU for CT; None takes that of an ordinary scan
    modality : "ct" (Hounsfield units, portal venous phase) or "mr" (arbitrary contrast with a bias field)

    Returns
    -------
    Phantom
        Labels: 1 liver, 2 spleen, 3 right kidney, 4 left kidney, 5 aorta, 6 spine.
    """
    return _scan("abdomen", shape, spacing, seed, noise, modality, 0)


def chest(
    shape: Sequence[int] = (96, 192, 192),
    spacing: Sequence[float] = (3.0, 1.7, 1.7),
    *,
    seed: int = 0,
    noise: float | None = None,
    modality: Modality = "ct",
    nodules: int = 6,
) -> Phantom:
    """A scan of a chest that never was, with branching vessels, airways and nodules; see `abdomen`.

    Parameters
    ----------
    nodules : how many to put into the lungs; the first four are solid, part-solid, ground-glass and juxtapleural

    Returns
    -------
    Phantom
        Labels: 1 right lung, 2 left lung (both without the vessels, airways and nodules in them), 3 lung vessels,
        4 airway, 5 nodule, 6 heart, 7 aorta. `nodules` holds those whose centre lies in the volume.
    """
    return _scan("chest", shape, spacing, seed, noise, modality, nodules)


def _scan(
    region: str,
    shape: Sequence[int],
    spacing: Sequence[float],
    seed: int,
    noise: float | None,
    modality: Modality,
    nodules: int,
) -> Phantom:
    if nodules < 0:
        raise BadInput(f"The number of nodules must be at least 0, not {nodules}.")
    chest_scan = region == "chest"
    grid = Grid.checked(shape, spacing, _CHEST_CENTRE if chest_scan else _ABDOMEN_CENTRE)
    palette = tissues(modality, seed)
    generator(seed)  # refuses what is no seed
    anatomy = _anatomy(int(seed))
    names = CHEST if chest_scan else ABDOMEN
    label = {name: number for number, name in names.items()}
    placed = anatomy.nodules(nodules)
    image, labels = paint_slabs(
        grid, anatomy.patient.body, palette, lambda canvas: anatomy.paint(canvas, label, placed)
    )
    scan = acquire(image, grid, seed, modality, noise)
    volume = Volume(scan, grid.geometry, name=f"{region}-phantom-{seed}", modality=modality.upper())
    inside = tuple(n for n in placed if _holds(grid, n.centre))
    return Phantom(volume, labels, dict(names), inside)


class _Anatomy:
    """All of one patient's organs; vessels are grown and nodules placed once."""

    def __init__(self, seed: int) -> None:
        self.patient = Patient(seed)
        self.organs = Organs(self.patient)
        self.bowel = Bowel(self.patient)
        self.thorax = Thorax(self.patient, _LUNG_LEAVES)
        self.vessels = Vessels(self.patient, self.organs)
        self._nodules: dict[int, tuple[Nodule, ...]] = {}

    def nodules(self, count: int) -> tuple[Nodule, ...]:
        lungs = dict.fromkeys(("right lung", "left lung", "lung vessels"), 1)
        if count not in self._nodules:
            self._nodules[count] = place_nodules(self.patient, lambda canvas: self.paint(canvas, lungs), count)
        return self._nodules[count]

    def paint(self, canvas: Canvas, labels: Mapping[str, int], nodules: tuple[Nodule, ...] = ()) -> None:
        """Paint from the back of the picture to the front: what comes later lies on top.

        Organs without a number in `labels` are there all the same, unlabelled.
        """
        label = {name: labels.get(name, 0) for name in {*ABDOMEN.values(), *CHEST.values()}}
        patient, organs, bowel, thorax, vessels = self.patient, self.organs, self.bowel, self.thorax, self.vessels
        paint_torso(canvas, patient)
        thorax.paint_lungs(canvas, {-1: label["right lung"], 1: label["left lung"]}, label["lung vessels"])
        paint_diaphragm(canvas, patient)
        thorax.paint_mediastinum(canvas)
        thorax.paint_trunk(canvas)
        thorax.paint_heart(canvas, label["heart"])
        thorax.paint_airway(canvas, label["airway"])
        paint_nodules(canvas, patient, nodules, label["nodule"])
        vessels.paint_mesentery(canvas)
        bowel.paint_small(canvas)
        bowel.paint_colon(canvas)
        organs.paint_pancreas(canvas)
        organs.paint_adrenals(canvas)
        bowel.paint_stomach(canvas)
        vessels.paint_abdomen(canvas)
        organs.paint_spleen(canvas, label["spleen"])
        organs.paint_kidney(canvas, -1, label["right kidney"])
        organs.paint_kidney(canvas, 1, label["left kidney"])
        organs.paint_liver(canvas, label["liver"])
        organs.paint_gallbladder(canvas)
        paint_pelvis(canvas, patient)
        paint_back_muscles(canvas, patient)
        paint_spine(canvas, patient, label["spine"])
        vessels.paint_aorta(canvas, label["aorta"])
        paint_ribs(canvas, patient)
        paint_shoulders(canvas, patient)


@lru_cache(maxsize=2)  # some 10 MB each; the same patient is often scanned again, in another way
def _anatomy(seed: int) -> _Anatomy:
    return _Anatomy(seed)


def _holds(grid: Grid, centre: tuple[float, float, float]) -> bool:
    index = grid.geometry.indices(centre)
    return bool(np.all(index > -0.5) and np.all(index < np.array(grid.shape) - 0.5))
