import json

import numpy as np
import pytest

from napari_medssl.errors import BadInput
from napari_medssl.metrics import dice, evaluate_segmentation, hausdorff95, mean_surface_distance, volume_ml

SPACING = (3.0, 1.0, 0.5)


@pytest.fixture
def pair():
    truth = np.zeros((10, 20, 20), np.uint8)
    truth[2:8, 3:9, 3:9] = 1
    truth[2:8, 11:18, 4:15] = 4
    truth[0, 0, 0] = 7
    prediction = np.roll(truth, 1, axis=2)
    prediction[truth == 7] = 0
    prediction[prediction == 7] = 9
    return prediction, truth


def test_report_agrees_with_the_single_metrics(pair):
    report = evaluate_segmentation(*pair, SPACING)
    assert [each.label for each in report.labels] == [1, 4, 7, 9]
    for each in report.labels[:2]:
        assert each.dice == dice(*pair, each.label)
        assert each.hausdorff95_mm == hausdorff95(*pair, spacing=SPACING, label=each.label)
        assert each.mean_surface_distance_mm == mean_surface_distance(*pair, spacing=SPACING, label=each.label)
        assert each.truth_ml == pytest.approx(volume_ml(pair[1], spacing=SPACING, label=each.label))
    missed, invented = report.labels[2:]
    assert (missed.dice, invented.dice) == (0, 0)
    assert (missed.prediction_ml, invented.truth_ml) == (0, 0)
    assert missed.hausdorff95_mm == invented.hausdorff95_mm == np.inf
    assert report.mean_dice == pytest.approx((report.labels[0].dice + report.labels[1].dice) / 4)
    assert report.mean_hausdorff95_mm == pytest.approx(np.mean([each.hausdorff95_mm for each in report.labels[:2]]))


def test_report_is_strict_json(pair):
    text = json.dumps(evaluate_segmentation(*pair, SPACING, labels=[1, 7, 50]).as_dict(), allow_nan=False)
    loaded = json.loads(text)
    assert [each["label"] for each in loaded["labels"]] == [1, 7, 50]
    assert loaded["labels"][1]["dice"] == 0
    assert loaded["labels"][1]["hausdorff95_mm"] is None
    assert loaded["labels"][2]["dice"] is None
    assert loaded["mean"]["dice"] == pytest.approx(dice(*pair, 1) / 2)


def test_equal_and_empty():
    mask = np.zeros((4, 4, 4), np.int16)
    nothing = evaluate_segmentation(mask, mask, SPACING)
    assert nothing.labels == ()
    assert np.isnan(nothing.mean_dice)
    mask[1:3, 1:3] = 2
    same = evaluate_segmentation(mask, mask, SPACING)
    assert (same.mean_dice, same.mean_hausdorff95_mm, same.mean_surface_distance_mm) == (1, 0, 0)


def test_unsuitable_input(pair):
    with pytest.raises(BadInput, match="resample"):
        evaluate_segmentation(pair[0], pair[1][1:], SPACING)
    with pytest.raises(BadInput, match="spacing"):
        evaluate_segmentation(*pair, (1.0, 1.0))
