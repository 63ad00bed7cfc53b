"""The loss of labelled patches: Dice and cross-entropy, each a term of its own."""

from __future__ import annotations

from functools import cache

import torch.nn.functional as F
from monai.losses.dice import DiceLoss
from torch import Tensor

from napari_medssl.training.strategy import Term


def overlap_terms(logits: Tensor, truth: Tensor) -> list[Term]:
    """Soft Dice of the structures, and cross-entropy of all outputs.

    logits (n, outputs, z, y, x); truth (n, z, y, x) numbers of outputs. Both are means over samples, so that batches
    may be split between processes. Computed in float32: sums over a patch overflow 16 bits.
    """
    logits, truth = logits.float(), truth.long()
    return [
        Term("Dice", _dice()(logits, truth[:, None]), len(logits)),
        Term("cross-entropy", F.cross_entropy(logits, truth), len(logits)),
    ]


@cache
def _dice() -> DiceLoss:
    return DiceLoss(include_background=False, to_onehot_y=True, softmax=True)
