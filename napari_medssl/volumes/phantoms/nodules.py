"""Lung nodules: where they lie, how large they are, and how they look."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from napari_medssl.volumes.phantoms.canvas import Canvas, paint_slabs
from napari_medssl.volumes.phantoms.patient import Patient
from napari_medssl.volumes.phantoms.phantom import Nodule
from napari_medssl.volumes.phantoms.space import Grid
from napari_medssl.volumes.phantoms.tissues import tissues

KINDS = ("solid", "part-solid", "ground-glass", "juxtapleural")
SURVEY = Grid((46, 48, 56), (6.0, 5.0, 5.0), (225.0, 0.0, 0.0))


def place_nodules(patient: Patient, paint_chest: Callable[[Canvas], None], count: int) -> tuple[Nodule, ...]:
    """`count` nodules of all kinds in both lungs, apart from each other; juxtapleural ones sit on the chest wall.

    Parameters
    ----------
    paint_chest : paints the patient without nodules, the lungs and what is in them with any label, all else with 0
    """
    if not count:
        return ()
    # A coarse look at this patient's lungs tells how deep each place lies; it does not depend on the scan's grid.
    lungs = paint_slabs(SURVEY, patient.body, tissues("ct", 0), paint_chest)[1] > 0
    depth = ndimage.distance_transform_edt(np.pad(lungs, 1), sampling=SURVEY.spacing)[1:-1, 1:-1, 1:-1]
    z, y, x = np.meshgrid(*(SURVEY.axis(i) for i in range(3)), indexing="ij")
    rng = patient.rng("nodules")
    found: list[Nodule] = []
    for i in range(count):
        kind = KINDS[i % len(KINDS)] if i < len(KINDS) else str(rng.choice(KINDS))
        low, high = {"solid": (4, 18), "part-solid": (9, 24), "ground-glass": (7, 22), "juxtapleural": (6, 20)}[kind]
        diameter = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        if kind == "juxtapleural":
            fits = (depth > 0) & (depth < 7) & (np.abs(x) > 75) & (z < 310)
        else:
            fits = depth > diameter / 2 + 5
        for other in found:
            oz, oy, ox = other.centre[::-1]
            gap = (z - oz) ** 2 + (y - oy) ** 2 + (x - ox) ** 2
            fits &= gap > (diameter / 2 + other.diameter / 2 + 12) ** 2
        places = np.argwhere(fits)
        if len(places):
            index = places[rng.integers(len(places))]
            centre = _SURVEY_ORIGIN + index * SURVEY.spacing + rng.uniform(-2, 2, 3)
            found.append(Nodule((float(centre[2]), float(centre[1]), float(centre[0])), diameter, kind))
    return tuple(found)


def paint_nodules(canvas: Canvas, patient: Patient, nodules: tuple[Nodule, ...], label: int) -> None:
    """Paint nodules in their order; a juxtapleural one ends at the chest wall."""
    for number, nodule in enumerate(nodules):
        centre = np.array(nodule.centre[::-1])
        span = nodule.diameter / 2 * 1.6 + 4
        reference = centre / patient.body.scale
        z, y, x = ((float(c - span), float(c + span)) for c in reference)
        w = canvas.window(z, y, x)
        if w is None:
            continue
        dz, dy, dx = (axis - np.float32(c) for axis, c in zip(w.axes, centre, strict=True))
        away = np.sqrt(dz[:, None, None] ** 2 + dy[:, None] ** 2 + dx**2)
        lobes = w.of(patient.field(f"nodule {number}", max(3.0, nodule.diameter * 0.45)))
        distance = away - np.float32(nodule.diameter / 2) * (1 + 0.07 * lobes)
        within = canvas.coverage(w.kept("cavity"))
        texture = w.of(patient.field("nodule texture", 2.5))
        glassy = nodule.kind in ("ground-glass", "part-solid")
        if nodule.kind == "solid" and number % 3 == 0:
            spikes = distance - 3.0 * np.maximum(w.of(patient.field(f"spikes {number}", 2.6)) - 0.7, 0)
            canvas.paint(w, spikes, "solid nodule", label=None, within=0.6 * within)
        canvas.paint(
            w, distance, "ground glass" if glassy else "solid nodule", label=label, texture=texture, within=within
        )
        if nodule.kind == "part-solid":
            core = away - np.float32(nodule.diameter * 0.27) * (1 + 0.12 * lobes)
            canvas.paint(w, core, "solid nodule", label=None, texture=texture, within=within)


_SURVEY_ORIGIN = np.array([float(SURVEY.axis(i)[0]) for i in range(3)])
