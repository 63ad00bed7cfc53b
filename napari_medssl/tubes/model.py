"""What a tube network is and how it is used: all that its card says of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Architecture = Literal["unet", "residual"]
Width = Annotated[int, Field(ge=1, le=1024)]

# The widths at each level; the first level works at full resolution. A volume of 256 voxels a side takes under a minute
# on two CPU cores with "small".
WIDTHS: dict[str, tuple[int, ...]] = {"small": (8, 24, 48, 96), "medium": (32, 64, 128, 256, 320)}


class TubePlan(BaseModel):
    """How a network sees scans. Voxels are those of the working grid; the finest side of one is the unit of radii.

    Attributes
    ----------
    architecture : "unet", or "residual" with sums in place of concatenations, of ResDSN's kind
    widths : feature maps of each level, each at half the resolution of the one before
    classes : K, the largest distance class; the classes are 0..K
    spacing : finest side of working voxels in mm; None takes each scan's own
    anisotropy : working voxels are at most so many times as long as wide
    window : voxels over which grey values are brought to mean 0 and spread 1
    close_up : the same over a smaller window, which the network sees beside, for faint tubes; 0 for none
    tubes : "bright" tubes, for which scans with dark ones are inverted; "own" where scans are taken as they are
    finer_below : scans of fewer million working voxels are looked at with half as long voxels, too, for thin tubes
    scales : how many resolutions a scan is looked at in, each half as fine as the one before, for tubes larger than K
    mirrored : whether everything is looked at a second time mirrored along all axes, in twice the time; the mean counts
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: Architecture = "unet"
    widths: tuple[Width, ...] = Field(WIDTHS["small"], min_length=1, max_length=7)
    classes: int = Field(12, ge=1, le=64)
    spacing: float | None = Field(None, gt=0, allow_inf_nan=False)
    anisotropy: float = Field(1.6, ge=1, le=10)
    window: float = Field(64.0, ge=8, le=1024)
    close_up: float = Field(0.0, ge=0, le=1024)
    tubes: Literal["bright", "own"] = "own"
    scales: int = Field(1, ge=1, le=3)
    finer_below: float = Field(0.0, ge=0, le=1000)
    mirrored: bool = False

    @property
    def multiple(self) -> int:
        """Sides of what the network is given are multiples of this."""
        return int(2 ** (len(self.widths) - 1))

    @property
    def windows(self) -> tuple[float, ...]:
        """The windows of the grey values that the network is given, one channel each."""
        return (self.window, self.close_up) if self.close_up else (self.window,)

    def working_spacing(self, spacing: Sequence[float]) -> tuple[float, float, float]:
        """The spacing (z, y, x) to work at for a scan's own: as fine as its finest side, or as `spacing` here says.

        A side is left as it is if it is between the finest and `anisotropy` times that.
        """
        fine = self.spacing or min(spacing)
        z, y, x = (min(max(side, fine), fine * self.anisotropy) for side in spacing)
        return z, y, x

    @property
    def outputs(self) -> int:
        """Maps that come out: the logit of being a tube, and one of each distance class 0..K."""
        return self.classes + 2
