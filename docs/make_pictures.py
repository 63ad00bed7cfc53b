"""Make the pictures of the documents: drive the Propagate widget in a real viewer on the packaged sample scan.

    xvfb-run -a -s "-screen 0 1280x800x24" python docs/make_pictures.py

Needs a display with OpenGL. `--theme light` and `--to FOLDER` make another set, to look at.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from photographer import Photographer, photograph


def outline(mask: np.ndarray) -> np.ndarray:
    """The longest contour of a 2D mask, as (row, column)."""
    from skimage.measure import find_contours

    return max(find_contours(np.pad(mask, 1).astype(float), 0.5), key=len) - 1


def true_masks() -> dict[int, np.ndarray]:
    """{label: true mask} of the two organs drawn on the sample, head first as the viewer shows it."""
    from napari_medssl.volumes.phantoms import abdomen

    truth = abdomen((80, 168, 168), (3.5, 1.8, 1.8), seed=5, noise=8.0)  # the packaged sample is this patient
    numbers = {name: number for number, name in truth.names.items()}
    return {label: truth.labels[::-1] == numbers[name] for label, name in ((1, "liver"), (2, "left kidney"))}


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """Dice of two masks, 1 where both are empty."""
    both = int(one.sum()) + int(other.sum())
    return 2 * int((one & other).sum()) / both if both else 1.0


def beyond_the_ends(mask: np.ndarray, propagated: np.ndarray) -> list[int]:
    """The first slices beyond a structure's ends, where a propagation ran on to them."""
    there = np.flatnonzero(mask.any(axis=(1, 2)))
    ends = int(there[0]) - 1, int(there[-1]) + 1
    return [index for index in ends if 0 <= index < len(mask) and propagated[index].any()]


def make(folder: Path, theme: str, _: Path) -> None:
    """From an empty viewer to a checked mask, a picture at each step."""
    camera = Photographer(folder, theme)
    viewer, form = camera.viewer, camera.form
    camera.take("propagate-1-empty")

    _, drawn = viewer.open_sample("napari-medssl", "abdomen")
    drawings = {
        label: int(np.flatnonzero((drawn.data == label).any(axis=(1, 2)))[0])
        for label in np.unique(drawn.data)
        if label
    }
    masks = {label: drawn.data[index] == label for label, index in drawings.items()}
    viewer.layers.remove(drawn)
    viewer.reset_view()
    camera.take("propagate-2-opened")

    camera.click(form.new_labels)
    labels = form.labels.layer
    for label, index in sorted(drawings.items(), reverse=True):
        camera.show(labels, index)
        labels.selected_label = label
        labels.paint_polygon([(index, row, column) for row, column in outline(masks[label])], label)
    camera.rest(0.3)
    camera.take("propagate-3-drawn")

    camera.show(labels, drawings[1] + 6)
    camera.click(form.propagate)
    camera.wait(lambda: not camera.widget.runs.running or labels.data[drawings[1] + 6].any())
    camera.wait(lambda: not camera.widget.runs.running or "left" in form.progress_text.text())
    camera.take("propagate-4-running")
    camera.wait(lambda: not camera.widget.runs.running)
    camera.take("propagate")

    def shown() -> int:
        return int(viewer.dims.current_step[0])

    camera.click(form.check)
    camera.take("propagate-5-check")
    truth = true_masks()
    if all(agreement(labels.data[shown()] == label, mask[shown()]) > 0.9 for label, mask in truth.items()):
        camera.click(form.right)

    for label, mask in reversed(truth.items()):
        labels.selected_label = label
        for index in beyond_the_ends(mask, labels.data == label):
            camera.show(labels, index)
            camera.click(form.not_here)
        ends = np.flatnonzero(mask.any(axis=(1, 2)))[[0, -1]]
        for index in np.linspace(ends[0] + 1, ends[1] - 1, 5).astype(int)[[0, 1, 3, 4]]:
            if (labels.data[index] == label).any():  # correct it as a person would: rub out, draw
                camera.show(labels, int(index))
                camera.click(form.not_here)
                labels.paint_polygon([(index, row, column) for row, column in outline(mask[index])], label)
    camera.take("propagate-6-corrected")
    camera.grab(form.strip, "propagate-strip")
    camera.click(form.propagate)
    camera.wait(lambda: not camera.widget.runs.running)
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_current_step(1, labels.data.shape[1] // 2)
    viewer.reset_view()
    camera.take("propagate-7-coronal")

    viewer.dims.order = (0, 1, 2)
    viewer.reset_view()
    camera.click(form.fold)
    camera.wait(lambda: form.options.knows_devices)
    camera.take("propagate-8-options", left=0.74)
    camera.click(form.fold)
    camera.click(form.help)
    camera.rest(0.5)
    camera.grab(camera.widget._page, "propagate-help")
    camera.widget._page.reject()
    viewer.close()


if __name__ == "__main__":
    photograph(make, __doc__)
