"""The large vessels: aorta, caval veins, portal system, arteries and veins of the kidneys and the gut."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_medssl.volumes.phantoms.canvas import Canvas, tube_coverage
from napari_medssl.volumes.phantoms.organs import PORTA, Organs
from napari_medssl.volumes.phantoms.patient import Patient
from napari_medssl.volumes.phantoms.tubes import Tubes, grow_tree

_AORTA = [
    (196, -6, 4, 15), (214, -14, -4, 15.5), (236, -16, -12, 15), (256, -8, -12, 14.5), (272, 6, -2, 14),
    (276, 20, 12, 13.5), (266, 32, 23, 13), (246, 36, 27, 12.5), (200, 36, 26, 12), (150, 33, 20, 11.5),
    (100, 25, 11, 11), (50, 17, 7, 10.5), (0, 12, 6, 9.5), (-50, 12, 4, 9), (-84, 15, 2, 8.5),
]  # fmt: skip
_CAVA = [
    (-90, 24, -10, 9), (-60, 22, -16, 9.5), (0, 18, -18, 10), (40, 20, -18, 11), (80, 16, -20, 12),
    (108, 4, -22, 13), (126, -6, -20, 14), (140, -12, -20, 15),
]  # fmt: skip


class Vessels:
    """One patient's large vessels."""

    def __init__(self, patient: Patient, organs: Organs) -> None:
        self.patient = patient
        wide = patient.draw("aorta", 0.92, 1.12)
        self.aorta = self._tube([(*p[:3], p[3] * wide) for p in _AORTA], 90)
        iliac = [self._tube([(-80, 19, 2, 7.5), (-105, 24, s * 20, 6), (-150, 34, s * 42, 5)], 14) for s in (-1, 1)]
        self.iliac_arteries = iliac[0].joined(iliac[1])
        iliac = [
            self._tube([(-86, 25, -10, 8), (-112, 33, -10 + s * 20, 6.5), (-155, 42, -4 + s * 44, 6)], 14)
            for s in (-1, 1)
        ]
        self.cava = self._tube(_CAVA, 50).joined(*iliac)
        self.portal = self._tube(
            [(-62, -20, -4, 4), (-20, -14, -8, 5.5), (4, -4, -8, 7), (14, -4, -18, 7.5), (*PORTA, 7)], 24
        ).joined(self._tube([(4, -4, -8, 5), (14, -4, 14, 4.8), (26, 8, 40, 4.5), (42, 28, 66, 4)], 20))
        self.arteries = self._arteries(organs)
        self.renal_veins = self._kidney_vessels(organs, (-18, 6), 3.6)
        rng = patient.rng("mesentery")
        targets = rng.uniform((-130, -70, -75), (-15, -15, 75), (150, 3))
        self.mesentery = patient.place(
            grow_tree((-30, -14, -2), targets, rng, leaf_radius=0.7, exponent=2.9, waviness=0.15)
        )

    def paint_abdomen(self, canvas: Canvas) -> None:
        """Everything but the aorta."""
        for tubes, tissue in (
            (self.cava, "vein"), (self.renal_veins, "vein"), (self.portal, "portal vein"),
            (self.iliac_arteries, "artery"), (self.arteries, "artery"),
        ):  # fmt: skip
            self._paint(canvas, tubes, tissue)

    def paint_mesentery(self, canvas: Canvas) -> None:
        self._paint(canvas, self.mesentery, "vein")

    def paint_aorta(self, canvas: Canvas, label: int) -> None:
        found = canvas.tubes(self.aorta)
        if found is None:
            return
        w, distance, _ = found
        wall = distance + 0.5 * w.of(self.patient.field("aorta", 18.0))
        canvas.paint(w, wall, "artery", label=label, texture=w.of(self.patient.field("blood", 5.0)))
        chalk = np.maximum(np.abs(wall + 0.6) - 0.7, 9 - 7.5 * w.of(self.patient.field("chalk", 6.0)))
        canvas.lay(w, canvas.coverage(chalk), "calcium", label=None)

    def _paint(self, canvas: Canvas, tubes: Tubes, tissue: str) -> None:
        found = canvas.tubes(tubes)
        if found is not None:
            w, distance, radius = found
            canvas.lay(w, tube_coverage(distance, radius, canvas.spacing), tissue)

    def _tube(self, points: Sequence[Sequence[float]], count: int) -> Tubes:
        return self.patient.place(Tubes.along(points, count))

    def _arteries(self, organs: Organs) -> Tubes:
        coeliac = self._tube([(24, 14, 8, 4), (28, 2, 6, 3.6), (30, -6, -4, 2.8), (24, -12, -22, 2.2)], 14)
        spleen = self._tube([(28, 0, 8, 2.6), (36, 6, 30, 2.4), (44, 24, 60, 2.2), (50, 30, 76, 1.6)], 18)
        gut = self._tube([(8, 12, 7, 4.2), (2, 0, 5, 3.8), (-20, -10, 3, 3.4), (-75, -18, -4, 2.4)], 18)
        return coeliac.joined(spleen, gut, self._kidney_vessels(organs, (-4, 14), 2.6))

    def _kidney_vessels(self, organs: Organs, offset: tuple[float, float], radius: float) -> Tubes:
        tubes = []
        for side in (-1, 1):
            start = (organs.kidney_z[side] * 0.3 + offset[0], offset[1] + 6, side * 6 - (6 if offset[0] < -10 else 0))
            level = organs.kidney_z[side]
            middle = (level * 0.7 + offset[0] * 0.5, 24.0, side * 24)
            tubes.append(self._tube([(*start, radius), (*middle, radius), (level, 34, side * 42, radius * 0.8)], 12))
        return tubes[0].joined(tubes[1])
