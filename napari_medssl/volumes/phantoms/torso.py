"""The trunk that chest and abdomen share: skin, fat, muscles, ribs, and the distances that bound the organs."""

from __future__ import annotations

import numpy as np

from napari_medssl.volumes.phantoms.canvas import Canvas, Window
from napari_medssl.volumes.phantoms.fields import Floats
from napari_medssl.volumes.phantoms.patient import Patient
from napari_medssl.volumes.phantoms.shapes import both, capsule, column, cut, ellipsoid, rotation, smooth_step, union
from napari_medssl.volumes.phantoms.spine import spine_front, vertebral_level

_HALF_WIDTH, _FRONT, _BACK = 137.0, 91.0, 113.0


def paint_torso(canvas: Canvas, patient: Patient) -> None:
    """Skin, fat and muscle wall; keeps the distances `skin`, `cavity` (inside of the wall) and `diaphragm`."""
    w = canvas.everything
    skin = _outline(w)
    canvas.kept["skin"] = skin
    _paint_table(canvas, w)
    fine, coarse = w.of(patient.field("fat texture", 3.0)), w.of(patient.field("fat septa", 9.0))
    canvas.paint(w, skin, "skin")
    canvas.paint(w, skin + 1.8, "fat", texture=fine + coarse)
    outside = skin + _fat_thickness(w, patient)
    canvas.paint(w, outside, "muscle", texture=fine)
    # The flank's muscles lie in three sheets with a little fat between.
    flank = smooth_step(np.abs(w.x), 55, 95) * (1 - smooth_step(w.z, 20, 60)) * smooth_step(60 - w.y, 0, 30)
    thickness = _muscle_thickness(w)
    # A sheet is thinner than a voxel: what it covers of one falls off to either side.
    width = max(1.0, 0.6 * canvas.spacing[1])
    for share in (0.38, 0.66):
        sheet = np.abs(outside + share * thickness + 0.7 * coarse) * np.float32(1 / width)
        canvas.lay(w, np.float32(0.6 / width) * flank * np.maximum(1 - sheet, 0), "fat", label=None, texture=fine)
    # The rib cage narrows towards the neck; the girdle of the shoulders fills what is between it and the skin.
    cavity = both(outside + thickness, _cage(w), 14)
    for depth, width in ((12.0, 1.6), (23.0, 2.2)):
        sheet = np.abs(cavity - depth - 4.0 * w.of(patient.field(f"girdle {depth}", 22.0))) - width
        canvas.paint(w, both(sheet, outside + 4, 3) + 25 * (1 - smooth_step(w.z, 230, 290)), "fat", texture=fine)
    canvas.kept["cavity"] = cavity
    canvas.paint(w, cavity, "inner fat", texture=0.7 * fine + coarse)
    canvas.kept["diaphragm"] = diaphragm(w.z, w.y, w.x)


def paint_ribs(canvas: Canvas, patient: Patient) -> None:
    """Ribs 1 to 12, from the spine around the wall; towards the front they turn to cartilage."""
    w = canvas.window((-10, 400), (-130, 130), (-150, 150))
    if w is None:
        return
    cavity = w.kept("cavity")
    angle = np.arctan2(np.abs(w.x), w.y - 5)  # 0 at the back, pi in front
    fall = 62 * np.sin(0.5 * np.minimum(angle, 2.3)) ** 1.5 - 16 * np.maximum(angle - 2.2, 0)
    start = w.z + fall + 4
    level = vertebral_level(start)[0]
    rib = np.clip(np.round(level), 2, 13)  # 2 is the 12th rib, 13 the first
    off = (level - rib) * np.float32(29)
    reach = np.select([rib == 2, rib == 3], [np.float32(1.15), np.float32(1.75)], np.float32(2.35))
    deep = cavity - np.float32(3.5)
    around = np.sqrt((deep * np.float32(1 / 4.2)) ** 2 + (off * np.float32(1 / 6.6)) ** 2)
    bone = (around - 1) * np.float32(4.5)
    canvas.paint(w, both(bone, (angle - 0.27) * -60), "muscle")
    bone = both(both(bone, (angle - reach) * 60, 2), (0.27 - angle) * 60)
    canvas.paint(w, bone, "cortical bone", texture=w.of(patient.field("bone", 3.0)))
    canvas.paint(w, bone + 1.3, "rib marrow", texture=w.of(patient.field("bone", 3.0)))
    last = np.where(rib <= 4, np.float32(2.35), np.float32(2.95))
    cartilage = both(both((around - 1.05) * 4.5, (angle - last) * 60, 2), (reach - angle) * 60)
    cartilage = both(cartilage, (np.float32(3.5) - rib) * 20)
    canvas.paint(w, cartilage, "cartilage", texture=w.of(patient.field("bone", 3.0)))


def paint_back_muscles(canvas: Canvas, patient: Patient) -> None:
    """Erector spinae, quadratus lumborum and psoas on both sides."""
    w = canvas.window((-250, 400), (0, 115), (-95, 95))
    if w is None:
        return
    side = np.abs(w.x)
    front = spine_front(w.z)
    grain = w.of(patient.field("muscle grain", 3.5))
    strands = w.of(patient.field("muscle strands", 7.0))
    skin = w.kept("skin")
    low = smooth_step(-w.z, -60, 60)
    erector = column(w.y, side, (front + np.float32(47), np.float32(27) + 4 * low), (17.0, 24.0)) + 1.4 * strands
    erector = both(erector, skin + np.float32(patient.fat + 3), 4)
    canvas.paint(w, erector - 1.6, "fat", texture=grain)
    canvas.paint(w, erector, "muscle", texture=grain - 0.9 * np.maximum(strands, 0))
    multifidus = column(w.y, side, (front + np.float32(45), np.float32(11)), (13.0, 9.0)) + 0.8 * strands
    canvas.paint(w, both(multifidus, 2 - side) - 0.7, "fat", texture=grain)
    canvas.paint(w, both(multifidus, 2 - side), "muscle", texture=grain - 1.2 * np.maximum(strands, 0))
    quadratus = column(w.y, side, (front + np.float32(37), np.float32(62)), (9.0, 18.0)) + 1.2 * strands
    quadratus = both(quadratus, both(w.z - 45, -w.z - 115), 10)
    canvas.paint(w, quadratus, "muscle", texture=grain)
    thick = smooth_step(-w.z, -40, 95)
    psoas = column(w.y, side, (front + 14 - 6 * thick, 24 + 14 * thick), (15.0, 14.0))
    psoas = both(psoas + 12 * (1 - thick) + 0.9 * strands, w.z - 30, 8)
    canvas.paint(w, psoas - 1.2, "fat", texture=grain)
    canvas.paint(w, psoas, "muscle", texture=grain)


def paint_diaphragm(canvas: Canvas, patient: Patient) -> None:
    """The muscle sheet under the lungs and its two pillars beside the aorta."""
    w = canvas.window((-40, 135), (-115, 110), (-140, 140))
    if w is None:
        return
    sheet = np.abs(w.kept("diaphragm") - 0.6) - 1.5
    sheet = both(both(sheet, w.kept("cavity")), 22 - w.z, 3)
    canvas.paint(w, sheet, "muscle")
    front = spine_front(w.z)
    thick = smooth_step(w.z, -35, 60)
    pillar = column(w.y, np.abs(w.x + 1), (front - 17, np.float32(15)), (13.0, 7.5)) + 5 * (1 - thick)
    pillar = both(both(pillar, w.z - 88, 6), -30 - w.z, 6) + 0.8 * w.of(patient.field("muscle strands", 7.0))
    canvas.paint(w, pillar, "muscle", texture=w.of(patient.field("muscle grain", 3.5)))


def paint_pelvis(canvas: Canvas, patient: Patient) -> None:
    """The wings of the iliac bones with their muscles, at the lower end of an abdominal scan."""
    w = canvas.window((-260, -70), (-60, 115), (-150, 150))
    if w is None:
        return
    side = np.abs(w.x)
    lean = rotation(("z", -38.0), ("y", 16.0))
    side = side + 9 * ((w.y - 40) / 50) ** 2 - 5 * np.sin((w.y - 20) / 26)
    wing = ellipsoid(w.z, w.y, side, (-150, 38, 80), (72, 62, 9), lean) + 0.8 * w.of(patient.field("wing", 20.0))
    grain = w.of(patient.field("bone", 3.0))
    canvas.paint(w, ellipsoid(w.z, w.y, side, (-155, 52, 90), (62, 58, 24), lean), "muscle", texture=grain)
    canvas.paint(w, ellipsoid(w.z, w.y, side, (-158, 30, 68), (60, 50, 17), lean), "muscle", texture=grain)
    canvas.paint(w, wing, "cortical bone", texture=grain)
    canvas.paint(w, wing + 2.2, "marrow", texture=grain)


def paint_shoulders(canvas: Canvas, patient: Patient) -> None:
    """Scapulae, collarbones and breastbone."""
    w = canvas.window((90, 430), (-130, 120), (-160, 160))
    if w is None:
        return
    side = np.abs(w.x)
    grain = w.of(patient.field("bone", 3.0))
    cavity = w.kept("cavity")
    angle = np.arctan2(side, w.y - 5)
    spread = (np.hypot((w.z - 288) / 64, (angle - 0.92 - 0.0012 * (w.z - 288)) / 0.36) - 1) * 25
    sheet = np.abs(cavity - 15 - 0.05 * (w.z - 288) - 8 * (angle - 0.9) ** 2)
    canvas.paint(w, both(sheet - 9, spread - 6, 6), "muscle", texture=grain)
    blade = both(sheet - 2.3 - 2.5 * smooth_step(angle, 0.95, 1.25), spread, 3)
    canvas.paint(w, blade, "cortical bone", texture=grain)
    canvas.paint(w, blade + 1.6, "marrow", texture=grain)
    collar = union(
        capsule(w.z, w.y, side, (338, -62, 18), (352, -58, 62), 6.0),
        capsule(w.z, w.y, side, (352, -58, 62), (366, -18, 118), 5.5),
        4,
    )
    collar = both(collar, w.kept("skin") + 9, 4)
    canvas.paint(w, collar, "cortical bone", texture=grain)
    canvas.paint(w, collar + 2, "marrow", texture=grain)
    sternum = both(both(np.abs(cavity - 5.5) - 4.5, np.abs(w.x) - 15 + 0.06 * np.abs(w.z - 235), 5), w.y + 30)
    sternum = both(sternum, np.abs(w.z - 235) - 92, 8) + 0.6 * w.of(patient.field("wing", 20.0))
    canvas.paint(w, sternum, "cortical bone", texture=grain)
    canvas.paint(w, sternum + 1.6, "marrow", texture=grain)


def diaphragm(z: Floats, y: Floats, x: Floats) -> Floats:
    """Signed distance to the diaphragm in reference coordinates, negative in the abdomen.

    Two domes that go on straight down, so that the lungs end in a thin rim along the wall.
    """
    right = ellipsoid(np.maximum(z - 20, 0), y, x, (0, 6, -52), (94, 86, 76))
    left = ellipsoid(np.maximum(z - 15, 0), y, x, (0, 6, 52), (86, 86, 76))
    return union(right, left, 34)


def _cage(w: Window) -> Floats:
    return ellipsoid(np.maximum(w.z - 140, 0), w.y + 0.06 * (w.z - 200), w.x, (0, 14, 0), (232, 93, 122))


def _outline(w: Window) -> Floats:
    """Skin: a rounded box in cross-section, flatter at the back, with a waist and a furrow along the spine."""
    waist = 6 * np.exp(-(((w.z[:, :1, :1] + 15) / 60) ** 2)) - 7 * smooth_step(-w.z[:, :1, :1], 60, 150)
    neck = smooth_step(w.z[:, :1, :1], 335, 460)
    half = np.float32(_HALF_WIDTH) - waist - 75 * neck
    back = smooth_step(w.y, -30, 30)
    depth = np.float32(_FRONT) + back * np.float32(_BACK - _FRONT) - 25 * neck
    power = 2.15 + 0.55 * back
    u, v = np.maximum(np.abs(w.x) / half, 1e-3), np.maximum(np.abs(w.y) / depth, 1e-3)
    a, b = u**power, v**power
    norm = (a + b) ** (1 / power)
    slope = np.hypot(a / u / half, b / v / depth) * norm ** (1 - power)
    furrow = 5 * np.exp(-((w.x / 13) ** 2)) * back
    distance: Floats = ((norm - 1) / slope + furrow).astype(np.float32)
    return distance


def _fat_thickness(w: Window, patient: Patient) -> Floats:
    back = smooth_step(w.y, 10, 80)
    front = smooth_step(-w.y, 30, 90) * (1 - smooth_step(w.z, 0, 120))
    chest = smooth_step(w.z, 60, 180)
    folds = w.of(patient.field("fat layer", 45.0))
    thickness = np.float32(patient.fat) * (0.75 + 0.45 * back + 0.35 * front - 0.2 * chest) + 1.2 * folds
    return np.maximum(thickness, 3.5)


def _muscle_thickness(w: Window) -> Floats:
    side = np.abs(w.x)
    flank = smooth_step(side, 60, 110)
    # Between the two straight muscles of the belly there is only a thin band.
    midline = np.exp(-((side / 9) ** 2)) * smooth_step(-w.y, 0, 40) * (1 - smooth_step(w.z, 60, 110))
    chest = smooth_step(w.z, 60, 180)
    chest_wall = 4 * smooth_step(w.z, 200, 300) * smooth_step(-w.y, 20, 60) * smooth_step(side, 15, 50)
    back = smooth_step(w.y, 35, 80) * (1 - smooth_step(side, 75, 112)) * (1 - smooth_step(w.z, 10, 80))
    thickness: Floats = 5 * back + 8.5 + 6.5 * flank - 6 * midline + 3.5 * chest * (1 - 0.5 * flank) + 2.2 * chest_wall
    return thickness


def _paint_table(canvas: Canvas, w: Window) -> None:
    y, x = w.axes[1][None, :, None], w.axes[2][None, None, :]
    # A shallow trough under the back; its shell is brighter than its foam.
    trough: Floats = (y - np.float32(120) + (x / np.float32(27)) ** 2).astype(np.float32)
    trough = both(-trough, trough - 26) + np.zeros_like(w.z)
    trough = both(trough, np.abs(x) - np.float32(205), 12)
    canvas.paint(w, trough, "table")
    canvas.paint(w, trough + 3.4, "table foam")


def cut_out(organ: Floats, *others: Floats, blend: float = 3.0) -> Floats:
    """`organ` without any of `others`."""
    for other in others:
        organ = cut(organ, other, blend)
    return organ
