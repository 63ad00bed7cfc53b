"""Changes of grey values that scanners make too: contrast, noise, uneven brightness, blur, low resolution.

They are MONAI's, each with its own random state made from the sample's key, so that a sample is the same wherever and
whenever it is made. They run where samples are prepared: a few milliseconds each, beside the network's work.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from monai.transforms.compose import Compose
from monai.transforms.intensity.array import (
    RandAdjustContrast,
    RandBiasField,
    RandGaussianNoise,
    RandGaussianSmooth,
    RandScaleIntensity,
)
from monai.transforms.spatial.array import RandSimulateLowResolution
from torch import Tensor


def disturb(image: Tensor, key: int) -> Tensor:
    """Scaled grey values (z, y, x), changed as the whole number `key` has it. What is exactly 0 may change, too."""
    changes = Compose(
        [
            RandBiasField(prob=0.2, coeff_range=(0.0, 0.2)),
            RandScaleIntensity(factors=0.25, prob=0.3),
            RandAdjustContrast(prob=0.3, gamma=(0.7, 1.5), retain_stats=True),
            RandSimulateLowResolution(prob=0.2, zoom_range=(0.5, 1.0)),
            RandGaussianSmooth(prob=0.15, sigma_x=(0.3, 0.8), sigma_y=(0.3, 0.8), sigma_z=(0.3, 0.8)),
            RandGaussianNoise(prob=0.3, std=0.15),
        ]
    )
    changes.set_random_state(state=np.random.RandomState(key % 2**32))
    changed: Any = changes(image[None])
    plain: Tensor = changed.as_tensor() if hasattr(changed, "as_tensor") else changed
    return plain[0].to(torch.float32).contiguous()
