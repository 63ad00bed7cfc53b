"""Make the pictures of the page on structures: name, lock, tidy up and compare on the packaged sample scan.

    xvfb-run -a -s "-screen 0 1280x800x24" python docs/make_structures_pictures.py

Needs a display with OpenGL. `--theme light` and `--to FOLDER` make another set, to look at.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from make_pictures import true_masks
from photographer import Photographer, photograph
from scipy import ndimage

NAMES = {1: "Liver", 2: "Left kidney"}


def roughly(mask: np.ndarray, seed: int) -> np.ndarray:
    """A mask as a hasty hand leaves it: a rough edge, a hole, an island."""
    rng = np.random.default_rng(seed)
    edge = ndimage.binary_dilation(mask, iterations=2) & ~ndimage.binary_erosion(mask, iterations=2)
    rough = np.where(edge, ndimage.gaussian_filter(rng.random(mask.shape), 1) > 0.5, mask)
    middle = np.argwhere(ndimage.binary_erosion(mask, iterations=4)).mean(axis=0).astype(int)
    rough[tuple(slice(m - 2, m + 3) for m in middle)] = False
    return rough


def make(folder: Path, theme: str, _: Path) -> None:
    """From a mask with two labels to an accepted liver and a tidy kidney, compared with the truth."""
    camera = Photographer(folder, theme)
    viewer, form, tools = camera.viewer, camera.form, camera.widget.label_tools
    _, drawn = viewer.open_sample("napari-medssl", "abdomen")
    truth = true_masks()
    viewer.layers.remove(drawn)
    camera.click(form.new_labels)
    labels = form.labels.layer
    for label, mask in truth.items():
        labels.data[(mask if label == 1 else roughly(mask, label)) & (labels.data == 0)] = label
    camera.widget.work().session.look_again()
    for label, name in NAMES.items():
        tools.structures.table.rows.renamed.emit(label, name)
    labels.selected_label = 1
    tools.look_again()
    camera.wait(lambda: tools.structures.table.rows.rows[0].volume not in ("…", "0"))
    camera.show(labels, int(np.argwhere(truth[2])[:, 0].mean()))
    camera.click(tools.structures.accept_and_next)
    camera.take("structures")

    labels.selected_label = 2
    heading = tools.headings[1]
    heading.setChecked(True)
    camera.click(tools.tidy.fill_holes)
    camera.wait(lambda: tools.tidy.idle)
    camera.click(tools.tidy.smooth)
    camera.wait(lambda: tools.tidy.idle)
    camera.scroll_down()
    camera.take("structures-tidy", left=0.25)

    reference = viewer.add_labels(
        np.select([truth[1], truth[2]], [1, 2]).astype(np.uint8),
        name="second reader",
        scale=labels.scale,
        translate=labels.translate,
        units=labels.units,
        visible=False,
    )
    viewer.layers.selection.active = labels
    form.labels.choose(labels)
    heading.setChecked(False)
    tools.headings[2].setChecked(True)
    tools.compare.reference.choose(reference)
    camera.click(tools.compare.compare)
    camera.wait(lambda: tools.compare.report is not None)
    camera.click(tools.compare.difference)
    camera.wait(lambda: len(viewer.layers) == 4)
    labels.opacity = 0.25
    viewer.scene.camera.zoom *= 1.6
    viewer.scene.camera.center = (
        0,
        *np.argwhere(truth[2])[:, 1:].mean(axis=0) * labels.scale[1:] + labels.translate[1:],
    )
    camera.scroll_down()
    camera.take("structures-compare", left=0.25)
    viewer.close()


if __name__ == "__main__":
    photograph(make, __doc__)
