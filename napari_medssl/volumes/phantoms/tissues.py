"""What tissues look like: Hounsfield units in CT, arbitrary units in MR."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from napari_medssl.errors import BadInput
from napari_medssl.volumes.phantoms.canvas import Tissue
from napari_medssl.volumes.phantoms.fields import generator

Modality = Literal["ct", "mr"]

# Abdomen and chest in the portal venous phase: (mean, texture) in HU.
_CT: Mapping[str, tuple[float, float]] = {
    "air": (-1000, 0), "gas": (-975, 0), "table": (90, 0), "table foam": (-920, 0),
    "skin": (15, 0), "fat": (-108, 5), "inner fat": (-104, 6), "muscle": (60, 6),
    "cortical bone": (560, 110), "marrow": (185, 38), "rib marrow": (230, 60), "cartilage": (115, 25),
    "disc": (82, 8), "spinal fluid": (14, 0), "cord": (36, 0),
    "liver": (104, 3), "hepatic vein": (154, 0), "portal vein": (168, 0), "spleen": (119, 3),
    "renal cortex": (178, 4), "renal medulla": (152, 4), "pancreas": (90, 7), "bile": (9, 2), "fluid": (6, 0),
    "bowel wall": (82, 10), "bowel content": (28, 12), "stomach content": (36, 9), "stool": (5, 38),
    "artery": (172, 3), "vein": (148, 3), "calcium": (480, 0), "heart muscle": (112, 4),
    "lung": (-855, 15), "lung vessel": (50, 0), "bronchial wall": (-20, 0),
    "solid nodule": (35, 8), "ground glass": (-610, 35),
}  # fmt: skip

# Two weightings, as seen in common sequences: T1 and T2 spin echo, 0..1 of the brightest.
_MR: Mapping[str, tuple[float, float]] = {
    "air": (0, 0), "gas": (0.01, 0.01), "table": (0, 0), "table foam": (0, 0),
    "skin": (0.42, 0.35), "fat": (0.88, 0.72), "inner fat": (0.84, 0.68), "muscle": (0.34, 0.20),
    "cortical bone": (0.06, 0.05), "marrow": (0.58, 0.44), "rib marrow": (0.45, 0.36), "cartilage": (0.3, 0.3),
    "disc": (0.30, 0.50), "spinal fluid": (0.14, 0.95), "cord": (0.38, 0.36),
    "liver": (0.47, 0.27), "hepatic vein": (0.22, 0.40), "portal vein": (0.24, 0.44), "spleen": (0.33, 0.52),
    "renal cortex": (0.44, 0.55), "renal medulla": (0.33, 0.66), "pancreas": (0.53, 0.38), "bile": (0.2, 0.97),
    "fluid": (0.15, 0.98), "bowel wall": (0.38, 0.34), "bowel content": (0.25, 0.78),
    "stomach content": (0.28, 0.74), "stool": (0.40, 0.40), "artery": (0.10, 0.10), "vein": (0.16, 0.30),
    "calcium": (0.03, 0.02), "heart muscle": (0.40, 0.35), "lung": (0.05, 0.07), "lung vessel": (0.15, 0.2),
    "bronchial wall": (0.2, 0.2), "solid nodule": (0.36, 0.45), "ground glass": (0.12, 0.18),
}  # fmt: skip
_MR_SCALE = 1000.0


def tissues(modality: str, seed: int) -> dict[str, Tissue]:
    """The palette of a modality; in MR the weighting and every tissue's shade depend on `seed`.

    Raises
    ------
    BadInput
        The modality is neither "ct" nor "mr".
    """
    if modality == "ct":
        return {name: Tissue(value, texture) for name, (value, texture) in _CT.items()}
    if modality != "mr":
        raise BadInput(f'The modality must be "ct" or "mr", not {modality!r}.')
    rng = generator(seed, "mr contrast")
    weight = rng.uniform(0, 1)
    palette = {}
    for name, (t1, t2) in _MR.items():
        shade = _MR_SCALE * ((1 - weight) * t1 + weight * t2) * float(np.exp(rng.normal(0, 0.08)))
        palette[name] = Tissue(shade, 0.035 * shade)
    return palette
