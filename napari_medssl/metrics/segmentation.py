"""A segmentation compared with the truth, label by label, in one report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import isfinite, nan, prod

from numpy.typing import ArrayLike

from napari_medssl.metrics.masks import as_pair, as_spacing
from napari_medssl.metrics.overlap import dice_per_label, overlap_counts
from napari_medssl.metrics.surface import surface_distances


@dataclass(frozen=True)
class LabelReport:
    """One label: overlap, distances (mm) and volumes (ml).

    A label that only one side has: Dice 0, distances infinite. A label that neither has: Dice and distances nan.
    """

    label: int
    dice: float
    hausdorff95_mm: float
    mean_surface_distance_mm: float
    prediction_ml: float
    truth_ml: float


@dataclass(frozen=True)
class SegmentationReport:
    """Every label's report, and means over the labels for which a number exists."""

    labels: tuple[LabelReport, ...]

    @property
    def mean_dice(self) -> float:
        """Mean over the labels that occur; one that only one side has counts as 0."""
        return _mean(report.dice for report in self.labels)

    @property
    def mean_hausdorff95_mm(self) -> float:
        """Mean over the labels that both sides have."""
        return _mean(report.hausdorff95_mm for report in self.labels)

    @property
    def mean_surface_distance_mm(self) -> float:
        """Mean over the labels that both sides have."""
        return _mean(report.mean_surface_distance_mm for report in self.labels)

    def as_dict(self) -> dict[str, object]:
        """Plain values that JSON can hold: what is nan or infinite becomes None."""
        return {
            "labels": [_plain(asdict(report)) for report in self.labels],
            "mean": _plain(
                {
                    "dice": self.mean_dice,
                    "hausdorff95_mm": self.mean_hausdorff95_mm,
                    "mean_surface_distance_mm": self.mean_surface_distance_mm,
                }
            ),
        }


def evaluate_segmentation(
    prediction: ArrayLike, truth: ArrayLike, spacing: Sequence[float], *, labels: Iterable[int] | None = None
) -> SegmentationReport:
    """Compare `prediction` with `truth`, label by label.

    Parameters
    ----------
    prediction, truth : label arrays of one shape
    spacing : mm in array order
    labels : labels to report; None takes each one that occurs on either side (0 left out)

    Raises
    ------
    BadInput
        The shapes differ, an array does not hold labels, or the spacing is not positive.
    """
    p, t = as_pair(prediction, truth)
    voxel_ml = prod(as_spacing(spacing, p.ndim)) / 1000
    counts = overlap_counts(p, t, labels)
    overlaps = dice_per_label(p, t, counts)
    reports = []
    for label, (_, predicted, true) in counts.items():
        distances = surface_distances(p, t, spacing=spacing, label=label)
        reports.append(
            LabelReport(
                label=label,
                dice=overlaps[label],
                hausdorff95_mm=distances.hausdorff95,
                mean_surface_distance_mm=distances.mean,
                prediction_ml=predicted * voxel_ml,
                truth_ml=true * voxel_ml,
            )
        )
    return SegmentationReport(tuple(reports))


def _mean(values: Iterable[float]) -> float:
    finite = [value for value in values if isfinite(value)]
    return sum(finite) / len(finite) if finite else nan


def _plain(values: dict[str, float]) -> dict[str, float | None]:
    return {key: value if isfinite(value) else None for key, value in values.items()}
