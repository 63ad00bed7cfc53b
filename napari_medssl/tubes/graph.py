"""A centre line as a graph: pieces of line between their ends and the places where they meet."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

Points = NDArray[np.intp]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Line:
    """A piece of centre line.

    Attributes
    ----------
    voxels : (n,) numbers of its voxels in order, junctions left out; at least one, or none between two junction voxels
    start, end : the junctions it runs between; -1 where it ends freely
    """

    voxels: Points
    start: int
    end: int

    @property
    def is_ring(self) -> bool:
        """Whether it ends where it begins, at a junction or, without one, at itself."""
        return self.start == self.end and self.start != -1


@dataclass(frozen=True)
class Graph:
    """A thin mask, voxel by voxel and line by line.

    Attributes
    ----------
    points : (n, 3) voxel indices
    links : (n, n) sparse adjacency of the voxels (26 neighbours)
    junction_of : (n,) the junction that a voxel belongs to, or -1; voxels with three or more neighbours that touch each
        other are one junction
    """

    points: Points
    links: sparse.csr_array
    junction_of: Points

    @cached_property
    def degree(self) -> Points:
        """(n,) how many neighbours each voxel has."""
        return np.diff(self.links.indptr).astype(np.intp)

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """The pieces between junctions and free ends."""
        return tuple(_lines(self.links, self.junction_of))

    @cached_property
    def piece_of(self) -> Points:
        """(n,) the connected piece that each voxel belongs to."""
        found: Points = connected_components(self.links, directed=False)[1].astype(np.intp)
        return found

    @cached_property
    def ends(self) -> Points:
        """(m,) the voxels with one neighbour or none."""
        return np.flatnonzero(self.degree <= 1)


def trace(points: Points, shape: tuple[int, ...]) -> Graph:
    """The graph of thin voxels.

    Parameters
    ----------
    points : (n, 3) voxel indices, each once
    shape : of the volume
    """
    links = _links(points, shape)
    degree = np.diff(links.indptr)
    junction_of = np.full(len(points), -1, np.intp)
    crowded = np.flatnonzero(degree >= 3)
    if len(crowded):
        junction_of[crowded] = connected_components(links[crowded][:, crowded], directed=False)[1]
    return Graph(points, links, junction_of)


def _links(points: Points, shape: tuple[int, ...]) -> sparse.csr_array:
    larger = np.asarray(shape) + 2
    strides = np.array([larger[1] * larger[2], larger[2], 1])
    keys = (points + 1) @ strides
    order = np.argsort(keys)
    ranked = keys[order]
    offsets = (np.indices((3, 3, 3)).reshape(3, -1).T - 1) @ strides
    first, second = [], []
    for offset in offsets[offsets > 0]:
        wanted = keys + offset
        place = np.minimum(np.searchsorted(ranked, wanted), len(keys) - 1)
        found = np.flatnonzero(ranked[place] == wanted) if len(keys) else np.empty(0, np.intp)
        first.append(found)
        second.append(order[place[found]])
    a, b = np.concatenate(first), np.concatenate(second)
    ones = np.ones(2 * len(a), np.int8)
    pairs = (np.concatenate([a, b]), np.concatenate([b, a]))
    return sparse.coo_array((ones, pairs), shape=(len(points), len(points))).tocsr()


def _lines(links: sparse.csr_array, junction_of: Points) -> list[Line]:
    """Walk along the voxels that are in no junction, from each end or junction, then along what is left: rings."""
    starts, others = links.indptr.tolist(), links.indices.tolist()
    junction = junction_of.tolist()
    around = [others[starts[i] : starts[i + 1]] for i in range(len(junction))]
    plain = [i for i, own in enumerate(junction) if own == -1]
    near = (links @ (junction_of >= 0).astype(np.int32) > 0) | (np.diff(links.indptr) <= 1)
    first = np.flatnonzero(near & (junction_of == -1)).tolist()
    seen: set[int] = set()
    lines: list[Line] = []
    for begin in (*first, *plain):
        if begin not in seen:
            lines.append(_walk(begin, around, junction, seen))
    return lines


def _walk(begin: int, around: list[list[int]], junction: list[int], seen: set[int]) -> Line:
    touched = [junction[n] for n in around[begin] if junction[n] != -1]
    path, here = [begin], begin
    seen.add(begin)
    start = touched[0] if touched else -1
    if len(touched) == 2:  # a single voxel between two junctions
        return Line(np.array(path, np.intp), start, touched[1])
    while True:
        onward = next((n for n in around[here] if junction[n] == -1 and n not in seen), None)
        if onward is None:
            break
        path.append(onward)
        seen.add(onward)
        here = onward
    end = -1
    if here != begin:
        end = next((junction[n] for n in around[here] if junction[n] != -1), -1)
    if start == -1 and end == -1 and len(path) > 2 and begin in around[here]:
        start = end = -2  # a ring without a junction
    return Line(np.array(path, np.intp), start, end)
