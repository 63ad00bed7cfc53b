"""A nodule: a ball in the patient."""

from __future__ import annotations

import math
from dataclasses import dataclass

from napari_medssl.errors import BadInput

Box = tuple[int, int, int, int, int, int]
UNMEASURED_MM = 10.0  # what LUNA16's evaluation takes as the diameter of a finding that nobody measured


@dataclass(frozen=True)
class Nodule:
    """A finding in a chest CT.

    Attributes
    ----------
    centre : (x, y, z) in world mm, LPS: to the patient's left, back and head
    diameter : mm; nan where nobody measured it
    score : how sure the detector is, 0 to 1; 1 for what a person marked
    box : (z0, y0, x0, z1, y1, x1), half-open voxels of the scan it was found in; None where no scan is known

    Raises
    ------
    BadInput
        A centre that is not three finite numbers, or a diameter that is not above 0.
    """

    centre: tuple[float, float, float]
    diameter: float
    score: float = 1.0
    box: Box | None = None

    def __post_init__(self) -> None:
        centre = tuple(float(value) for value in self.centre)
        if len(centre) != 3 or not all(map(math.isfinite, centre)):
            raise BadInput(f"A nodule's centre must be three finite numbers of mm (x, y, z), not {centre}.")
        if self.diameter <= 0 or math.isinf(self.diameter):
            raise BadInput(f"A nodule's diameter must be a number of mm above 0, not {self.diameter}.")
        object.__setattr__(self, "centre", centre)

    @property
    def radius(self) -> float:
        """Half of the diameter in mm; of a finding that nobody measured, half of 10 mm, as in LUNA16."""
        return (UNMEASURED_MM if math.isnan(self.diameter) else self.diameter) / 2
