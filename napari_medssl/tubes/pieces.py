"""The pieces of a centre line from fork to fork or end, each with its parent and its generation."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_medssl.tubes.graph import Graph

Points = NDArray[np.intp]
Radii = NDArray[np.floating]

_LOOP = 2  # voxels; a line so short that leaves a fork and comes back is a part of the fork
_END = 1.5  # a tree starts at a free end, unless a fork is wider than all of them by this: its end has been cut off


@dataclass(frozen=True)
class Piece:
    """A piece of centre line, from the thick end of its tree outwards.

    Attributes
    ----------
    voxels : numbers of the graph's voxels, the middle of the fork at either end included
    start, end : the places it runs between; pieces that share one meet there
    parent : the number of the piece it grows out of; None for the first of a tree
    generation : how many forks lie between it and the thick end of its tree
    """

    voxels: tuple[int, ...]
    start: int
    end: int
    parent: int | None = None
    generation: int = 0


@dataclass(frozen=True)
class Pieces:
    """All pieces, parents before their children, and the places where a tube ends freely."""

    pieces: tuple[Piece, ...]
    free: frozenset[int]


def pieces_of(graph: Graph, radii: Radii) -> Pieces:
    """Cut a centre line at its forks and order each tree from its thickest free end."""
    loose = _without_false_forks(_between_forks(graph, radii))
    # What looks like a fork at the end of a line, since voxels touch each other there, has one piece and is an end.
    meeting = Counter(place for piece in loose for place in (piece.start, piece.end))
    free = {place for place, count in meeting.items() if count == 1}
    return Pieces(tuple(_ordered(loose, free, radii)), frozenset(free))


def _between_forks(graph: Graph, radii: Radii) -> list[Piece]:
    forks = range(int(graph.junction_of.max(initial=-1)) + 1)
    members: dict[int, list[int]] = defaultdict(list)
    for voxel in np.flatnonzero(graph.junction_of >= 0).tolist():
        members[int(graph.junction_of[voxel])].append(voxel)
    heart = {fork: max(members[fork], key=lambda voxel: radii[voxel]) for fork in forks}
    found: list[Piece] = []
    place = len(forks)
    for line in graph.lines:
        path = line.voxels.tolist()
        if line.start == line.end >= 0 and len(path) <= _LOOP:
            continue
        if line.start == -2:  # a ring that meets nothing
            found.append(Piece((*path, path[0]), place, place))
            place += 1
            continue
        ends = []
        for fork in (line.start, line.end):
            ends.append(fork if fork >= 0 else place)
            if fork < 0:
                place += 1
        before = [heart[line.start]] if line.start >= 0 else []
        after = [heart[line.end]] if line.end >= 0 else []
        found.append(Piece((*before, *path, *after), ends[0], ends[1]))
    used = {fork for piece in found for fork in (piece.start, piece.end)}
    found += [Piece((heart[fork],), fork, fork) for fork in forks if fork not in used]
    return found


def _without_false_forks(pieces: list[Piece]) -> list[Piece]:
    """Where only two pieces meet they are one: three voxels that touch each other in a bend look like a fork."""
    left = dict(enumerate(pieces))
    at: dict[int, list[int]] = defaultdict(list)
    for number, piece in left.items():
        at[piece.start].append(number)
        at[piece.end].append(number)
    for place, numbers in at.items():
        if len(numbers) != 2 or numbers[0] == numbers[1]:
            continue
        first, second = (left.pop(number) for number in numbers)
        head = first if first.end == place else _turned(first)
        tail = second if second.start == place else _turned(second)
        new = numbers[0]
        left[new] = Piece((*head.voxels, *tail.voxels[1:]), head.start, tail.end)
        for other in {head.start, tail.end} - {place}:
            at[other] = [new if number in numbers else number for number in at[other]]
    return list(left.values())


def _turned(piece: Piece) -> Piece:
    return replace(piece, voxels=piece.voxels[::-1], start=piece.end, end=piece.start)


def _ordered(pieces: Sequence[Piece], free: set[int], radii: Radii) -> list[Piece]:
    """Each tree from its thickest end outwards, parents first."""
    at: dict[int, list[int]] = defaultdict(list)
    for number, piece in enumerate(pieces):
        at[piece.start].append(number)
        at[piece.end].append(number)

    def width(number: int) -> float:
        return float(np.mean(radii[list(pieces[number].voxels)]))

    def near(number: int, place: int) -> float:
        voxels = list(pieces[number].voxels)
        half = slice(len(voxels) // 2 + 1) if pieces[number].start == place else slice(len(voxels) // 2, None)
        return float(np.mean(radii[voxels[half]]))

    def thickness(place: int) -> float:
        return max(near(number, place) for number in at[place]) * (_END if place in free else 1.0)

    ordered: list[Piece] = []
    done: set[int] = set()
    for root in sorted(at, key=lambda place: -thickness(place)):
        todo: deque[tuple[int, int | None, int]] = deque([(root, None, 0)])
        while todo:
            place, parent, generation = todo.popleft()
            for number in sorted(at[place], key=lambda number: -width(number)):
                if number in done:
                    continue
                done.add(number)
                piece = pieces[number] if pieces[number].start == place else _turned(pieces[number])
                ordered.append(replace(piece, parent=parent, generation=generation))
                todo.append((piece.end, len(ordered) - 1, generation + 1))
    return ordered
