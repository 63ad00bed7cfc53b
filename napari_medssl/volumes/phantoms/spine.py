"""The spine: vertebral bodies with discs between them, arches, processes and the canal."""

from __future__ import annotations

import numpy as np

from napari_medssl.volumes.phantoms.canvas import Canvas
from napari_medssl.volumes.phantoms.fields import Floats
from napari_medssl.volumes.phantoms.patient import Patient
from napari_medssl.volumes.phantoms.shapes import both, capsule, column, cut, smooth_step, union

_STEP, _SHRINK = 33.0, 0.42  # mm from vertebra to vertebra at level 0, and how that falls from level to level


def vertebral_level(z: Floats) -> tuple[Floats, Floats]:
    """The level (0 at the second lumbar vertebra, whole numbers at centres, rising to the head) and mm per level."""
    root = np.sqrt(np.maximum(_STEP**2 - 4 * _SHRINK * z, 100)).astype(np.float32)
    level: Floats = (np.float32(_STEP) - root) / np.float32(2 * _SHRINK)
    return level, root


def spine_front(z: Floats) -> Floats:
    """y of the middle of the vertebral bodies: hollow in the loins, arched in the chest."""
    upper = np.clip(z + 40, 0, None)
    front: Floats = 38 + 14 * smooth_step(upper, 0, 260) - 22 * smooth_step(upper, 260, 460)
    return front + 12 * smooth_step(-z, 60, 160)


def paint_spine(canvas: Canvas, patient: Patient, label: int) -> None:
    """All vertebrae and discs in the slab."""
    w = canvas.window((-260, 480), (5, 115), (-48, 48))
    if w is None:
        return
    level, step = vertebral_level(w.z)
    off = (level - np.round(level)) * step  # mm from the vertebra's middle
    size = 0.72 + 0.28 * (1 - smooth_step(w.z, -20, 320))
    y, x = w.y - spine_front(w.z), w.x
    side = np.abs(x)
    half = 0.5 * step - 4.0 * size
    grain = w.of(patient.field("bone", 3.0))
    trabecular = w.of(patient.field("trabeculae", 2.2))
    rough = 0.5 * grain
    waist = 2.2 * np.cos(np.clip(off / half, -1, 1) * np.float32(np.pi / 2))
    # The back of a body is flat or hollow, towards the canal.
    trunk = both(column(y, x, (0.0, 0.0), (17.0, 23.0)), y - 13.5, 5) + 23 * (1 - size) * 0.6 + waist
    disc = both(trunk - 1.0 + waist, np.abs(off) - 0.5 * step, 0)
    canvas.paint(w, disc, "disc", label=label, texture=grain)
    body = both(trunk, np.abs(off) - half, 3) + 0.5 * rough
    arch = _arch(y, side, off, size)
    bone = union(body, arch, 3)
    canal = column(y, x, (22.0, 0.0), (8.0, 10.5))
    bone = cut(bone, canal)
    canvas.paint(w, both(arch - 3.5, 1 - body), "muscle", texture=grain)
    canvas.paint(w, bone, "cortical bone", label=label, texture=grain)
    canvas.paint(w, body + 2.0, "marrow", label=None, texture=0.4 * grain + trabecular)
    canvas.paint(w, arch + 2.4, "marrow", label=None, texture=grain)
    canvas.paint(w, canal, "inner fat", texture=0.0)
    canvas.paint(w, column(y, x, (21.5, 0.0), (6.3, 7.6)), "spinal fluid")
    cord = both(column(y, x, (21.5, 0.0), (3.6, 4.8)), 5 - w.z)
    canvas.paint(w, cord, "cord", label=None)


def _arch(y: Floats, side: Floats, off: Floats, size: Floats) -> Floats:
    """Pedicles, laminae, joints and processes around the canal of the nearest vertebra."""
    ring = np.abs(column(y, side, (22.0, 0.0), (10.5, 13.0))) - 3.0
    low = off + 3
    laminae = both(both(ring, np.abs(low) - 11 * size, 2), 19 - y, 3)
    pedicles = both(both(np.abs(side - 12.5) - 4.0, np.abs(off - 4) - 6.5 * size, 3), np.abs(y - 16) - 8, 2)
    joints = capsule(off, y, side, (-13, 31, 15), (9, 29, 16), 5.5)
    spinous = capsule(off, y, side, (-1, 34, 0), (-10, 50, 0), 3.6)
    across = capsule(off, y, side, (3, 23, 14), (4, 29, 34), 4.0)
    return union(union(union(laminae, pedicles, 2), union(joints, spinous, 2), 2), across, 3)
