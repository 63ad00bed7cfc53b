"""Whether a scan's grey values are Hounsfield units, and what is to be added to make them so."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_medssl.errors import BadInput

AIR = -1024.0  # what lies outside the scanner's circle is padded with lower values, which say nothing
_STORED = 1024.0  # CT files without their rescale intercept are larger by this


def to_add(sample: NDArray[np.floating], name: str, modality: str = "") -> tuple[float, tuple[str, ...]]:
    """What must be added to a chest CT's grey values to make them HU, and what to tell about it.

    Parameters
    ----------
    sample : grey values, enough to tell how often each occurs; any shape
    name : what sentences call the scan
    modality : DICOM's, where the file says it

    Raises
    ------
    BadInput
        The scan is of another modality, or its values are not HU even when 1024 is taken away.
    """
    if modality not in ("", "CT"):
        raise BadInput(f"{name} is no CT (its file says {modality}); nodules are looked for in chest CT only.")
    values = sample[np.isfinite(sample)]
    if not values.size or values.min() == values.max():
        raise BadInput(f"{name} is empty (all voxels have one value), so there is nothing to look at.")
    low, high = np.percentile(values, (0.1, 99.9))
    if (values < -400).mean() > 0.002 and high > -400:
        return 0.0, ()
    if low >= -1 and _looks_like_ct(values - _STORED):
        return -_STORED, ("The grey values begin at 0; 1024 was subtracted to make them Hounsfield units.",)
    seen = f"its grey values run from {low:.4g} to {high:.4g}"
    if low >= -1:
        raise BadInput(
            f"{name} does not hold Hounsfield units ({seen}): is it an MR, or was it saved with a window? Open the "
            "original chest CT."
        )
    raise BadInput(f"There is no air in {name} ({seen}), so no lungs are in view; open a CT of the chest in HU.")


def _looks_like_ct(values: NDArray[np.floating]) -> bool:
    """Whether most of what is denser than lung is soft tissue, and there is something as thin as lung."""
    dense = values[values > -400]
    thin = ((values > -1100) & (values < -600)).mean()
    soft = ((dense > -200) & (dense < 250)).mean() if dense.size else 0.0
    return bool(thin > 0.01 and soft > 0.6 and values.max() > 100)
