"""Kinds of image files: what their names say, and what the bytes they begin with say."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path

from napari_medssl.errors import BadInput

# Longer extensions stand before the shorter ones they end with.
EXTENSIONS: dict[str, tuple[str, ...]] = {
    "NIfTI": (".nii.gz", ".nii", ".hdr.gz", ".hdr", ".img.gz", ".img"),
    "NRRD": (".seg.nrrd", ".nrrd", ".nhdr"),
    "MetaImage": (".mha", ".mhd"),
    "DICOM": (".dcm", ".dicom", ".ima"),
}
READABLE = "NIfTI (.nii, .nii.gz, .hdr with .img), NRRD (.nrrd, .nhdr), MetaImage (.mha, .mhd) or DICOM"
# The best compression that deflate can reach; a file that promises more than this is damaged.
_DEFLATE_LIMIT = 1032
_CHUNK = 1 << 20


def extension(path: str | os.PathLike[str]) -> str:
    """The known extension of a file name, lower case (".nii.gz"), or an empty string."""
    name = Path(path).name.lower()
    for extensions in EXTENSIONS.values():
        for known in extensions:
            if name.endswith(known) and len(name) > len(known):
                return known
    return ""


def plain_name(path: str | os.PathLike[str]) -> str:
    """A file's name without its extension: "scan" of "folder/scan.nii.gz"."""
    name = Path(path).name
    known = extension(name)
    return name[: -len(known)] if known else name


def kind_by_name(path: str | os.PathLike[str]) -> str:
    """ "NIfTI", "NRRD", "MetaImage" or "DICOM" by the file's name, or an empty string."""
    known = extension(path)
    return next((kind for kind, extensions in EXTENSIONS.items() if known in extensions), "")


def kind_by_content(start: bytes) -> str:
    """The kind of a file that begins with `start` (uncompressed, 352 bytes or more), or an empty string."""
    if start[:4] in (b"\x5c\x01\x00\x00", b"\x00\x00\x01\x5c"):  # 348, the size of a NIfTI-1 or Analyze header
        return "NIfTI"
    if start[:4] in (b"\x1c\x02\x00\x00", b"\x00\x00\x02\x1c"):  # 540, NIfTI-2
        return "NIfTI"
    if start[:4] == b"NRRD":
        return "NRRD"
    if start[128:132] == b"DICM":
        return "DICOM"
    if start[:2] in (b"\x08\x00", b"\x02\x00") and start[3:4] == b"\x00":  # a data set without the usual preamble
        return "DICOM"
    text = start[:256].lstrip().split(b"=")[0].strip().lower()
    return "MetaImage" if text in (b"objecttype", b"ndims", b"comment", b"objectsubtype") else ""


def is_gzip(path: Path) -> bool:
    """Whether the file's bytes are gzip-compressed, whatever its name says."""
    with open(path, "rb") as handle:
        return handle.read(2) == b"\x1f\x8b"


def read_start(path: Path, count: int = 1024) -> bytes:
    """The first `count` bytes of a file, decompressed where it is a gzip file; fewer where there are fewer."""
    opener = gzip.open if is_gzip(path) else open
    with opener(path, "rb") as handle:
        try:
            return bytes(handle.read(count))
        except (EOFError, zlib.error, gzip.BadGzipFile):
            return b""


def check_kind(path: Path) -> str:
    """The kind of an image file, by its content where that is plain, checked against its name.

    Raises
    ------
    BadInput
        The file is empty, of no known kind, or holds something else than its name says.
    """
    if path.stat().st_size == 0:
        raise BadInput(f"{path} is empty (0 bytes); copy it again from where it came from.")
    named, held = kind_by_name(path), kind_by_content(read_start(path))
    if not named:
        if held == "DICOM":
            return held
        raise BadInput(f"{path} is not a kind of file that can be opened here; use {READABLE}.")
    if held == named or extension(path) in (".img", ".img.gz"):  # an .img file begins with voxels
        if held == "NIfTI" and extension(path) == ".nii" and is_gzip(path):
            raise BadInput(f"{path} is compressed although its name does not say so; rename it to {path.name}.gz.")
        return named
    if held:
        suggestion = plain_name(path) + EXTENSIONS[held][1 if held == "NRRD" else 0]
        raise BadInput(f"{path} holds a {held} image although its name says {named}; rename it to {suggestion}.")
    if is_gzip(path) and not read_start(path):
        raise damaged(path)
    raise BadInput(f"{path} does not hold a {named} image although its name says so; check what it is.")


def cut_short(path: Path) -> BadInput:
    """The error for a file with fewer bytes of voxels than its header promises."""
    return BadInput(
        f"{path} is cut short: its header promises more voxels than the file holds; "
        "copy it again from where it came from."
    )


def damaged(path: Path) -> BadInput:
    """The error for a file whose checksum is wrong or whose content makes no sense."""
    return BadInput(f"{path} is damaged; copy it again from where it came from.")


def in_colour(path: Path) -> BadInput:
    """The error for a colour image."""
    return BadInput(f"{path} is a colour image; a scan has one grey value per voxel, so convert it to grey first.")


def check_possible(path: Path, expected: int, stored: int) -> None:
    """Refuse a compressed file of `stored` bytes that promises more than any compression could hold."""
    if expected > stored * _DEFLATE_LIMIT + _CHUNK:
        raise cut_short(path)


def check_gzip(path: Path, expected: int) -> None:
    """Decompress a gzip file once, without keeping it, and refuse it where it is damaged or short.

    ITK reads a truncated or damaged .nii.gz without a word and leaves the rest of the volume blank.

    Raises
    ------
    BadInput
        Fewer than `expected` bytes come out, or the checksum is wrong.
    """
    check_possible(path, expected, path.stat().st_size)
    found = 0
    try:
        with gzip.open(path, "rb") as handle:
            while chunk := handle.read(_CHUNK):
                found += len(chunk)
    except EOFError:
        raise cut_short(path) from None
    except (zlib.error, gzip.BadGzipFile):
        raise damaged(path) from None
    if found < expected:
        raise cut_short(path)


def check_zlib(path: Path, offset: int, stored: int, expected: int) -> None:
    """As `check_gzip`, for `stored` bytes of zlib data that begin at `offset`, as MetaImage files have them."""
    check_possible(path, expected, stored)
    inflate, found = zlib.decompressobj(), 0
    try:
        with open(path, "rb") as handle:
            handle.seek(offset)
            while stored > 0 and not inflate.eof and (chunk := handle.read(min(_CHUNK, stored))):
                stored -= len(chunk)
                found += len(inflate.decompress(chunk))
    except zlib.error:
        raise damaged(path) from None
    if found < expected or not inflate.eof:
        raise cut_short(path)
