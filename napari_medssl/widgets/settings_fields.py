"""What a form must know of a recipe's settings: titles, kinds, ranges, help, and values as text. No Qt."""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

Kind = Literal["switch", "choice", "whole", "number", "duration", "text", "value"]

_UNITS = {
    "s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "d": 86400, "day": 86400,
}  # fmt: skip
_SECONDS = re.compile(r"\s*\(s\)$")


@dataclass(frozen=True)
class FieldView:
    """One setting, as a form shows it.

    Attributes
    ----------
    kind : "value" is anything else, written as JSON
    choices : of a choice, the values
    basic : whether it is shown first
    bounds : the range in words, "" where there is none
    """

    name: str
    title: str
    help: str
    kind: Kind
    default: Any
    choices: tuple[Any, ...] = ()
    basic: bool = False
    bounds: str = ""

    @property
    def hint(self) -> str:
        """For a tooltip: help, range and default."""
        parts = [self.help, self.bounds and f"{self.bounds}.", f"Usually {self.in_words(self.default)}."]
        return "\n".join(part for part in parts if part)

    def in_words(self, value: Any) -> str:
        """The value as people read it."""
        if self.kind == "switch":
            return "on" if value else "off"
        return self.to_text(value) or "empty"

    def to_text(self, value: Any) -> str:
        """The value as it stands in an input line."""
        if self.kind == "duration" and isinstance(value, int | float):
            return duration_text(value)
        if isinstance(value, float):
            return f"{value:.6g}"
        if isinstance(value, str):
            return value
        return "" if value is None else json.dumps(value)

    def from_text(self, text: str) -> Any:
        """The value that a text stands for; the text itself where it stands for none, for pydantic to refuse."""
        text = text.strip()
        if self.kind == "text":
            return text
        if self.kind == "duration":
            seconds = parse_duration(text)
            return text if seconds is None else seconds
        if self.kind in ("whole", "number") and text.count(",") == 1 and "." not in text:
            text = text.replace(",", ".")  # a decimal comma
        try:
            return json.loads(text)
        except ValueError:
            try:
                return float(text)  # ".5" and "1." are no JSON
            except ValueError:
                return text if text or self.kind != "value" else None


def duration_text(seconds: float) -> str:
    """Such as "45 s", "10 min", "1.5 h"; exact, so that it can be read back."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size and (round(seconds / size, 3) * size) == seconds:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s" if seconds else "0"


def parse_duration(text: str) -> float | None:
    """Seconds from "600", "10 min", "1 h 30 min", "1:30" (minutes and seconds); None where it is none of these."""
    text = text.strip().lower().replace(",", ".")
    if match := re.fullmatch(r"(\d+):(\d\d)(?::(\d\d))?", text):
        first, second, third = match.groups()
        return float(first) * 60 + float(second) if third is None else _clock(first, second, third)
    if re.fullmatch(r"\d*\.?\d+|\d+\.", text):
        return float(text)
    parts = re.findall(r"(\d*\.?\d+)\s*([a-z]+)", text)
    if not parts or re.sub(r"(\d*\.?\d+)\s*([a-z]+)", "", text).strip():
        return None
    units = [_UNITS.get(unit) or _UNITS.get(unit.rstrip("s")) for _, unit in parts]
    if None in units:
        return None
    return sum(float(number) * (unit or 0) for (number, _), unit in zip(parts, units, strict=True))


def _clock(hours: str, minutes: str, seconds: str) -> float:
    return float(hours) * 3600 + float(minutes) * 60 + float(seconds)


def fields_of(model: type[BaseModel], leave_out: Iterable[str] = ()) -> list[FieldView]:
    """The settings of a model, in its order, without those named."""
    left_out = set(leave_out)
    return [_view(name, info) for name, info in model.model_fields.items() if name not in left_out]


def wrong_values(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, str]:
    """{field: what is wrong with its value, a sentence}; "" as field for what concerns several."""
    try:
        model.model_validate(dict(values))
    except ValidationError as error:
        found: dict[str, str] = {}
        for one in error.errors():
            name = str(one["loc"][0]) if one["loc"] else ""
            info = model.model_fields.get(name)
            found.setdefault(name, _sentence(dict(one), _view(name, info) if info is not None else None))
        return found
    return {}


def _view(name: str, info: FieldInfo) -> FieldView:
    title = info.title or name.replace("_", " ").capitalize()
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, Mapping) else {}
    default = info.default_factory() if info.default_factory is not None else info.default  # type: ignore[call-arg]
    kind, choices = _kind(info.annotation, title)
    return FieldView(
        name=name,
        title=_SECONDS.sub("", title) if kind == "duration" else title,
        help=info.description or "",
        kind=kind,
        default=None if default is PydanticUndefined else default,
        choices=choices,
        basic=bool(extra.get("basic")),
        bounds=_bounds(info) if kind in ("whole", "number") else "",
    )


def _kind(annotation: Any, title: str) -> tuple[Kind, tuple[Any, ...]]:
    if typing.get_origin(annotation) is Literal:
        return "choice", typing.get_args(annotation)
    if annotation is bool:
        return "switch", ()
    if annotation in (int, float) and _SECONDS.search(title):
        return "duration", ()
    plain: dict[Any, Kind] = {int: "whole", float: "number", str: "text"}
    if annotation in plain:
        return plain[annotation], ()
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        inner = [arg for arg in typing.get_args(annotation) if arg is not type(None)]
        if len(inner) == 1 and typing.get_origin(inner[0]) is Literal:
            return "choice", (None, *typing.get_args(inner[0]))
    return "value", ()


def _limits(info: FieldInfo) -> dict[str, Any]:
    names = ("ge", "gt", "le", "lt", "multiple_of")
    return {
        name: getattr(constraint, name)
        for constraint in info.metadata
        for name in names
        if getattr(constraint, name, None) is not None
    }


def _bounds(info: FieldInfo) -> str:
    limits = _limits(info)
    low = f"{limits['ge']:g}" if "ge" in limits else f"more than {limits['gt']:g}" if "gt" in limits else ""
    high = f"{limits['le']:g}" if "le" in limits else f"less than {limits['lt']:g}" if "lt" in limits else ""
    words = f"{low} to {high}" if low and high else f"up to {high}" if high else f"{low} or more" if low else ""
    if "gt" in limits and not high:
        words = low
    if "multiple_of" in limits:
        words = f"{words}, a multiple of {limits['multiple_of']}".lstrip(", ")
    return words[:1].upper() + words[1:]


def _sentence(error: dict[str, Any], view: FieldView | None) -> str:
    context, given = error.get("ctx", {}), error.get("input")
    kind = str(error["type"])
    if view is not None and view.kind == "duration":
        return "A time is wanted here, such as 45 s, 10 min or 1.5 h."
    if kind in ("int_parsing", "int_type", "int_from_float"):
        return "A whole number is wanted here."
    if kind in ("float_parsing", "float_type", "finite_number"):
        return "A number is wanted here."
    if kind in ("greater_than_equal", "greater_than", "less_than_equal", "less_than", "multiple_of"):
        bounds = view.bounds if view is not None else ""
        return f"It must be {bounds[:1].lower()}{bounds[1:]}." if bounds else f"{error['msg']}."
    if kind == "string_pattern_mismatch":
        return "Small letters, digits, dots and dashes only, a letter or digit first."
    if kind == "string_too_long":
        return f"At most {context.get('max_length')} characters."
    if kind == "value_error":
        message = str(error["msg"]).removeprefix("Value error, ")
        return message if message.endswith(".") else f"{message}."
    return f"{error['msg']} (given: {given!r})."
