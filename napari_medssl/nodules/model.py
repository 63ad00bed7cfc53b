"""What a nodule detector is and how it is used: all that its card says of it."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_medssl.nodules.anchors import Anchors

Width = Annotated[int, Field(ge=8, le=1024, multiple_of=4)]
Size = Annotated[float, Field(gt=0, le=200)]

# Feature maps at a half, a quarter, an eighth and a sixteenth of the working grid's resolution.
WIDTHS: dict[str, tuple[int, ...]] = {"small": (16, 32, 64, 96), "medium": (32, 64, 128, 192)}


class NodulePlan(BaseModel):
    """How a detector sees scans.

    Attributes
    ----------
    widths : feature maps of each level of the network, the first at half resolution
    features : feature maps of the pyramid that anchors are judged on
    spacing : side of the working grid's cubic voxels in mm
    window : HU that are shown as 0 and as 1
    strides : sides of the anchors' cells in working voxels, each level's twice the one before
    sizes : diameters of the anchors of each level in mm
    threshold : score from which a mark is shown where nobody asks for another
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    widths: tuple[Width, ...] = Field(WIDTHS["small"], min_length=3, max_length=6)
    features: int = Field(32, ge=8, le=512, multiple_of=4)
    spacing: float = Field(1.0, ge=0.3, le=5, allow_inf_nan=False)
    window: tuple[float, float] = (-1200.0, 400.0)
    strides: tuple[int, ...] = (4, 8)
    sizes: tuple[tuple[Size, ...], ...] = ((5.0, 8.0), (13.0, 21.0))
    threshold: float = Field(0.3, ge=0, le=1)

    @model_validator(mode="after")
    def _fits(self) -> NodulePlan:
        if not self.window[0] < self.window[1]:
            raise ValueError("the window's lower end lies above its upper one")
        expected = tuple(4 * 2**level for level in range(len(self.strides)))
        if self.strides != expected or len(self.strides) >= len(self.widths):
            raise ValueError(f"strides are 4, 8, ..., and no more than the network has levels: {self.strides}")
        if len(self.sizes) != len(self.strides) or len({len(level) for level in self.sizes}) != 1 or not self.sizes[0]:
            raise ValueError("every level has the same number of sizes, at least one")
        return self

    @property
    def multiple(self) -> int:
        """Sides of what the network is given are multiples of this."""
        return int(2 ** len(self.widths))

    @property
    def anchors(self) -> Anchors:
        return Anchors(self.sizes, self.strides, self.spacing)

    def scale(self, hounsfield: NDArray[Any]) -> NDArray[np.float32]:
        """HU as the network sees them: 0..1 over the window, clipped; any shape, float32."""
        low, high = self.window
        scaled: NDArray[np.float32] = np.clip((np.asarray(hounsfield, np.float32) - low) / (high - low), 0, 1)
        return scaled
