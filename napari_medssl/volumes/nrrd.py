"""NRRD headers: a check before ITK reads.

Fields as in the NRRD format's definition (teem.sourceforge.net/nrrd/format.html); those of a segmentation are in
`segments`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

from napari_medssl.errors import BadInput
from napari_medssl.volumes.formats import check_packed, cut_short, damaged, in_colour

_TYPE_BYTES = {"char": 1, "short": 2, "int": 4, "long": 8, "float": 4, "double": 8}
_COLOUR_KINDS = ("rgb", "hsv", "xyz", "3-color", "4-color")
_LIST_KINDS = ("list", "time")
_SPACE_KINDS = ("domain", "space", "???", "none")


@dataclass(frozen=True)
class NrrdHeader:
    """The fields of a NRRD header, lower case keys, and what follows from them.

    Attributes
    ----------
    fields : the ``key: value`` lines
    pairs : the ``key:=value`` lines, where programs keep what is their own
    sizes : samples along each axis, fastest first
    kinds : what each axis is ("domain", "list", ...), empty where the file does not say
    """

    fields: dict[str, str]
    pairs: dict[str, str]
    sizes: tuple[int, ...]
    kinds: tuple[str, ...] = field(default=())

    @property
    def states_spacing(self) -> bool:
        return "space directions" in self.fields or "spacings" in self.fields

    @property
    def segment_layers(self) -> int:
        """How many layers of overlapping segments a Slicer segmentation has; 0 where it is none."""
        layers = {value for key, value in self.pairs.items() if re.fullmatch(r"Segment\d+_Layer", key)}
        return len(layers)

    @property
    def data_bytes(self) -> int:
        name = self.fields.get("type", "").lower()
        known = next((size for word, size in _TYPE_BYTES.items() if word in name.replace("unsigned", "")), 1)
        wide = re.search(r"int(8|16|32|64)", name)
        return math.prod(self.sizes) * (int(wide.group(1)) // 8 if wide else known)


def check_nrrd(path: Path) -> NrrdHeader:
    """Read and check the header of a NRRD file (.nrrd, .nhdr).

    Raises
    ------
    BadInput
        A missing or unreadable field, a spacing that is not positive, colours or vectors, a voxel file that is
        missing, or sizes that the file cannot hold.
    """
    header, offset = _parse(path)
    if not header.sizes or min(header.sizes) < 1:
        raise damaged(path)
    _check_spacing(path, header)
    for size, kind in zip(header.sizes, header.kinds, strict=False):
        if kind.startswith(_COLOUR_KINDS):
            raise in_colour(path)
        if size > 1 and kind not in _SPACE_KINDS + _LIST_KINDS:
            raise BadInput(
                f"{path} holds {size} numbers per voxel ({kind}); a scan has one, so save one component on its own."
            )
    data = header.fields.get("data file", header.fields.get("datafile", ""))
    encoding = header.fields.get("encoding", "raw").lower()
    if not data:
        data_path = path
    elif data.lower().startswith("list") or "%" in data:
        return header
    else:
        if not (path.parent / data).is_file():
            raise BadInput(f"{path} lacks its voxel file {data}; put both into the same folder.")
        data_path, offset = path.parent / data, 0
    if header.fields.keys() & {"line skip", "lineskip", "byte skip", "byteskip"}:
        return header
    if encoding == "raw" and data_path.stat().st_size - offset < header.data_bytes:
        raise cut_short(path)
    if encoding in ("gzip", "gz"):
        check_packed(data_path, header.data_bytes, offset)
    return header


def _parse(path: Path) -> tuple[NrrdHeader, int]:
    """The header, and the position in the file where it ends."""
    fields: dict[str, str] = {}
    pairs: dict[str, str] = {}
    with open(path, "rb") as handle:
        handle.readline()
        while line := handle.readline(1 << 16):
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            if not text:
                break
            if text.startswith("#"):
                continue
            key, is_pair, value = text.partition(":=")
            if is_pair:
                pairs[key.strip()] = value
                continue
            key, colon, value = text.partition(":")
            if not colon:
                raise damaged(path)
            fields[key.strip().lower()] = value.strip()
        offset = handle.tell()
    try:
        sizes = tuple(int(word) for word in fields["sizes"].split())
        if len(sizes) != int(fields["dimension"]):
            raise damaged(path)
    except (KeyError, ValueError):
        raise damaged(path) from None
    kinds = tuple(word.lower() for word in fields.get("kinds", "").split())
    return NrrdHeader(fields, pairs, sizes, kinds), offset


def _check_spacing(path: Path, header: NrrdHeader) -> None:
    vectors = re.findall(r"none|\([^)]*\)", header.fields.get("space directions", "").lower())
    words = header.fields.get("spacings", "").split()
    lengths: list[float] = []
    try:
        lengths += [math.hypot(*(float(v) for v in text.strip("()").split(","))) for text in vectors if text != "none"]
        # An axis without a spacing of its own, such as a list of frames, has "nan".
        spatial = [
            word
            for word, kind in zip(words, header.kinds or ("domain",) * len(words), strict=False)
            if kind in _SPACE_KINDS
        ]
        lengths += [float(word) for word in spatial]
    except ValueError:
        raise damaged(path) from None
    if not all(math.isfinite(length) and length > 0 for length in lengths):
        shown = " x ".join(f"{length:g}" for length in lengths)
        raise BadInput(f"{path} states a voxel spacing of {shown} mm; correct its header first.")
