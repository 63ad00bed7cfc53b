"""Stomach, duodenum, small bowel and colon: walls with gas above fluid, or stool."""

from __future__ import annotations

import numpy as np

from napari_medssl.volumes.phantoms.canvas import Canvas, Window
from napari_medssl.volumes.phantoms.fields import Floats
from napari_medssl.volumes.phantoms.patient import Patient
from napari_medssl.volumes.phantoms.shapes import both
from napari_medssl.volumes.phantoms.tubes import Tubes


class Bowel:
    """One patient's digestive tract."""

    def __init__(self, patient: Patient) -> None:
        self.patient = patient
        full = patient.draw("stomach", 0.8, 1.15)
        self.stomach = patient.place(
            Tubes.along(
                [(84, 26, 58, 33 * full), (64, 4, 64, 37 * full), (34, -28, 62, 28 * full), (10, -44, 40, 20 * full),
                 (0, -46, 12, 15), (8, -36, -16, 10)], 30,
            )
        )  # fmt: skip
        self.gas_level = patient.draw("gas level", -34, -10)
        self.duodenum = patient.place(
            Tubes.along(
                [(8, -36, -20, 10), (4, -22, -42, 11), (-18, -2, -46, 12), (-44, 4, -36, 11), (-54, -2, -6, 9),
                 (-46, -8, 26, 10), (-24, -22, 36, 11)], 36,
            )
        )  # fmt: skip
        self.small = patient.place(self._loops(patient.rng("loops")))
        self.colon = patient.place(self._colon(patient.rng("colon")))

    def paint_small(self, canvas: Canvas) -> None:
        for name, tubes in (("small bowel", self.small), ("duodenum", self.duodenum)):
            found = canvas.tubes(tubes, reach=6)
            if found is None:
                continue
            w, distance, _ = found
            p = self.patient
            folds = w.of(p.field(name + " folds", 5.0))
            distance = distance + 1.3 * w.of(p.field(name, 14.0)) + 0.5 * folds
            inside = both(distance, w.kept("cavity") + 2, 2)
            canvas.paint(w, inside, "bowel wall", texture=folds)
            lumen = inside + 2.6 + 0.9 * folds
            content = w.of(p.field("small content", 26.0))
            canvas.paint(w, lumen, "bowel content", texture=content + 0.4 * folds)
            # Here and there a bubble, at the top of the loop.
            self._gas(canvas, w, both(lumen + 1.5, 9 * (0.9 - w.of(p.field("bubbles", 11.0)))))

    def paint_stomach(self, canvas: Canvas) -> None:
        found = canvas.tubes(self.stomach, reach=12)
        if found is None:
            return
        w, distance, _ = found
        p = self.patient
        rugae = w.of(p.field("rugae", 7.0))
        shape = distance + 2.2 * w.of(p.field("stomach", 24.0))
        shape = both(both(shape, w.kept("diaphragm") + 1.5, 4), w.kept("cavity") + 3, 4)
        canvas.paint(w, shape, "bowel wall", texture=rugae)
        lumen = shape + 4.2 + 1.4 * rugae
        food = w.of(p.field("food", 8.0)) + w.of(p.field("food grain", 3.0))
        canvas.paint(w, lumen, "stomach content", texture=food)
        self._gas(canvas, w, both(lumen, w.height - np.float32(self.gas_level) + np.zeros_like(lumen)))

    def paint_colon(self, canvas: Canvas) -> None:
        found = canvas.tubes(self.colon, reach=10)
        if found is None:
            return
        w, distance, _ = found
        p = self.patient
        shape = distance + 2.6 * np.abs(w.of(p.field("haustra", 13.0))) + 1.5 * w.of(p.field("colon", 25.0))
        shape = both(shape, w.kept("cavity") + 2.5, 4)
        grain = w.of(p.field("stool grain", 3.2))
        canvas.paint(w, shape, "bowel wall", texture=grain)
        lumen = shape + 2.4
        stool = w.of(p.field("stool", 9.0))
        canvas.paint(w, lumen, "stool", texture=stool + 0.8 * grain)
        # Small bubbles throughout, and stretches that are full of gas.
        self._gas(canvas, w, both(lumen + 0.5, 3 * (1.5 - stool - grain)))
        stretch = 14 * w.of(p.field("gas stretches", 40.0)) + 0.35 * (w.y + 22) - 4
        self._gas(canvas, w, both(lumen + 0.3, stretch))

    @staticmethod
    def _gas(canvas: Canvas, w: Window, distance: Floats) -> None:
        canvas.paint(w, distance, "gas")

    @staticmethod
    def _loops(rng: np.random.Generator) -> Tubes:
        """Small bowel as one long path to and fro, level by level, bent until no row is straight."""
        points = []
        for i, z in enumerate(np.arange(-6, -165, -24.0)):
            for j, y in enumerate((-58, -34, -10)):
                row = np.arange(-84, 85, 24.0)
                for x in row if (i + j) % 2 else row[::-1]:
                    points.append((z, y + 0.0022 * x * x * (j + 0.5), x, 0.0))
        path = np.array(points)
        path[:, :3] += rng.normal(0, (7.5, 6.0, 8.0), (len(path), 3))
        path[:, 3] = 11.2 + rng.normal(0, 1.2, len(path))
        return Tubes.along(path.tolist(), 4 * len(path))

    @staticmethod
    def _colon(rng: np.random.Generator) -> Tubes:
        points = np.array(
            [(-150, 22, -84, 25), (-120, 24, -92, 27), (-85, 30, -95, 25), (-55, 28, -94, 22), (-36, 6, -88, 20),
             (-34, -28, -74, 19), (-42, -52, -42, 19), (-52, -60, 0, 18), (-38, -56, 42, 19), (-6, -36, 80, 19),
             (20, 0, 92, 18), (22, 28, 98, 17), (0, 38, 98, 16), (-40, 42, 96, 16), (-90, 38, 95, 15),
             (-150, 28, 86, 15)],
            dtype=float,
        )  # fmt: skip
        points[1:, :3] += rng.normal(0, 4, (len(points) - 1, 3))
        return Tubes.along(points.tolist(), 70)
