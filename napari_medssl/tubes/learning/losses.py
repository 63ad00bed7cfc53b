"""Losses of the deep distance transform, formulas (3) and (4), and of the alternatives that it is measured against.

Tensors are (n, z, y, x), distance logits (n, K + 1, z, y, x). Each loss is a mean over samples, so that batches may be
split between processes, and is computed in float32: sums over a patch overflow 16 bits.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_SPACE = (1, 2, 3)
_EPSILON = 1e-6


def balanced_cross_entropy(logits: Tensor, truth: Tensor) -> Tensor:
    """Formula (3): cross-entropy in which the tube's voxels and the others weigh half each, summed over a sample.

    A kind of voxel that a sample does not have adds nothing.
    """
    logits, y = logits.float(), truth.float()
    positive, negative = _half_each(y)
    terms = positive * y * F.softplus(-logits) + negative * (1 - y) * F.softplus(logits)
    return terms.sum(_SPACE).mean()


def distance_loss(
    logits: Tensor, classes: Tensor, truth: Tensor, *, far_off: float = 1.0, skip_surface: bool = True
) -> Tensor:
    """Formula (4): cross-entropy of the distance classes; the further off, the more it costs to be sure.

    ``-beta_p sum_v sum_k 1(z_v = k) (log g_v^k + lambda w_v log(1 - max_l g_v^l))``, where ``w_v`` is how far the most
    probable class is from the true one, in K. The weight `w` is not differentiated: it is an arg max.

    Parameters
    ----------
    logits : (n, K + 1, z, y, x)
    classes : (n, z, y, x) true classes 0..K; those beyond K count as K
    truth : (n, z, y, x) which voxels are in tubes
    far_off : lambda
    skip_surface : let k begin at 1, as the formula has it, which leaves out the voxels on a tube's surface; False
        begins at 0 there, for tubes so thin that they are all surface
    """
    y = truth.bool()
    largest = logits.shape[1] - 1
    z = classes.long().clamp(max=largest)
    counted = y & (z > 0) if skip_surface else y
    positive, _ = _half_each(y.float())
    weights = positive.expand_as(z)[counted]
    chosen, z = logits.movedim(1, -1)[counted].float(), z[counted]  # few voxels are in tubes, and only they count
    log_g = F.log_softmax(chosen, 1)
    likelihood = log_g.gather(1, z[:, None])[:, 0]
    top, at = log_g.max(1)
    omega = (at - z).abs().float() / max(largest, 1)
    # log(1 - g) from log g, kept from minus infinity where the network is all but certain
    certain = torch.log(-torch.expm1(top.clamp(max=-_EPSILON)))
    return -(weights * (likelihood + far_off * omega * certain)).sum() / len(truth)


def overlap_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Soft Dice and plain cross-entropy: whose probabilities are even-handed, so that 0.5 is where to cut."""
    p, y = torch.sigmoid(logits.float()), truth.float()
    both = (p * y).sum(_SPACE)
    soft_dice = (2 * both + 1) / (p.sum(_SPACE) + y.sum(_SPACE) + 1)
    entropy = F.binary_cross_entropy_with_logits(logits.float(), y)
    return (1 - soft_dice).mean() + entropy


def cldice_loss(logits: Tensor, truth: Tensor, *, rounds: int = 8) -> Tensor:
    """1 - soft clDice: harmonic mean of how much of each one's soft skeleton lies in the other.

    Shit et al., clDice - a Novel Topology-Preserving Loss Function for Tubular Structure Segmentation, CVPR 2021.
    `rounds` of erosion, at least the largest radius in voxels.
    """
    p, y = torch.sigmoid(logits.float())[:, None], truth.float()[:, None]
    of_p, of_y = soft_skeleton(p, rounds), soft_skeleton(y, rounds)
    space = (1, 2, 3, 4)
    precision = ((of_p * y).sum(space) + 1) / (of_p.sum(space) + 1)
    sensitivity = ((of_y * p).sum(space) + 1) / (of_y.sum(space) + 1)
    return (1 - 2 * precision * sensitivity / (precision + sensitivity)).mean()


def skeleton_recall_loss(logits: Tensor, skeleton: Tensor) -> Tensor:
    """1 - soft recall of the (thickened) skeleton of the truth, (n, z, y, x).

    Kirchhoff et al., Skeleton Recall Loss for Connectivity Conserving and Resource Efficient Segmentation of Thin
    Tubular Structures, ECCV 2024. To be added to an overlap loss, since it asks for more tube everywhere.
    """
    p, s = torch.sigmoid(logits.float()), skeleton.float()
    return (1 - ((p * s).sum(_SPACE) + 1) / (s.sum(_SPACE) + 1)).mean()


def soft_skeleton(mask: Tensor, rounds: int) -> Tensor:
    """The soft skeleton of probabilities (n, 1, z, y, x): what openings remove at each of `rounds` erosions."""
    skeleton = F.relu(mask - _opened(mask))
    for _ in range(rounds):
        mask = _eroded(mask)
        ridge = F.relu(mask - _opened(mask))
        skeleton = skeleton + F.relu(ridge - skeleton * ridge)
    return skeleton


def _eroded(mask: Tensor) -> Tensor:
    z = -F.max_pool3d(-mask, (3, 1, 1), 1, (1, 0, 0))
    y = -F.max_pool3d(-mask, (1, 3, 1), 1, (0, 1, 0))
    x = -F.max_pool3d(-mask, (1, 1, 3), 1, (0, 0, 1))
    return torch.minimum(torch.minimum(z, y), x)


def _opened(mask: Tensor) -> Tensor:
    return F.max_pool3d(_eroded(mask), 3, 1, 1)


def _half_each(y: Tensor) -> tuple[Tensor, Tensor]:
    """The weights beta_p and beta_n of (3), each (n, 1, 1, 1); 0 where a sample has no such voxel."""
    tube = y.sum(_SPACE, keepdim=True)
    rest = y[0].numel() - tube
    zero = torch.zeros_like(tube)
    return torch.where(tube > 0, 0.5 / tube.clamp(min=1), zero), torch.where(rest > 0, 0.5 / rest.clamp(min=1), zero)
