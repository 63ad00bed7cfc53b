"""MetaImage headers (.mha, .mhd): a check before ITK reads, which passes over damaged voxels in silence."""

from __future__ import annotations

import math
from pathlib import Path

from napari_medssl.errors import BadInput
from napari_medssl.volumes.formats import check_packed, cut_short, damaged

_TYPE_BYTES = {"CHAR": 1, "SHORT": 2, "INT": 4, "LONG": 4, "LONG_LONG": 8, "FLOAT": 4, "DOUBLE": 8}


def read_meta_fields(path: Path) -> tuple[dict[str, str], int]:
    """The ``Key = value`` lines of a MetaImage header, and where in the file they end."""
    fields: dict[str, str] = {}
    with open(path, "rb") as handle:
        while line := handle.readline(1 << 16):
            key, equals, value = line.decode("utf-8", "replace").partition("=")
            if not equals:
                raise damaged(path)
            fields[key.strip()] = value.strip()
            if key.strip() == "ElementDataFile":
                break
        return fields, handle.tell()


def check_metaimage(path: Path) -> dict[str, str]:
    """Read and check the header of a MetaImage file, and that its voxels are all there; give its fields.

    Raises
    ------
    BadInput
        A spacing that is not positive, colours or vectors, a voxel file that is missing, fewer bytes than the header
        promises, or a wrong checksum.
    """
    fields, offset = read_meta_fields(path)
    try:
        sizes = [int(word) for word in fields["DimSize"].split()]
        spacing = [float(word) for word in fields.get("ElementSpacing", fields.get("ElementSize", "")).split()]
        channels = int(fields.get("ElementNumberOfChannels", "1"))
        name = fields["ElementType"].removeprefix("MET_")
        voxel_bytes = _TYPE_BYTES[name.removesuffix("_ARRAY").removeprefix("U")]
        data = fields["ElementDataFile"]
        count = int(fields["NDims"])
        skipped = max(0, int(fields.get("HeaderSize", "0")))
        promised = int(fields.get("CompressedDataSize", "0") or 0)
        binary = fields.get("BinaryData", "True").lower() == "true"
    except (KeyError, ValueError):
        raise damaged(path) from None
    if len(sizes) != count or min(sizes) < 1:
        raise damaged(path)
    if not all(math.isfinite(value) and value > 0 for value in spacing[:3]):
        raise BadInput(
            f"{path} states a voxel spacing of {' x '.join(f'{value:g}' for value in spacing)} mm; "
            "correct its header first."
        )
    if channels != 1:
        raise BadInput(f"{path} holds {channels} numbers per voxel (colours or vectors); a scan has one.")
    expected = math.prod(sizes) * voxel_bytes
    if data.upper().startswith("LIST") or "%" in data or not binary:
        return fields
    if data.upper() in ("LOCAL", "LOCAL_FILE"):
        data_path = path
    else:
        data_path, offset = path.parent / data, 0
        if not data_path.is_file():
            raise BadInput(f"{path} lacks its voxel file {data}; put both into the same folder.")
    stored = data_path.stat().st_size - offset
    if fields.get("CompressedData", "False").lower() != "true":
        if stored < skipped + expected:
            raise cut_short(path)
        return fields
    if stored < promised:
        raise cut_short(path)
    check_packed(data_path, expected, offset, promised or stored)
    return fields
