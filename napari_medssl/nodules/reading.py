"""The reading of one scan: its findings, what the person decided about each, and every step taken back or again."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, field_validator

from napari_medssl.errors import BadInput
from napari_medssl.nodules.finding import Nodule

State = Literal["unread", "accepted", "rejected"]
Origin = Literal["model", "hand", "imported"]
UNSURE_MM = 3.0  # marks of one place may lie so far apart, however small they are


class Sizes(BaseModel):
    """What was measured on a finding's mask: axes on its largest slice in mm, and its volume in ml."""

    model_config = ConfigDict(frozen=True)

    long_mm: float
    short_mm: float
    volume_ml: float


class Finding(BaseModel):
    """One line of the reading list.

    Attributes
    ----------
    number : stays with it
    centre : (x, y, z) in world mm, LPS
    diameter : mm; nan where nobody measured it
    score : the detector's, 0 to 1; 1 for what a person marked
    state : what the person decided
    origin : who marked it
    note : the person's own words
    sizes : measured on its mask, where it has one
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    number: int
    centre: tuple[float, float, float]
    diameter: float
    score: float = 1.0
    state: State = "unread"
    origin: Origin = "model"
    note: str = ""
    sizes: Sizes | None = None

    @field_validator("centre")
    @classmethod
    def _finite(cls, centre: tuple[float, float, float]) -> tuple[float, float, float]:
        if not all(map(math.isfinite, centre)):
            raise ValueError("a centre must be finite")
        return centre

    @property
    def nodule(self) -> Nodule:
        """Without what was decided."""
        return Nodule(self.centre, self.diameter, self.score)

    @property
    def radius(self) -> float:
        """mm; of a finding that nobody measured, as `Nodule.radius`."""
        return self.nodule.radius


@dataclass(frozen=True)
class Step:
    """One action: what it was, on which finding, and all findings before and after it."""

    key: int
    what: str
    number: int | None
    before: tuple[Finding, ...]
    after: tuple[Finding, ...]


class Reading:
    """The findings of a scan, and the steps that made them what they are.

    Attributes
    ----------
    version : counts the changes, those of undo and redo too
    kept_version : the version that is in a file of the person's own
    """

    def __init__(self, findings: Iterable[Finding] = ()) -> None:
        self._findings = tuple(findings)
        self._past: list[Step] = []
        self._future: list[Step] = []
        self._keys = 0
        self._next = max((finding.number for finding in self._findings), default=0) + 1
        self.version = self.kept_version = 0

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of them, the surest first."""
        return tuple(sorted(self._findings, key=lambda finding: (-finding.score, finding.number)))

    def __getitem__(self, number: int) -> Finding:
        return next(finding for finding in self._findings if finding.number == number)

    def __contains__(self, number: object) -> bool:
        return any(finding.number == number for finding in self._findings)

    @property
    def unkept(self) -> bool:
        """Whether there is anything that no file of the person's own holds."""
        return self.version != self.kept_version

    def shown(self, least: float) -> tuple[Finding, ...]:
        """Findings with a score of `least` and more, and all that a person marked or decided about."""
        return tuple(one for one in self.findings if read_or_marked(one) or one.score >= least)

    def next_unread(self, after: int | None, least: float) -> int | None:
        """The next finding in the list that nobody decided about, from the top again at its end; None if none."""
        shown = self.shown(least)
        place = next((at for at, one in enumerate(shown) if one.number == after), -1)
        turned = [*shown[place + 1 :], *shown[: place + 1]]
        return next((one.number for one in turned if one.state == "unread"), None)

    # ---- steps

    def found(self, nodules: Sequence[Nodule]) -> int:
        """A detector's marks in place of its earlier ones; what was read or marked by hand stays.

        Returns how many are new: a mark at the place of a finding that stays is no other finding.
        """
        kept = [one for one in self._findings if read_or_marked(one)]
        new = [one for one in nodules if not any(same_place(one, old.nodule) for old in kept)]
        self._step("look for nodules", None, [*kept, *self._numbered(new, "model")])
        return len(new)

    def import_findings(self, findings: Sequence[Finding]) -> int:
        """Add earlier findings. Returns how many are new.

        One at the place of a finding that a person marked or decided about is left out; a detector's mark that nobody
        has looked at gives way to it. Numbers stay as they are in a list that nothing was in before.
        """
        there = [one.nodule for one in self._findings if read_or_marked(one)]
        marks = [one.nodule for one in self._findings]
        new = [
            one for one in findings
            if not any(same_place(one.nodule, old) for old in (there if read_or_marked(one) else marks))
        ]  # fmt: skip
        stay = [
            one for one in self._findings
            if read_or_marked(one) or not any(same_place(other.nodule, one.nodule) for other in new)
        ]  # fmt: skip
        if self._next > 1 or not all(one.number for one in new):
            new = [one.model_copy(update={"number": self._next + at}) for at, one in enumerate(new)]
        if new:
            self._next = max(self._next, *(one.number + 1 for one in new))
            self._step("import findings", None, [*stay, *new])
        return len(new)

    def add(self, centre: Sequence[float], diameter: float) -> int:
        """A finding by hand, accepted; returns its number."""
        (made,) = self._numbered([Nodule(_point(centre), diameter)], "hand")
        self._step("add a finding", made.number, [*self._findings, made.model_copy(update={"state": "accepted"})])
        return made.number

    def decide(self, number: int, state: State) -> None:
        """Accept, reject, or take the decision back."""
        words = {"accepted": "accept", "rejected": "reject", "unread": "put back"}[state]
        self._change(number, words, state=state)

    def move(self, number: int, centre: Sequence[float]) -> int | None:
        """Put a finding's centre elsewhere; what was measured there is no longer true.

        Returns the step's key, None if it changes nothing.
        """
        return self._change(number, "move", centre=Nodule(_point(centre), 1.0).centre, sizes=None)

    def resize(self, number: int, diameter: float) -> None:
        """Give a finding another diameter, in mm."""
        self._change(number, "resize", diameter=Nodule((0, 0, 0), diameter).diameter)

    def annotate(self, number: int, note: str) -> None:
        """Write a note on a finding; an empty one rubs it out."""
        self._change(number, "note", note=" ".join(note.split()))

    def measured(self, number: int, sizes: Sizes) -> int | None:
        """Note what was measured; the diameter becomes the mean of both axes.

        Returns the step's key, None if it changes nothing.
        """
        mean = (sizes.long_mm + sizes.short_mm) / 2
        return self._change(number, "measure", sizes=sizes, diameter=mean)

    def remove(self, number: int) -> None:
        """Take a finding out of the list that the person put into it; a detector's is rejected instead."""
        if self[number].origin == "model":
            return self.decide(number, "rejected")
        self._step("remove", number, [one for one in self._findings if one.number != number])
        return None

    def undo(self) -> Step | None:
        """Take the last step back; None if there is none."""
        return self._turn(self._past, self._future)

    def redo(self) -> Step | None:
        """Take the step again that was taken back last; None if there is none."""
        return self._turn(self._future, self._past)

    @property
    def can_undo(self) -> str:
        """What undo would take back, "" if nothing."""
        return self._past[-1].what if self._past else ""

    @property
    def can_redo(self) -> str:
        return self._future[-1].what if self._future else ""

    def _turn(self, source: list[Step], target: list[Step]) -> Step | None:
        if not source:
            return None
        step = source.pop()
        target.append(step)
        self._findings = step.before if target is self._future else step.after
        self.version += 1
        return step

    def _change(self, number: int, what: str, **changes: object) -> int | None:
        old = self[number]
        new = old.model_copy(update=changes)
        if new == old:
            return None
        return self._step(what, number, [new if one is old else one for one in self._findings])

    def _step(self, what: str, number: int | None, findings: Sequence[Finding]) -> int:
        self._keys += 1
        self._past.append(Step(self._keys, what, number, self._findings, tuple(findings)))
        self._future.clear()
        self._findings = tuple(findings)
        self.version += 1
        return self._keys

    def _numbered(self, nodules: Sequence[Nodule], origin: Origin) -> list[Finding]:
        first, self._next = self._next, self._next + len(nodules)
        return [
            Finding(number=first + at, centre=one.centre, diameter=one.diameter, score=one.score, origin=origin)
            for at, one in enumerate(nodules)
        ]


def imported(nodule: Nodule, state: State = "unread") -> Finding:
    """A finding of another list, which has no number yet."""
    return Finding(
        number=0, centre=nodule.centre, diameter=nodule.diameter, score=nodule.score, state=state, origin="imported"
    )


def read_or_marked(finding: Finding) -> bool:
    """Whether a person decided about a finding, or marked it."""
    return finding.state != "unread" or finding.origin != "model"


def same_place(one: Nodule, other: Nodule) -> bool:
    """Whether two marks mean one nodule: either's centre lies in the other, or both within `UNSURE_MM`."""
    return math.dist(one.centre, other.centre) < max(one.radius, other.radius, UNSURE_MM)


def _point(centre: Sequence[float]) -> tuple[float, float, float]:
    if len(centre) != 3:
        raise BadInput(f"A nodule's centre must be three numbers of mm (x, y, z), not {len(centre)}.")
    x, y, z = (float(value) for value in centre)
    return x, y, z
