"""What came of a run, as layers on the scan: probability, rebuilt tubes, centre line, change, narrow places."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medssl.widgets import brush_history
from napari_medssl.widgets.canvas_colours import marking
from napari_medssl.widgets.layers import place_of
from napari_medssl.widgets.tubes_run import Found

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer, Points

PROBABILITY, CHANGE, REFINED, LINE, NARROW = "probability", "change", "refined", "centre line", "narrowings"
_FROM_BELOW = (PROBABILITY, CHANGE, REFINED, LINE, NARROW)
_CHANGES = {1: "kept", 2: "added", 3: "removed"}
# Grey, blue and orange: told apart by colour-blind people too, and as in the differences of two masks.
_CHANGE_COLOURS = {1: (0.62, 0.62, 0.62, 1.0), 2: (0.0, 0.55, 0.90, 1.0), 3: (0.95, 0.55, 0.0, 1.0)}
_TUBE = {1: (0.95, 0.62, 0.55, 1.0)}
_RADII = "turbo"  # thin is blue, wide is red
_DOT, _CHOSEN_DOT = 1.5, 2.6  # voxels
_ON_SCREEN = (4, 14)  # pixels


class TubeLayers:
    """The result layers of one widget. A new run replaces those of the same source that nobody has drawn in."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._made: dict[str, tuple[Layer, str, Any]] = {}  # with the name and the array that it was given
        self.found: Found | None = None
        self.points: NDArray[Any] = np.zeros((0, 3))  # of all branches, as shown
        self.numbers: NDArray[Any] = np.zeros(0, int)  # of the branch of each

    def __contains__(self, layer: object) -> bool:
        return any(layer is made for made, _, _ in self._made.values())

    def get(self, role: str) -> Any:
        """The layer of this role, as long as it is in the viewer; else None."""
        layer = self._made[role][0] if role in self._made else None
        return layer if layer is not None and layer in self._viewer.layers else None

    @property
    def refined(self) -> Labels | None:
        layer: Labels | None = self.get(REFINED)
        return layer

    def show(self, found: Found) -> Iterator[None]:
        """Lay the results on their source, one layer a step; the layer in hand stays in hand."""
        if self.found is not None and self.found.wish.source.layer is not found.wish.source.layer:
            self._made.clear()  # those of another source stay as they are
        self.found = found
        source = found.wish.source
        self.numbers = np.concatenate([[b.number] * len(b.points) for b in found.branches] or [[]]).astype(int)
        self.points = source.shown_voxels(np.concatenate([b.points for b in found.branches] or [np.zeros((0, 3))]))
        for role, make in (
            (REFINED, self._refined),
            (LINE, self._line),
            (NARROW, self._narrow),
            (CHANGE, self._change),
            (PROBABILITY, self._probability),
        ):
            active = self._viewer.layers.selection.active
            self._put(role, make, found)
            if active in self._viewer.layers:
                self._viewer.layers.selection.active = active
            yield
        if source.kind == "mask":
            source.layer.visible = False  # the refined one lies over it

    def _put(self, role: str, make: Callable[[Found, dict[str, Any]], Layer | None], found: Found) -> None:
        source, old, layers = found.wish.source, self.get(role), self._viewer.layers
        kept = old is not None and self._is_as_made(role)
        self._made.pop(role, None)
        layer = make(found, {"name": f"{source.name} {role}", "metadata": source.metadata(), **place_of(source.layer)})
        if kept and layer is not None and type(old) is type(layer) and role in (REFINED, CHANGE, PROBABILITY):
            old.data = layer.data  # napari takes seconds to remove a layer of a large volume
            layer = old
        elif kept:
            layers.remove(old)
            if layer is not None:
                layer.visible = old.visible
        if layer is None:
            return
        if layer not in layers:
            place = layers.index(source.layer) + 1 if source.layer in layers else 0
            below = [self.get(other) for other in _FROM_BELOW[: _FROM_BELOW.index(role)]]
            layers.insert(max([place, *(layers.index(other) + 1 for other in below if other is not None)]), layer)
        self._made[role] = layer, layer.name, layer.data

    def _is_as_made(self, role: str) -> bool:
        """Whether the person has neither drawn in a layer nor given it another name or other data."""
        layer, name, data = self._made[role]
        drawn = role in (REFINED, CHANGE) and (brush_history.past(layer) or layer.data is not data)  # type: ignore[arg-type]
        return layer.name == name and not drawn

    def _probability(self, found: Found, arguments: dict[str, Any]) -> Image | None:
        from napari.layers import Image

        if found.maps is None or found.wish.source.kind != "scan":
            return None
        data = found.wish.source.display.forward(found.maps.probability)
        return Image(
            data,
            colormap="magenta",
            blending="additive",
            contrast_limits=(0, 1),
            opacity=0.6,
            visible=False,
            **arguments,
        )

    def _change(self, found: Found, arguments: dict[str, Any]) -> Labels:
        from napari.layers import Labels

        data = np.ascontiguousarray(found.wish.source.display.forward(found.change))
        features = {"index": [0, *_CHANGES], "change": ["", *_CHANGES.values()]}
        colours = _colours(_CHANGE_COLOURS)
        return Labels(data, colormap=colours, features=features, opacity=0.7, visible=False, **arguments)

    def _refined(self, found: Found, arguments: dict[str, Any]) -> Labels:
        from napari.layers import Labels

        source = found.wish.source
        data = np.ascontiguousarray(source.display.forward(found.labels))
        looks: dict[str, Any] = {"colormap": _colours(_TUBE)}
        if source.kind == "mask" and int(data.max()) > 1:  # the colours and names of its structures
            looks = {"colormap": source.layer.colormap, "features": source.layer.features}
        return Labels(data, opacity=0.6, **looks, **arguments)

    def _line(self, found: Found, arguments: dict[str, Any]) -> Points:
        from napari.layers import Points

        voxels = found.wish.source.shown_voxels(found.points)
        radii = np.asarray(found.radii, float)
        span = (float(radii.min()), float(radii.max())) if len(radii) else (0.0, 1.0)
        layer = Points(
            voxels, ndim=3, features={"radius_mm": np.round(radii, 2)}, face_color="radius_mm", face_colormap=_RADII,
            face_contrast_limits=(span[0], max(span[1], span[0] + 0.1)), size=_DOT, canvas_size_limits=_ON_SCREEN,
            border_width=0.0, border_color="transparent", blending="translucent_no_depth", **arguments,
        )  # fmt: skip
        layer.editable = False
        return layer

    def _narrow(self, found: Found, arguments: dict[str, Any]) -> Points | None:
        from napari.layers import Points

        from napari_medssl.tubes import narrow_places

        places = narrow_places(found.branches)
        if not places:
            return None
        voxels = found.wish.source.shown_voxels([narrow.voxel for _, narrow in places])
        features = {
            "percent": [round(narrow.percent) for _, narrow in places],
            "branch": [branch.number for branch, _ in places],
            "radius_mm": [round(narrow.radius, 2) for _, narrow in places],
        }
        marked = marking(self._viewer)
        text = {"string": "              {percent} %", "color": [marked], "size": 11}
        layer = Points(
            voxels, ndim=3, features=features, text=text, symbol="disc", face_color="transparent",
            border_color=[marked], border_width=0.1, size=4, canvas_size_limits=(12, 30),
            blending="translucent_no_depth", **arguments,
        )  # fmt: skip
        layer.editable = False
        return layer

    def mark(self, number: int | None) -> None:
        """Let the centre line of a branch stand out; None lets none."""
        layer = self.get(LINE)
        if layer is None or self.found is None:
            return
        chosen = self.points[self.numbers == number] if number is not None else np.zeros((0, 3))
        shape = self.found.wish.source.display.shape(self.found.wish.source.volume.shape)
        own = np.ravel_multi_index(tuple(chosen.astype(int).T), shape) if len(chosen) else np.zeros(0, int)
        all_of_it = np.ravel_multi_index(tuple(np.asarray(layer.data).astype(int).T), shape)
        here = np.isin(all_of_it, own)
        layer.size = np.where(here, _CHOSEN_DOT, _DOT)
        layer.border_width = np.where(here, 0.25, 0.0)
        layer.border_color = np.where(here[:, None], marking(self._viewer), (0.0, 0.0, 0.0, 0.0))

    def alive(self) -> set[int]:
        """Numbers of the branches that are still in the rebuilt tubes; the others' centre lines are hidden."""
        layer = self.refined
        if layer is None or not len(self.points):
            return set(self.numbers.tolist())
        there = np.asarray(layer.data[tuple(self.points.astype(int).T)]) != 0
        for role in (LINE, NARROW):
            dots: Points | None = self.get(role)
            if dots is not None:
                shown = np.asarray(layer.data[tuple(np.asarray(dots.data).astype(int).T)]) != 0
                if not np.array_equal(shown, dots.shown):
                    dots.shown = shown
                    dots.refresh()
        highest = int(self.numbers.max())
        voxels, left = (np.bincount(n, minlength=highest + 1) for n in (self.numbers, self.numbers[there]))
        return set(np.flatnonzero(left * 2 > voxels).tolist())

    def branch_at(self, voxel: Any) -> int | None:
        """The number of the branch that a place (z, y, x) of the shown voxels lies in, or beside by three voxels."""
        if self.found is None or self.refined is None or not len(self.points):
            return None
        steps = np.asarray(self.found.wish.source.volume.spacing)[list(self.found.wish.source.display.permutation)]
        there = np.asarray(self.refined.data[tuple(self.points.astype(int).T)]) != 0
        if not there.any():
            return None
        away = np.linalg.norm((self.points[there] - np.asarray(voxel, float)) * steps, axis=1)
        nearest = int(np.argmin(away))
        number = int(self.numbers[there][nearest])
        branch = self.found.branches[number - 1]
        return number if away[nearest] <= 2 * branch.mean_radius + 3 * steps.min() else None


def _colours(table: dict[int, Any]) -> Any:
    from napari.utils.colormaps import DirectLabelColormap

    return DirectLabelColormap(color_dict={None: "transparent", 0: "transparent", **table})
