"""What a person says about the labels they draw: a name, a colour, whether it is finished, whether it is locked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from napari_medssl.errors import BadInput
from napari_medssl.volumes.anatomy import codes, terminology
from napari_medssl.volumes.segments import Colour, Segment

_LONGEST = 200  # characters of a name


@dataclass(frozen=True)
class Structure:
    """One label.

    Attributes
    ----------
    name : empty while nobody has given it one
    colour : red, green, blue in 0..1; None for the layer's own colour
    locked : nothing may change its voxels
    accepted : the person says that it is right
    fields : what its file said beyond that, see `Segment.fields`
    """

    name: str = ""
    colour: Colour | None = None
    locked: bool = False
    accepted: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)


class Structures:
    """The structures of one label volume by their labels.

    A label that nobody said anything about has the default `Structure`.
    """

    def __init__(self, known: Mapping[int, Structure] | None = None) -> None:
        self._known = dict(known or {})

    def __getitem__(self, label: int) -> Structure:
        return self._known.get(label, Structure())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Structures) and self._known == other._known

    __hash__ = None  # type: ignore[assignment]

    @property
    def labels(self) -> list[int]:
        """The labels that something is known of."""
        return sorted(self._known)

    @property
    def locked(self) -> frozenset[int]:
        return frozenset(label for label, one in self._known.items() if one.locked)

    @property
    def names(self) -> dict[int, str]:
        """{label: name} of those that have one."""
        return {label: one.name for label, one in sorted(self._known.items()) if one.name}

    def called(self, label: int) -> str:
        """Its name, or "label 3" where it has none."""
        return self[label].name or f"label {label}"

    def rename(self, label: int, name: str) -> None:
        """Give a name; a name of known anatomy also says what the structure is, for the files that note it.

        An empty name takes the name away.
        """
        name = " ".join(name.split())[:_LONGEST]
        named = replace(self[label], name=name)
        if codes(name) is not None:
            named = replace(named, fields=self._segment(named).with_tags(terms=terminology(name)).fields)
        self._set(label, named)

    def paint(self, label: int, colour: Colour | None) -> None:
        """Give a colour."""
        self._set(label, replace(self[label], colour=colour))

    def lock(self, label: int, on: bool = True) -> None:
        """Lock or unlock; what is unlocked is not accepted any more."""
        self._set(label, replace(self[label], locked=on, accepted=on and self[label].accepted))

    def accept(self, label: int) -> None:
        """It is right: lock it."""
        self._set(label, replace(self[label], locked=True, accepted=True))

    def next_free(self, present: Iterable[int], highest: int) -> int:
        """The smallest label from 1 that is neither in `present` nor known.

        Raises
        ------
        BadInput
            There is none up to `highest`, the largest number that the volume can hold.
        """
        taken = {*present, *self._known}
        label = next(number for number in range(1, len(taken) + 2) if number not in taken)
        if label > highest:
            raise BadInput(f"All labels up to {highest} are taken; save this mask and begin another one.")
        return label

    def segments(self) -> dict[int, Segment]:
        """What to write into a file about each label."""
        return {label: self._segment(one) for label, one in sorted(self._known.items())}

    @classmethod
    def of_segments(cls, segments: Mapping[int, Segment]) -> Structures:
        """As a file has them; what it marks as completed is accepted and locked."""
        return cls(
            {
                label: Structure(segment.name, segment.colour, segment.finished, segment.finished, dict(segment.fields))
                for label, segment in segments.items()
            }
        )

    def renewed(self, segments: Mapping[int, Segment]) -> Structures:
        """The same, with what a file says now: names and colours of the file, locks as they were."""
        renewed = dict(self._known)
        for label, one in self.of_segments(segments)._known.items():
            was = self._known.get(label, one)
            renewed[label] = replace(one, locked=was.locked, accepted=was.accepted)
        return type(self)(renewed)

    def as_json(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        plain = {str(label): asdict(one) for label, one in sorted(self._known.items())}
        for one in plain.values():
            one["colour"] = None if one["colour"] is None else list(one["colour"])
        return plain

    @classmethod
    def from_json(cls, plain: Any) -> Structures:
        """From `as_json`; what cannot be understood is left out."""
        known = {}
        for key, one in plain.items() if isinstance(plain, Mapping) else ():
            if not (str(key).isascii() and str(key).isdigit() and int(key) and isinstance(one, Mapping)):
                continue
            fields = one.get("fields")
            known[int(key)] = Structure(
                name=str(one.get("name") or "")[:_LONGEST],
                colour=_colour(one.get("colour")),
                locked=one.get("locked") is True,
                accepted=one.get("accepted") is True,
                fields={str(k): str(v) for k, v in fields.items()} if isinstance(fields, Mapping) else {},
            )
        return cls(known)

    def _set(self, label: int, one: Structure) -> None:
        if one == Structure():
            self._known.pop(label, None)
        else:
            self._known[label] = one

    @staticmethod
    def _segment(one: Structure) -> Segment:
        segment = Segment(one.name, one.colour, dict(one.fields))
        if one.accepted:
            return segment.with_tags(status="completed")
        return segment.with_tags(status="inprogress") if segment.finished else segment


def _colour(value: Any) -> Colour | None:
    if not (isinstance(value, list | tuple) and len(value) == 3):
        return None
    if not all(isinstance(part, int | float) and 0 <= part <= 1 for part in value):
        return None
    red, green, blue = (float(part) for part in value)
    return red, green, blue
