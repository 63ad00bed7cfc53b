"""The solid organs of the abdomen: liver, spleen, kidneys, pancreas, gallbladder."""

from __future__ import annotations

import numpy as np

from napari_medssl.volumes.phantoms.canvas import Canvas, Window, tube_coverage
from napari_medssl.volumes.phantoms.fields import Floats
from napari_medssl.volumes.phantoms.patient import Patient
from napari_medssl.volumes.phantoms.shapes import both, ellipsoid, rotation, smooth_step, union
from napari_medssl.volumes.phantoms.torso import cut_out
from napari_medssl.volumes.phantoms.tubes import Tubes, grow_tree

PORTA = (20.0, -8.0, -26.0)  # where the portal vein enters the liver
CAVA_TOP = (92.0, 14.0, -20.0)  # where the hepatic veins meet the inferior vena cava


class Organs:
    """One patient's abdominal organs; vessel trees are grown once."""

    def __init__(self, patient: Patient) -> None:
        self.patient = patient
        draw = patient.draw
        self.left_lobe = draw("left lobe", 0.75, 1.2)
        self.right_tip = draw("right lobe tip", -14, 12)
        self.spleen_size = draw("spleen size", 0.88, 1.2)
        self.kidney_z = {-1: draw("right kidney", -34, -16), 1: draw("left kidney", -22, -4)}
        self.kidney_size = {side: draw(f"kidney size {side}", 0.9, 1.08) for side in (-1, 1)}
        self.gallbladder = patient.place(
            Tubes.along(
                [(14, -22, -34, 3), (6, -36, -44, 8), (-6, -50, -52, draw("gallbladder", 9, 14)), (-16, -60, -56, 7)],
                16,
            )
        )
        self.pancreas = patient.place(
            Tubes.along(
                [
                    (-14, -2, -26, 10),
                    (2, -8, -24, 13),
                    (10, -18, -4, 9),
                    (20, -14, 22, 11),
                    (32, 6, 46, 10),
                    (44, 26, 66, 8),
                ],
                28,
            )
        )
        self.portal, self.hepatic = self._liver_vessels()

    def paint_liver(self, canvas: Canvas, label: int) -> None:
        w = canvas.window((-75, 135), (-115, 100), (-140, 85))
        if w is None:
            return
        p = self.patient
        shape = self.liver(w.z, w.y, w.x) + 2.6 * w.of(p.field("liver", 26.0)) + 0.5 * w.of(p.field("liver edge", 11.0))
        level = self.kidney_z[-1]
        bed = union(self.kidney(w.z, w.y, w.x, -1) - 5, ellipsoid(w.z, w.y, w.x, (level, 72, -50), (66, 36, 34)), 10)
        shape = both(shape, w.kept("diaphragm") + 0.4, 3)
        shape = both(shape, w.kept("cavity") + 0.8, 6)
        shape = cut_out(shape, bed, blend=8)
        cover = canvas.coverage(shape)
        texture = w.of(p.field("liver texture", 2.6)) + 0.8 * w.of(p.field("liver mottle", 9.0))
        canvas.lay(w, cover, "liver", label=label, texture=texture)
        inside = canvas.coverage(shape + 4.0)
        for tree, tissue in ((self.hepatic, "hepatic vein"), (self.portal, "portal vein")):
            self._paint_vessels(canvas, tree, tissue, w, inside)

    def paint_spleen(self, canvas: Canvas, label: int) -> None:
        w = canvas.window((-25, 135), (-45, 110), (15, 145))
        if w is None:
            return
        p, s = self.patient, self.spleen_size
        turn = rotation(("x", -18.0), ("z", -22.0))
        shape = ellipsoid(w.z, w.y, w.x, (52, 44, 88), (52 * s, 50 * s, 40 * s), turn)
        shape = shape + 2.0 * w.of(p.field("spleen", 20.0))
        hollow = ellipsoid(w.z, w.y, w.x, (58, 2, 48), (64, 44, 38), turn)
        shape = cut_out(shape, hollow, self.kidney(w.z, w.y, w.x, 1) - 5, blend=6)
        shape = both(both(shape, w.kept("diaphragm") + 0.4, 3), w.kept("cavity") + 1.2, 4)
        canvas.paint(w, shape, "spleen", label=label, texture=w.of(p.field("spleen texture", 2.8)))

    def paint_kidney(self, canvas: Canvas, side: int, label: int) -> None:
        """The kidney of one side (-1 right, 1 left): bean, cortex and pyramids, sinus fat and pelvis."""
        level = self.kidney_z[side]
        w = canvas.window((level - 72, level + 72), (5, 100), (18, 108) if side > 0 else (-108, -18))
        if w is None:
            return
        p, name = self.patient, f"kidney {side}"
        shape = self.kidney(w.z, w.y, w.x, side) + 1.2 * w.of(p.field(name, 18.0))
        z, y, x = w.z - level, w.y, side * w.x
        sinus = ellipsoid(z, y, x, (0, 37, 44), (27, 12, 18), rotation(("z", 25.0)))
        shape = cut_out(shape, sinus, blend=9)
        cover = canvas.coverage(shape)
        fine = w.of(p.field("kidney texture", 2.4))
        canvas.lay(w, cover, "renal cortex", label=label, texture=fine)
        # Pyramids: rounded cones between the sinus and the cortex, told apart by a field that waves along the rim.
        pyramids = both(both(shape + 6.5, 4.5 - sinus), 2.5 - 6.0 * w.of(p.field(name + " pyramids", 9.0)))
        canvas.paint(w, pyramids, "renal medulla", label=None, texture=fine, within=cover)
        pelvis = ellipsoid(z, y, x, (-4, 31, 36), (9, 6, 12), rotation(("z", 25.0)))
        canvas.paint(w, pelvis, "fluid", label=None, within=1 - cover)
        calyces = both(sinus + 2.5, 3.0 - 4.0 * w.of(p.field(name + " calyces", 7.0)))
        canvas.paint(w, calyces, "fluid", label=None, within=1 - cover)

    def paint_adrenals(self, canvas: Canvas) -> None:
        for side, (z0, y0, x0) in ((-1, (34.0, 30.0, -26.0)), (1, (30.0, 26.0, 30.0))):
            w = canvas.window((z0 - 26, z0 + 26), (y0 - 25, y0 + 35), (x0 - 26, x0 + 26))
            if w is None:
                continue
            limbs = [
                ellipsoid(w.z, w.y, side * w.x, (z0, y0 + 8, side * x0 + dx), (17, 13, 2.6), rotation(("z", turn)))
                for dx, turn in ((-3.0, 14.0), (4.0, -20.0))
            ]
            shape = union(limbs[0], limbs[1], 3) + 0.4 * w.of(self.patient.field("liver edge", 11.0))
            canvas.paint(w, shape, "muscle", texture=w.of(self.patient.field("kidney texture", 2.4)))

    def paint_pancreas(self, canvas: Canvas) -> None:
        found = canvas.tubes(self.pancreas, reach=8)
        if found is None:
            return
        w, distance, _ = found
        lobes = w.of(self.patient.field("pancreas", 5.0))
        canvas.paint(w, distance + 2.0 * lobes, "pancreas", texture=lobes)

    def paint_gallbladder(self, canvas: Canvas) -> None:
        found = canvas.tubes(self.gallbladder, reach=6)
        if found is None:
            return
        w, distance, _ = found
        distance = distance + 1.0 * w.of(self.patient.field("gallbladder", 16.0))
        canvas.paint(w, distance - 1.6, "bowel wall")
        canvas.paint(w, distance, "bile", texture=w.of(self.patient.field("kidney texture", 2.4)))

    def liver(self, z: Floats, y: Floats, x: Floats) -> Floats:
        """The liver's shape in reference coordinates, before wall and diaphragm press on it."""
        low = np.minimum(z - 35, 0)
        right = ellipsoid(z, y, x - 0.24 * low, (34, 6, -68), (84 + self.right_tip, 88, 70))
        size = self.left_lobe
        left = ellipsoid(z, y, x, (72, -50, 2), (33, 36, 70 * size), rotation(("y", -14.0), ("z", -8.0)))
        shape = union(right, left, 26)
        # The underside faces left, back and down; its hollows hold stomach, duodenum, colon and gallbladder.
        under = 0.62 * (x + 4) + 0.30 * (y - 8) - 0.72 * (z - 26)
        under = both(under, -(y + 110)) - 26 * smooth_step(-x, 20, 95)
        shape = both(shape, under - 10, 18)
        porta = ellipsoid(z, y, x, PORTA, (17, 12, 26), rotation(("z", 25.0)))
        fossa = ellipsoid(z, y, x, (-8, -46, -50), (22, 24, 15))
        cava = ellipsoid(z, y, x, (60, 20, -18), (90, 14, 13))
        fissure = ellipsoid(z, y, x, (34, -62, -10), (36, 42, 3.2), rotation(("z", 12.0)))
        behind = ellipsoid(z, y, x, (40, 42, 12), (110, 30, 34))
        return cut_out(shape, porta, fossa, cava, fissure, behind, blend=7)

    def kidney(self, z: Floats, y: Floats, x: Floats, side: int) -> Floats:
        """The outer shape of one kidney in reference coordinates, with its hollow side filled."""
        s = self.kidney_size[side]
        turn = rotation(("z", -28.0), ("y", 11.0), ("x", 9.0))
        centre = (self.kidney_z[side], 47.0, 62.0)
        return ellipsoid(z, y, side * x, centre, (55 * s, 24 * s, 29 * s), turn)

    def _liver_vessels(self) -> tuple[Tubes, Tubes]:
        rng = self.patient.rng("liver vessels")
        points = rng.uniform((-60, -105, -135), (125, 90, 75), (14000, 3)).astype(np.float32)
        inside = points[self.liver(points[:, 0], points[:, 1], points[:, 2]) < -9]
        portal = grow_tree(PORTA, inside[:170], rng, leaf_radius=0.85, exponent=2.6, waviness=0.12)
        hepatic = grow_tree(CAVA_TOP, inside[170:300], rng, leaf_radius=0.9, exponent=2.45, waviness=0.1)
        return self.patient.place(portal), self.patient.place(hepatic)

    @staticmethod
    def _paint_vessels(canvas: Canvas, tree: Tubes, tissue: str, organ: Window, inside: Floats) -> None:
        found = canvas.tubes(tree)
        if found is None:
            return
        w, distance, radius = found
        cover = np.zeros_like(canvas.image)
        cover[w.box] = tube_coverage(distance, radius, canvas.spacing)
        canvas.lay(organ, np.minimum(cover[organ.box], inside), tissue, label=None)
