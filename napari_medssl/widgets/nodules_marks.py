"""Findings as rings in the viewer: around a nodule, not over it, on every slice that it reaches, and in 3D.

What is seen is worked out again for each slice; the reading is what counts, and the layer only shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medssl.widgets.layers import place_of
from napari_medssl.widgets.planes import shown_axis, shown_slice

if TYPE_CHECKING:
    from napari.layers import Points

    from napari_medssl.nodules import Nodule
    from napari_medssl.nodules.reading import Finding
    from napari_medssl.widgets.nodules_ground import Ground

# Orange, bluish green, grey, blue: told apart by colour-blind people too; the signs beside the numbers say the same.
COLOURS = {
    "unread": (0.95, 0.62, 0.10, 1.0),
    "accepted": (0.10, 0.75, 0.55, 1.0),
    "rejected": (0.62, 0.62, 0.62, 1.0),
    "theirs": (0.35, 0.70, 0.95, 1.0),
}
_SIGNS = {"unread": "", "accepted": " ✓", "rejected": " ✗"}
_WIDTH = {"unread": 0.06, "accepted": 0.06, "rejected": 0.03}  # of the ring's diameter
_CHOSEN_WIDTH = 0.12
GAP_MM = 2.5  # between a nodule and its ring
_LEAST_MM = 5.0  # a ring's radius
_ON_SCREEN = (16, 4000)  # pixels


class Marks:
    """One layer of rings; it is made anew when it was removed."""

    def __init__(self, viewer: Any, ending: str = "findings", *, below: bool = False) -> None:
        """`ending` of the layer's name; `below`: the words stand below the ring, else above it."""
        self._viewer, self._ending, self._below = viewer, ending, below
        self._layer: Points | None = None
        self._ground: Ground | None = None
        self.centres: NDArray[np.float64] = np.zeros((0, 3))  # displayed voxels
        self.radii: NDArray[np.float64] = np.zeros(0)  # mm
        self._numbers: list[int] = []
        self._widths: NDArray[np.float64] = np.zeros(0)  # of the rings' lines, for their diameters

    @property
    def layer(self) -> Points | None:
        """The layer, as long as it is in the viewer."""
        return self._layer if self._layer is not None and self._layer in self._viewer.layers else None

    def show(self, ground: Ground, findings: Sequence[Finding], chosen: int | None) -> None:
        """Show these findings, one of them so that it stands out."""
        self._numbers = [one.number for one in findings]
        looks = [
            (COLOURS[one.state], _CHOSEN_WIDTH if one.number == chosen else _WIDTH[one.state],
             f"{one.number}{_SIGNS[one.state]}")
            for one in findings
        ]  # fmt: skip
        self._show(ground, [one.nodule for one in findings], looks)

    def show_theirs(self, ground: Ground, nodules: Sequence[Nodule]) -> None:
        """Show another reader's findings."""
        self._numbers = list(range(len(nodules)))
        self._show(ground, nodules, [(COLOURS["theirs"], _WIDTH["unread"], "theirs")] * len(nodules))

    def _show(self, ground: Ground, nodules: Sequence[Nodule], looks: Sequence[tuple[Any, float, str]]) -> None:
        if self._ground is None or self._ground.layer is not ground.layer:
            self.remove()
        self._ground = ground
        self.centres = np.array([ground.shown(one.centre) for one in nodules]).reshape(-1, 3)
        self.radii = np.array([one.radius for one in nodules], float)
        layer = self.layer
        if layer is not None and len(layer.data) != len(nodules):
            self.remove()
            layer = None
        if layer is None:
            if not nodules:
                return
            layer = self._make(ground, len(nodules))
        layer.border_color = np.array([colour for colour, _, _ in looks])
        self._widths = np.array([width for _, width, _ in looks])
        layer.features = {"mark": [text for _, _, text in looks]}
        layer.text.color = np.array([colour for colour, _, _ in looks])
        self.follow()

    def _make(self, ground: Ground, count: int) -> Points:
        from napari.layers import Points

        text = {"string": "{mark}", "color": "white", "size": 10, "anchor": "upper_left", "translation": [0, 0, 0]}
        layer = Points(
            self.centres, ndim=3, name=f"{ground.layer.name} {self._ending}", symbol="disc", size=10.0,
            face_color="transparent", border_width=0.06, border_width_is_relative=True, border_color="white",
            features={"mark": [""] * count}, text=text, canvas_size_limits=_ON_SCREEN, antialiasing=1,
            blending="translucent_no_depth", **place_of(ground.layer),
        )  # fmt: skip
        layer.editable = False
        viewer = self._viewer
        active = viewer.layers.selection.active
        viewer.layers.append(layer)
        viewer.layers.selection.active = active if active in viewer.layers else ground.layer
        self._layer = layer
        return layer

    def follow(self) -> None:
        """Bring the rings in line with the slice that is on screen."""
        layer, ground = self.layer, self._ground
        if layer is None or ground is None or not len(self.centres):
            return
        places, radii, seen = self.rings()
        unit = abs(float(layer.scale[-1]))
        layer.data = places
        layer.size = 2 * radii / unit
        # half of the line lies within the ring's radius, and is to stay off the nodule
        layer.border_width = np.minimum(self._widths, 0.8 * GAP_MM / radii)
        layer.shown = seen
        # the number beside the ring, not over the nodule
        shift = np.zeros(3)
        if shown_axis(self._viewer, ground.layer) is not None and seen.any():
            aside = 0.75 * float(radii[seen].max()) / ground.spacing
            rows, columns = (axis - (self._viewer.dims.ndim - 3) for axis in self._viewer.dims.displayed)
            shift[rows], shift[columns] = aside[rows] * (1.8 if self._below else -1), aside[columns]
        layer.text.translation = shift
        layer.refresh()

    def rings(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Centres in displayed voxels (n, 3) and radii in mm of the rings, and which of them are seen."""
        assert self._ground is not None
        places, section = self.centres.copy(), self.radii.copy()
        seen = np.ones(len(places), bool)
        axis = shown_axis(self._viewer, self._ground.layer)
        if axis is not None:
            here = shown_slice(self._viewer, self._ground.layer, axis)
            step = float(self._ground.spacing[axis])
            away = np.abs(self.centres[:, axis] - here) * step
            seen = away <= np.maximum(self.radii, step / 2)
            section = np.sqrt(np.maximum(self.radii**2 - away**2, 0))
            places[:, axis] = here
        return places, np.maximum(section + GAP_MM, _LEAST_MM), seen

    def at(self, event: Any) -> int | None:
        """The number of the finding whose ring a click lies in, the smallest of several; None where there is none."""
        if self.layer is None or self._ground is None or not self.layer.visible:
            return None
        places, radii, seen = self.rings()
        layer = self._ground.layer
        world = np.array([layer.data_to_world((*(0,) * (layer.ndim - 3), *place))[-3:] for place in places])
        offset = np.asarray(event.position, float)[-3:] - world.reshape(-1, 3)
        if len(event.dims_displayed) == 2:
            offset = offset[:, [axis - (len(event.position) - 3) for axis in event.dims_displayed]]
        else:  # how far the ray under the mouse passes
            along = np.asarray(event.view_direction, float)[-3:]
            offset = offset - (offset @ along)[:, None] * along
        inside = np.flatnonzero(seen & (np.linalg.norm(offset, axis=1) <= radii))
        return self._numbers[int(inside[np.argmin(radii[inside])])] if len(inside) else None

    def remove(self) -> None:
        """Take the rings off the viewer."""
        if self.layer is not None:
            self._viewer.layers.remove(self.layer)
        self._layer = None
