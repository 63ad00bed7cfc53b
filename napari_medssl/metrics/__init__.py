"""How good a segmentation is: overlap, surface distances, volumes. Metrics take (prediction, truth)."""

from napari_medssl.metrics.overlap import dice, dice_per_label, volume_ml
from napari_medssl.metrics.segmentation import LabelReport, SegmentationReport, evaluate_segmentation
from napari_medssl.metrics.surface import SurfaceDistances, hausdorff95, mean_surface_distance, surface_distances

__all__ = [
    "LabelReport",
    "SegmentationReport",
    "SurfaceDistances",
    "dice",
    "dice_per_label",
    "evaluate_segmentation",
    "hausdorff95",
    "mean_surface_distance",
    "surface_distances",
    "volume_ml",
]
