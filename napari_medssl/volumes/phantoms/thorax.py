"""Lungs with their vessels, heart and mediastinum, windpipe and bronchi, nodules."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_medssl.volumes.phantoms.canvas import Canvas, Window, tube_coverage
from napari_medssl.volumes.phantoms.fields import Floats
from napari_medssl.volumes.phantoms.patient import Patient
from napari_medssl.volumes.phantoms.shapes import both, ellipsoid, rotation, smooth_step, union
from napari_medssl.volumes.phantoms.spine import spine_front
from napari_medssl.volumes.phantoms.torso import cut_out, diaphragm
from napari_medssl.volumes.phantoms.tubes import Tubes, grow_tree

HILUM = {-1: (228.0, 12.0, -34.0), 1: (232.0, 14.0, 36.0)}


class Thorax:
    """One patient's chest organs. Right is -1, left is 1."""

    def __init__(self, patient: Patient, leaves: int) -> None:
        self.patient = patient
        self.vessels = {side: self._lung_vessels(side, leaves) for side in (-1, 1)}
        self.trunk = self._trunk()
        self.airway = self._airway()

    def lung(self, z: Floats, y: Floats, x: Floats, side: int) -> Floats:
        """One lung in reference coordinates, before heart, wall and vessels press on it."""
        shape = ellipsoid(np.maximum(z - 140, 0), y + 0.06 * (z - 200), x, (0, 14, 0), (222, 90, 119))
        near = (
            np.float32(9)
            + 12 * smooth_step(y, 0, 50)
            + 9 * smooth_step(-y, -20, 40) * (1 - smooth_step(-y, 40, 75)) * smooth_step(z, 130, 200)
        )
        near = near + 8 * smooth_step(z, 270, 350)
        shape = both(shape, near - side * x, 10)
        shape = cut_out(shape, self.heart(z, y, x) - 5.5, blend=6)
        return both(shape, 3 - diaphragm(z, y, x), 2)

    def heart(self, z: Floats, y: Floats, x: Floats) -> Floats:
        turn = rotation(("z", -32.0), ("x", 24.0))
        ventricles = ellipsoid(z, y, x, (146, -32, 30), (48, 41, 58), turn)
        atria = ellipsoid(z, y, x, (182, -4, -4), (38, 34, 46))
        return union(ventricles, atria, 22)

    def paint_lungs(self, canvas: Canvas, labels: dict[int, int], vessel_label: int) -> None:
        for side in (-1, 1):
            w = canvas.window((15, 365), (-115, 110), (-135, 5) if side < 0 else (-5, 135))
            if w is None:
                continue
            p = self.patient
            shape = self.lung(w.z, w.y, w.x, side) + 1.2 * w.of(p.field("lung", 22.0))
            shape = both(shape, w.kept("cavity") + 1.6, 6)
            shape = both(shape, 2.5 - w.kept("diaphragm"), 2)
            shape = cut_out(shape, self._spine(w), blend=8)
            cover = canvas.coverage(shape)
            # The lower parts hold more blood: a patient lies on the back.
            haze = w.of(p.field("lung texture", 3.0)) + w.of(p.field("lung haze", 16.0)) + 0.018 * w.height
            canvas.lay(w, cover, "lung", label=labels[side], texture=haze)
            self._paint_fissures(canvas, w, side, canvas.coverage(shape + 1.5))
            self._paint_vessels(canvas, w, side, canvas.coverage(shape + 1.0), vessel_label)

    def paint_mediastinum(self, canvas: Canvas) -> None:
        """Fat between the lungs is there already; this adds nodes, thymus remnants and the oesophagus."""
        w = canvas.window((90, 350), (-60, 60), (-50, 50))
        if w is None:
            return
        p = self.patient
        tube = ellipsoid(w.z, w.y, w.x, (235, 34, 2), (150, 7, 9)) + 0.8 * w.of(p.field("oesophagus", 12.0))
        canvas.paint(w, tube, "bowel wall")
        canvas.paint(w, both(tube + 4.0, 4 * (0.7 - w.of(p.field("oesophagus gas", 14.0)))), "gas")
        nodes = both(3.5 * (1.75 - w.of(p.field("nodes", 7.0))), np.abs(w.z - 245) - 55)
        nodes = both(nodes, np.abs(w.x) - 32)
        canvas.paint(w, nodes, "muscle")

    def paint_heart(self, canvas: Canvas, label: int) -> None:
        w = canvas.window((95, 240), (-100, 50), (-75, 105))
        if w is None:
            return
        p = self.patient
        shape = self.heart(w.z, w.y, w.x) + 1.6 * w.of(p.field("heart", 24.0))
        shape = both(shape, 3 - w.kept("diaphragm"), 4)
        blood = w.of(p.field("blood", 5.0))
        canvas.paint(w, shape - 5.5, "inner fat")
        canvas.paint(w, np.abs(shape - 4.0) - 0.7, "muscle")
        canvas.paint(w, shape, "heart muscle", label=label, texture=blood)
        groove = both(np.abs(shape + 1) - 2.5, 3.5 * (0.8 - w.of(p.field("grooves", 13.0))))
        canvas.paint(w, groove, "inner fat", label=None)
        turn = rotation(("z", -32.0), ("x", 24.0))
        rooms = [
            ellipsoid(w.z, w.y, w.x, (148, -22, 42), (27, 20, 36), turn),
            ellipsoid(w.z, w.y, w.x, (144, -48, 6), (34, 18, 36), turn),
            ellipsoid(w.z, w.y, w.x, (186, 12, 4), (24, 17, 32)),
            ellipsoid(w.z, w.y, w.x, (172, -16, -34), (32, 23, 17)),
        ]
        for room, tissue in zip(rooms, ("artery", "vein", "artery", "vein"), strict=True):
            room = both(room + 2.0 * w.of(p.field("trabeculae cordis", 7.0)), shape + 3.0, 3)
            canvas.paint(w, room, tissue, label=None, texture=blood)

    def paint_trunk(self, canvas: Canvas) -> None:
        """Pulmonary trunk and its main branches, pulmonary veins, upper caval vein, arch vessels."""
        for tubes, tissue in self.trunk:
            found = canvas.tubes(tubes)
            if found is not None:
                w, distance, radius = found
                canvas.lay(w, tube_coverage(distance, radius, canvas.spacing), tissue)

    def paint_airway(self, canvas: Canvas, label: int) -> None:
        """Windpipe and bronchi: a wall around air; the label is the air."""
        wall, air = self.airway.with_radius(1.3), self.airway
        for tubes, tissue, this in ((wall, "bronchial wall", 0), (air, "gas", label)):
            found = canvas.tubes(tubes)
            if found is not None:
                w, distance, radius = found
                canvas.lay(w, tube_coverage(distance, radius, canvas.spacing), tissue, label=this)

    def _spine(self, w: Window) -> Floats:
        front = spine_front(w.z)
        return ellipsoid(np.zeros_like(w.z), w.y - front, w.x, (0, 14, 0), (1e4, 36, 27))

    def _paint_fissures(self, canvas: Canvas, w: Window, side: int, inside: Floats) -> None:
        """The thin sheets between the lobes."""
        bend = 6.0 * w.of(self.patient.field(f"fissure {side}", 40.0)) + 0.006 * (np.abs(w.x) - 60) ** 2
        sheet = (w.z - 205 + 8 * side) * 0.66 - (w.y - 5) * 0.75 + bend
        thin = np.clip(0.42 / np.float32(np.prod(canvas.spacing) ** (1 / 3)), 0.1, 1)
        cover = canvas.coverage(np.abs(sheet) - 0.6) * thin
        if side < 0:
            minor = w.z - 222 + 2.5 * w.of(self.patient.field("minor fissure", 40.0))
            cover = np.maximum(cover, canvas.coverage(both(np.abs(minor) - 0.5, -sheet)) * thin)
        canvas.lay(w, cover, "bronchial wall", label=None, within=inside)

    def _paint_vessels(self, canvas: Canvas, lung: Window, side: int, inside: Floats, label: int) -> None:
        found = canvas.tubes(self.vessels[side])
        if found is None:
            return
        w, distance, radius = found
        cover = np.zeros_like(canvas.image)
        cover[w.box] = tube_coverage(distance, radius, canvas.spacing)
        canvas.lay(lung, np.minimum(cover[lung.box], inside), "lung vessel", label=label)

    def _lung_vessels(self, side: int, leaves: int) -> Tubes:
        rng = self.patient.rng("lung vessels", side)
        points = rng.uniform((40, -100, 5), (345, 100, 125), (leaves * 10, 3)).astype(np.float32)
        points[:, 2] *= side
        inside = points[self.lung(points[:, 0], points[:, 1], points[:, 2], side) < -5]
        z, y, x = HILUM[side]
        arteries = grow_tree((z, y, x), inside[:leaves], rng, leaf_radius=0.58, exponent=2.85, waviness=0.1)
        veins = grow_tree(
            (z - 18, y - 10, x),
            inside[leaves : leaves + leaves // 2],
            rng,
            leaf_radius=0.58,
            exponent=2.85,
            waviness=0.1,
        )
        return self.patient.place(arteries.joined(veins))

    def _trunk(self) -> list[tuple[Tubes, str]]:
        def tube(points: Sequence[Sequence[float]], count: int = 16) -> Tubes:
            return self.patient.place(Tubes.along(points, count))

        right, left = HILUM[-1], HILUM[1]
        lung_artery = tube([(196, -34, 12, 14), (216, -28, 18, 14), (230, -14, 18, 13), (230, 0, 26, 11), (*left, 9)])
        lung_artery = lung_artery.joined(tube([(226, -18, 16, 12), (226, -8, -4, 11), (226, 0, -18, 10), (*right, 9)]))
        veins = tube([(190, 14, 14, 9), (200, 16, 28, 7.5), (left[0] - 18, left[1] - 8, left[2], 6)])
        veins = veins.joined(tube([(190, 14, -10, 9), (200, 14, -22, 7.5), (right[0] - 18, right[1] - 8, right[2], 6)]))
        cava = tube([(178, -16, -32, 11), (215, -12, -32, 10), (260, -14, -28, 9), (296, -26, -22, 8)])
        cava = cava.joined(tube([(288, -28, -22, 7), (300, -34, 4, 6), (316, -32, 34, 6), (336, -30, 60, 5)]))
        arch = tube([(276, 0, -4, 7), (300, -6, -12, 6), (340, -4, -24, 5), (400, -2, -26, 4)])
        arch = arch.joined(
            tube([(282, 10, 6, 5), (310, 2, 12, 4.2), (400, 0, 26, 3.6)]),
            tube([(282, 20, 14, 5.5), (310, 18, 24, 5), (345, 4, 52, 4.5)]),
        )
        return [(lung_artery, "vein"), (veins, "artery"), (cava, "vein"), (arch, "artery")]

    def _airway(self) -> Tubes:
        windpipe = Tubes.along([(420, -10, 0, 8.5), (340, 2, 0, 8.5), (290, 12, 2, 8.5), (252, 20, 0, 8)], 24)
        every = [windpipe]
        rng = self.patient.rng("airway")
        for side in (-1, 1):
            z, y, x = HILUM[side]
            main = [(252, 20, 0, 7.5), (242, 19, side * 16, 6.6), (z + 2, y + 8, x * 0.9, 5.6)]
            every.append(Tubes.along(main, 8))
            points = rng.uniform((90, -80, 20), (330, 80, 105), (600, 3)).astype(np.float32)
            points[:, 2] *= side
            inside = points[self.lung(points[:, 0], points[:, 1], points[:, 2], side) < -16][:42]
            every.append(
                grow_tree(
                    (z + 2, y + 8, x * 0.9), inside, rng, leaf_radius=0.9, exponent=2.2, reach=0.36, waviness=0.08
                )
            )
        return self.patient.place(every[0].joined(*every[1:]))
