"""Make the pictures of the page on tubes: a real tree of pulmonary arteries (mask only, SeqSeg, Apache-2.0), rebuilt.

    xvfb-run -a -s "-screen 0 1280x800x24" python docs/make_tubes_pictures.py MASK

MASK is pulmonary_artery_tree_1.nii.gz, or any other mask of a tree of tubes whose terms allow showing it. Needs a
display with OpenGL. `--theme light` and `--to FOLDER` make another set, to look at.
"""

from __future__ import annotations

from pathlib import Path

from photographer import Photographer, photograph

from napari_medssl.volumes import read_labels
from napari_medssl.widgets.layers import layer_data


class TubesPhotographer(Photographer):
    """A viewer with the Tubes widget alone."""

    title = "Tubes"


def make(folder: Path, theme: str, _: Path, mask: Path) -> None:
    """From a mask to its branches, in a slice and in 3D."""
    from qtpy.QtCore import Qt

    camera = TubesPhotographer(folder, theme)
    form = camera.form
    data, arguments, _ = layer_data(read_labels(mask), kind="labels", name="pulmonary arteries")
    camera.viewer.add_labels(data, **arguments)
    form.kind.setCurrentIndex(form.kind.findData("mask"))
    camera.click(form.run)
    camera.wait(lambda: camera.widget.run is None)
    form.table.sortByColumn(6, Qt.SortOrder.DescendingOrder)  # the narrowest place first
    form.table.selectRow(0)
    camera.viewer.scene.camera.zoom *= 2
    camera.take("tubes-1-branch")
    camera.widget.layers.get("change").visible = True
    camera.widget.layers.refined.visible = False
    camera.take("tubes-2-change")
    camera.widget.layers.get("change").visible = False
    camera.widget.layers.refined.visible = True
    form.table.selectRow(1)
    camera.click(form.view3d)
    camera.take("tubes-3-tree")
    camera.viewer.close()


if __name__ == "__main__":
    photograph(make, __doc__, "MASK")
