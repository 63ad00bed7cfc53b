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
_EITHER_HEADER = zlib.MAX_WBITS | 32  # gzip or zlib, whichever the data begin with


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
        usual = {"NIfTI": ".nii.gz" if is_gzip(path) else ".nii", "NRRD": ".nrrd", "MetaImage": ".mha", "DICOM": ".dcm"}
        better = plain_name(path) + usual[held]
        raise BadInput(f"{path} is a {held} file although its name says {named}; rename it to {better}.")
    if is_gzip(path) and not read_start(path):
        raise damaged(path)
    raise BadInput(f"{path} is not a {named} file although its name says so; check what it is.")


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


def check_packed(path: Path, expected: int, offset: int = 0, stored: int | None = None) -> None:
    """Decompress gzip or zlib data once, without keeping it, and refuse the file where they are damaged or short.

    ITK reads truncated or damaged .nii.gz, .nrrd, .mha and .mhd files without a word, leaving wrong or blank voxels.

    Parameters
    ----------
    path : file
    expected : bytes that must come out, at least
    offset, stored : where in the file the data begin, and how many bytes they are (to the end where None)

    Raises
    ------
    BadInput
        Fewer bytes come out, or a checksum is wrong.
    """
    left = path.stat().st_size - offset if stored is None else stored
    check_possible(path, expected, left)
    found, complete = 0, False
    inflate = zlib.decompressobj(_EITHER_HEADER)
    try:
        with open(path, "rb") as handle:
            handle.seek(offset)
            while left > 0 and (chunk := handle.read(min(_CHUNK, left))):
                left -= len(chunk)
                while chunk:
                    found += len(inflate.decompress(chunk))
                    chunk, complete = b"", inflate.eof
                    if complete and found < expected:  # a gzip file may be several, one after the other
                        chunk, inflate = inflate.unused_data, zlib.decompressobj(_EITHER_HEADER)
                if complete and found >= expected:
                    return
    except zlib.error:
        raise damaged(path) from None
    raise cut_short(path)
