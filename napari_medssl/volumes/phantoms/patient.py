"""One patient: the same seed gives the same body, whatever part of it is scanned and at whatever spacing."""

from __future__ import annotations

import numpy as np

from napari_medssl.volumes.phantoms.fields import SmoothField, generator
from napari_medssl.volumes.phantoms.space import Body
from napari_medssl.volumes.phantoms.tubes import Tubes

# Reference coordinates are mm (z, y, x): x to the patient's left with 0 in the middle, y to the back with 0 halfway
# between front and back, z to the head with 0 in the middle of the second lumbar vertebra.


class Patient:
    """What differs from one person to the next, drawn by name."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._fields: dict[tuple[str, float], SmoothField] = {}
        size = self.draw("size", -1, 1)
        self.body = Body(
            seed,
            scale=(1 + 0.04 * self.draw("height", -1, 1), 0.97 + 0.06 * size, 0.98 + 0.05 * size),
            bend={85.0: 3.4, 36.0: 1.1},
        )
        self.fat = self.draw("fat", 8, 17)

    def draw(self, name: str, low: float, high: float) -> float:
        """A number between `low` and `high` that belongs to this patient and `name`."""
        return float(generator(self.seed, "draw", name).uniform(low, high))

    def rng(self, *names: str | int) -> np.random.Generator:
        return generator(self.seed, "patient", *names)

    def field(self, name: str, length: float) -> SmoothField:
        """A random field in mm of this patient's space."""
        if (name, length) not in self._fields:
            self._fields[name, length] = SmoothField(generator(self.seed, "field", name), length, 32)
        return self._fields[name, length]

    def place(self, tubes: Tubes) -> Tubes:
        return tubes.placed(self.body)
