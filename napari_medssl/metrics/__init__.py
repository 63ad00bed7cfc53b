"""How good a segmentation or a detector is. Metrics take (prediction, truth)."""

from napari_medssl.metrics.froc import Froc, cpm, froc
from napari_medssl.metrics.overlap import dice, dice_per_label, volume_ml
from napari_medssl.metrics.segmentation import LabelReport, SegmentationReport, evaluate_segmentation
from napari_medssl.metrics.surface import SurfaceDistances, hausdorff95, mean_surface_distance, surface_distances

__all__ = [
    "Froc",
    "LabelReport",
    "SegmentationReport",
    "SurfaceDistances",
    "cpm",
    "dice",
    "dice_per_label",
    "evaluate_segmentation",
    "froc",
    "hausdorff95",
    "mean_surface_distance",
    "surface_distances",
    "volume_ml",
]
