"""Elements of a DICOM file, byte by byte, where SimpleITK does not look or trusts them too much.

The encoding is that of DICOM PS3.5, section 7.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import BinaryIO, Literal

ROWS = (0x0028, 0x0010)
PIXEL_DATA = (0x7FE0, 0x0010)
_PREAMBLE = 132
_TRANSFER_SYNTAX = 0x0010  # element of the meta group
_IMPLICIT, _BIG, _DEFLATED = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
_LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
_UNDEFINED = 0xFFFFFFFF
_DECIMALS = re.compile(rb"[0-9 .eE+\-\\\x00]*")


def elements_fit(path: Path) -> bool:
    """Whether the elements of a file end within it, as far as their lengths are stated.

    GDCM allots an element's stated length before it reads it, which for a damaged file can be gigabytes.
    """
    size = path.stat().st_size
    with open(path, "rb") as handle:
        start = handle.read(_PREAMBLE)
        position = _PREAMBLE if start[128:] == b"DICM" else 0
        syntax = ""
        while position + 8 <= size:
            handle.seek(position)
            first = handle.read(2)
            meta = first == b"\x02\x00"  # the meta group is little-endian and explicit, whatever follows it
            if not meta and syntax == _DEFLATED:
                return True
            order: Literal["little", "big"] = "big" if syntax == _BIG and not meta else "little"
            explicit = _is_explicit(handle) if meta or not syntax else syntax != _IMPLICIT
            element, length = _read_length(handle, explicit, order)
            if length == _UNDEFINED:
                return True
            position = handle.tell() + length
            if position > size:
                return False
            if meta and element == _TRANSFER_SYNTAX:
                syntax = handle.read(length).decode("ascii", "replace").strip(" \0")
    return True


def find_values(header: bytes, tag: tuple[int, int], count: int) -> list[tuple[float, ...]]:
    """The values, each of `count` decimal numbers, of every element with `tag`, those inside sequences too.

    Little-endian files of explicit and implicit representation.
    """
    found = []
    for match in re.finditer(re.escape(tag_bytes(tag)) + rb"(?:DS(..)|(..)\0\0)", header, re.DOTALL):
        length = int.from_bytes(match.group(1) or match.group(2), "little")
        value = header[match.end() : match.end() + length]
        if _DECIMALS.fullmatch(value):
            numbers = decimals(value.decode("ascii"))
            if len(numbers) == count:
                found.append(numbers)
    return found


def tag_bytes(tag: tuple[int, int]) -> bytes:
    """A tag as it stands in a little-endian file."""
    return tag[0].to_bytes(2, "little") + tag[1].to_bytes(2, "little")


def decimals(text: str) -> tuple[float, ...]:
    """The numbers of a decimal string; none where it is not one."""
    try:
        return tuple(float(word) for word in text.replace("\0", "").split("\\") if word.strip())
    except ValueError:
        return ()


def _is_explicit(handle: BinaryIO) -> bool:
    handle.seek(2, os.SEEK_CUR)
    name = handle.read(2)
    handle.seek(-4, os.SEEK_CUR)
    return name.isalpha() and name.isupper()


def _read_length(handle: BinaryIO, explicit: bool, order: Literal["little", "big"]) -> tuple[int, int]:
    """The element number and the length of the value that follows; `handle` stands behind the group."""
    element = int.from_bytes(handle.read(2), order)
    if not explicit:
        return element, int.from_bytes(handle.read(4), order)
    if handle.read(2) not in _LONG:
        return element, int.from_bytes(handle.read(2), order)
    handle.seek(2, os.SEEK_CUR)
    return element, int.from_bytes(handle.read(4), order)
