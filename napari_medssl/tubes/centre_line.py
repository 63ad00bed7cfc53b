"""From a thinned mask to a centre line: spurs removed, small gaps bridged, radii smoothed along the line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import KDTree

from napari_medssl.tubes.graph import Graph, trace

Points = NDArray[np.intp]
Radii = NDArray[np.float64]

_ROUNDS = 3  # spurs that grew on spurs
_LEAST = 2.0  # voxels that a twig must rise above its tube, however thin that is
_SMOOTHINGS = 2
_AHEAD = 0.25  # cosine


@dataclass(frozen=True)
class CentreLine:
    """The voxels of a centre line, and how wide the tube is there.

    Attributes
    ----------
    points : (n, 3) voxel indices
    radii : (n,) from the centre to the wall, in the unit of the spacing
    bridges : (n,) whether a voxel was put in to bridge a gap
    """

    points: Points
    radii: Radii
    bridges: NDArray[np.bool_]

    def kept(self, which: NDArray[np.bool_]) -> CentreLine:
        """A part of it."""
        return CentreLine(self.points[which], self.radii[which], self.bridges[which])


def without_spurs(line: CentreLine, shape: tuple[int, ...], steps: Sequence[float], *, spur: float) -> CentreLine:
    """Without the twigs that rise less than `spur` radii and two voxels above the tube that they grow on.

    How far a twig rises: from the middle of the junction to the twig's end and the radius there, less the radius at the
    junction. What has two free ends is a tube of its own, and stays.
    """
    for _ in range(_ROUNDS):
        graph = trace(line.points, shape)
        going = np.zeros(len(line.points), bool)
        for voxels, junction in _twigs(graph):
            base = np.flatnonzero(graph.junction_of == junction) if junction >= 0 else voxels[:1]
            heart = base[np.argmax(line.radii[base])]
            tip = voxels[0] if graph.degree[voxels[0]] <= 1 else voxels[-1]
            way = line.points[tip] - line.points[heart]
            away = float(np.linalg.norm(way * np.asarray(steps)))
            voxel = away / max(int(np.abs(way).max()), 1)  # as long as it is in this direction: slices may be thick
            if away + line.radii[tip] - line.radii[heart] < spur * line.radii[heart] + _LEAST * voxel:
                going[voxels] = True
        if not going.any():
            break
        line = line.kept(~going)
    return line


def _twigs(graph: Graph) -> list[tuple[Points, int]]:
    return [(one.voxels, max(one.start, one.end)) for one in graph.lines if (one.start == -1) != (one.end == -1)]


def bridged(line: CentreLine, shape: tuple[int, ...], steps: Sequence[float], *, gap: float) -> CentreLine:
    """With straight pieces between an end and the nearest voxel of another piece, where their balls are near.

    `gap` is the largest distance between the two balls that is bridged, in the unit of `steps`. A bridge must go on in
    the direction of its end (within 75 degrees); its radii run from one to the other.
    """
    graph = trace(line.points, shape)
    pieces = graph.piece_of
    if not len(pieces) or pieces.max() == 0 or gap <= 0:
        return line
    places = line.points * np.asarray(steps)
    tree = KDTree(places)
    new: list[CentreLine] = []
    joined: set[tuple[int, int]] = set()
    for end in graph.ends.tolist():
        reach = gap + 2 * line.radii[end] + max(steps)
        near = [n for n in tree.query_ball_point(places[end], reach) if pieces[n] != pieces[end]]
        if not near:
            continue
        between = np.linalg.norm(places[near] - places[end], axis=1)
        other = near[int(np.argmin(between - line.radii[near]))]
        free = np.linalg.norm(places[other] - places[end]) - line.radii[end] - line.radii[other]
        pair = (min(pieces[end], pieces[other]), max(pieces[end], pieces[other]))
        if free <= gap and pair not in joined and _goes_on(graph, places, end, other):
            joined.add(pair)
            new.append(_straight(line, end, other))
    return _joined([line, *new], shape)


def _goes_on(graph: Graph, places: NDArray[np.float64], end: int, other: int) -> bool:
    """Whether the way to `other` goes on in the direction in which the line arrives at its end."""
    back, before = end, -1
    for _ in range(4):
        around = graph.links.indices[graph.links.indptr[back] : graph.links.indptr[back + 1]]
        onward = [n for n in around if n != before]
        if len(onward) != 1:
            break
        before, back = back, onward[0]
    if back == end:
        return True  # a single voxel has no direction
    along, ahead = places[end] - places[back], places[other] - places[end]
    return bool(along @ ahead >= _AHEAD * np.linalg.norm(along) * np.linalg.norm(ahead))


def _straight(line: CentreLine, start: int, end: int) -> CentreLine:
    first, last = line.points[start], line.points[end]
    count = int(np.abs(last - first).max()) + 1
    part = np.linspace(0, 1, count)
    points = np.rint(first + part[:, None] * (last - first)).astype(np.intp)
    radii = line.radii[start] + part * (line.radii[end] - line.radii[start])
    return CentreLine(points, radii, np.ones(count, bool))


def _joined(lines: Sequence[CentreLine], shape: tuple[int, ...]) -> CentreLine:
    points = np.concatenate([one.points for one in lines])
    radii = np.concatenate([one.radii for one in lines])
    _, first = np.unique(np.ravel_multi_index(tuple(points.T), shape), return_index=True)
    return CentreLine(points[first], radii[first], np.concatenate([one.bridges for one in lines])[first])


def smoothed(line: CentreLine, shape: tuple[int, ...]) -> CentreLine:
    """With each radius the mean over its neighbours on the line and itself, twice."""
    links = trace(line.points, shape).links + sparse.eye_array(len(line.points))
    weights = np.asarray(links.sum(axis=1)).ravel()
    radii = line.radii
    for _ in range(_SMOOTHINGS):
        radii = (links @ radii) / weights
    return CentreLine(line.points, radii, line.bridges)
