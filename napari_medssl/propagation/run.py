"""One group of labels, both ways through the volume: two sweeps, fused between drawn slices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from napari_medssl.errors import Cancelled
from napari_medssl.propagation.digests import digests
from napari_medssl.propagation.fusion import Fusion
from napari_medssl.propagation.hints import Hints
from napari_medssl.propagation.kept import Found, KeptWork, set_aside, take_up
from napari_medssl.propagation.legs import intensities_at, legs, resolution_for
from napari_medssl.propagation.meeting import until_met
from napari_medssl.propagation.model import PropagationModel
from napari_medssl.propagation.seeds import Drawn
from napari_medssl.propagation.slices import Features, Slices
from napari_medssl.propagation.sweep import Sweep, SweptSlice
from napari_medssl.propagation.verification import Verification

_SET_ASIDE = 8  # slices from one copy of a sweep to the next: at most so many are computed again


@dataclass
class GroupRun:
    """Runs the two sweeps of a group of labels.

    Iterating `run` gives (slice index, patches, confidence) each time a slice is known or known better: the forward
    sweep's slices first, then the backward sweep's, fused with the forward ones where a slice lies between two drawn
    slices of a label.

    Attributes
    ----------
    kept : what earlier runs found on the same volume, and where this one keeps what it finds
    hints : single voxels that are known, for any of the labels
    stepped : slices that this run has computed, not found there
    """

    slices: Slices
    drawn: Drawn
    model: PropagationModel
    verification: Verification = "auto"
    cancelled: Callable[[], bool] | None = None
    kept: KeptWork | None = None
    hints: Hints = field(default_factory=Hints)
    stepped: int = field(default=0, init=False)
    _forward: dict[int, SweptSlice] = field(default_factory=dict, init=False)
    _resolution: float | None = field(default=None, init=False)
    _world: tuple[object, ...] = field(default=(), init=False)

    def orders(self, first: int, last: int) -> tuple[range, range]:
        """The slices of the forward and of the backward sweep, each starting at the first drawn slice on its way."""
        with_content = [i for masks in self.drawn.values() for i, mask in masks.items() if mask.any()]
        return range(min(with_content), last), range(max(with_content), first - 1, -1)

    def run(self, first: int, last: int) -> Iterator[SweptSlice]:
        self._resolution = resolution_for(self.drawn, self.slices, self.model)
        if self.kept is not None:  # what features depend on, beside slice, region and intensities
            self._world = (
                self.kept.volume_number(self.slices.volume), self.kept.model_number(self.model),
                self.slices.axis, self.slices.spacing,
            )  # fmt: skip
        forward, backward = self.orders(first, last)
        for leg in legs(forward, self.drawn):
            for swept in self._swept(leg):
                self._forward[swept.index] = swept
                yield swept
        yield from self._fused(backward)

    def _fused(self, order: range) -> Iterator[SweptSlice]:
        """The backward sweep, fused with the forward one, slice by slice: between two drawn slices even a slice that
        neither reached is known."""
        found = (
            swept
            for leg in legs(order, self.drawn)
            for swept in until_met(self._forward, self._swept(leg), leg, self.drawn)
        )
        fusion, back = Fusion(self.drawn, self.slices.spacing, self.hints), next(found, None)
        for index in order:
            reached = back is not None and back.index == index
            if reached or any(fusion.ends(label, index) for label in self.drawn):
                fused = fusion(index, self._forward.get(index), back if reached else None)
                if fused is not None:
                    yield fused
            if reached:
                back = next(found, None)

    def _swept(self, leg: range) -> Iterator[SweptSlice]:
        """What the sweep finds on a leg: first what is known of it, then what must be computed."""
        drawn = {label: {i: mask for i, mask in masks.items() if i in leg} for label, masks in self.drawn.items()}
        if self.kept is None:
            yield from self._sweep(leg, drawn).run(leg)
            return
        known, marks = [], self._digests(leg, drawn)
        for mark in marks:
            found = self.kept.sweeps.get(mark)
            if found is None:
                break
            known.append(found)
        for found in known:
            if self.cancelled is not None and self.cancelled():
                raise Cancelled
            if found.swept is not None:
                yield found.swept
        if len(known) < len(leg):
            yield from self._compute(leg, drawn, known, marks)

    def _compute(self, leg: range, drawn: Drawn, known: list[Found], marks: list[bytes]) -> Iterator[SweptSlice]:
        """Go on after what is known, from the last sweep that was set aside on the way."""
        assert self.kept is not None
        sweep, start = self._sweep(leg, drawn), 0
        for position in reversed(range(len(known))):
            if (aside := known[position].sweep) is not None:
                sweep = take_up(aside, sweep.features, drawn, self.hints, self.cancelled)
                start = position + 1
                break
        unknown = len(known)
        for swept in sweep.run(leg[start:], after=leg[start - 1] if start else None):
            position = leg.index(swept.index)
            if position < len(known):
                continue
            self._keep_unreached(marks[unknown:position])
            aside = set_aside(sweep) if position % _SET_ASIDE == _SET_ASIDE - 1 else None
            self.kept.sweeps.put(marks[position], Found(swept, aside))
            unknown = position + 1
            self.stepped += 1
            yield swept
        self._keep_unreached(marks[unknown:])

    def _keep_unreached(self, marks: list[bytes]) -> None:
        assert self.kept is not None
        for mark in marks:
            self.kept.sweeps.put(mark, Found(None))

    def _sweep(self, leg: range, drawn: Drawn) -> Sweep:
        resolution = self._resolution
        intensities = intensities_at(leg[0], drawn, resolution, self.slices, self.model)
        if self.kept is None:
            features = Features(self.slices, self.model, intensities)
        else:
            features = Features(self.slices, self.model, intensities, self.kept.features, self._world)
        return Sweep(
            features, drawn, resolution=resolution, verification=self.verification, hints=self.hints,
            cancelled=self.cancelled,
        )  # fmt: skip

    def _digests(self, leg: range, drawn: Drawn) -> list[bytes]:
        return digests((self._world, self._resolution, self.verification, sorted(drawn)), leg, drawn, self.hints)
