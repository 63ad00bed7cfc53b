"""NIfTI headers: what ITK passes over in silence when it reads, and what it rounds when it writes.

Field names and layout follow the NIfTI-1 header (nifti1.h).
"""

from __future__ import annotations

import gzip
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_medssl.errors import BadInput
from napari_medssl.volumes.formats import check_packed, cut_short, damaged, extension, in_colour, is_gzip, read_start
from napari_medssl.volumes.geometry import Geometry

_HEADER_BYTES = 348
_DATA_TYPE_BYTES = {2: 1, 4: 2, 8: 4, 16: 4, 64: 8, 256: 1, 512: 2, 768: 4, 1024: 8, 1280: 8}
_FLOATS = {16: "f4", 64: "f8"}
_HALF_TURN = 1e-7  # as in nifti1_io.c; nibabel draws the line at 3.6e-7
_COLOUR_TYPES = {128, 2304}
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_MM_PER_UNIT = {1: 1000.0, 3: 0.001}  # metre and micrometre; everything else means millimetre


@dataclass(frozen=True)
class NiftiHeader:
    """The fields of a NIfTI-1 (or Analyze) header that decide whether and where an image lies."""

    byte_order: Literal["<", ">"]
    sizes: tuple[int, ...]
    spacing: tuple[float, ...]
    data_type: int
    data_offset: int
    mm_per_unit: float
    magic: bytes
    qform_code: int
    sform_code: int
    qform: NDArray[np.float64]
    sform: NDArray[np.float64]

    @property
    def data_bytes(self) -> int:
        return int(np.prod(self.sizes, dtype=object)) * _DATA_TYPE_BYTES.get(self.data_type, 1)

    @classmethod
    def parse(cls, start: bytes, half_turn: float = _HALF_TURN) -> NiftiHeader:
        """Read the header from a file's first 348 bytes, of either byte order.

        A quaternion whose first component squared is below `half_turn` counts as half a turn.
        """
        order: Literal["<", ">"] = "<" if start[:4] == b"\x5c\x01\x00\x00" else ">"

        def field(code: str, offset: int) -> tuple[float, ...]:
            return struct.unpack_from(order + code, start, offset)

        dim, pixdim = field("8h", 40), field("8f", 76)
        count = int(dim[0]) if 1 <= dim[0] <= 7 else 0
        offset, magic = field("f", 108)[0], start[344:347]
        return cls(
            byte_order=order,
            sizes=tuple(int(n) for n in dim[1 : count + 1]),
            spacing=tuple(pixdim[1 : count + 1]),
            data_type=int(field("h", 70)[0]),
            # As NIfTI's own library has it: in a single file the voxels never begin before the header ends.
            data_offset=max(_HEADER_BYTES if magic == b"n+1" else 0, int(offset) if np.isfinite(offset) else 0),
            mm_per_unit=_MM_PER_UNIT.get(start[123] & 7, 1.0),
            magic=magic,
            qform_code=int(field("h", 252)[0]),
            sform_code=int(field("h", 254)[0]),
            qform=_quaternion_matrix(field("3f", 256), field("3f", 268), pixdim, half_turn),
            sform=np.vstack([np.array(field("12f", 280)).reshape(3, 4), [0, 0, 0, 1]]),
        )


def check_nifti(path: Path) -> NiftiHeader:
    """Read and check the header of a NIfTI or Analyze file, and that its voxels are all there.

    Raises
    ------
    BadInput
        A size or spacing that is not positive, a data type that is no grey value, a NIfTI-2 file, or fewer bytes
        than the header promises.
    """
    header_path, data_path = _pair(path)
    start = read_start(header_path, _HEADER_BYTES)
    if start[:4] in (b"\x1c\x02\x00\x00", b"\x00\x00\x02\x1c"):
        raise BadInput(f"{path} is a NIfTI-2 file, which cannot be opened here; convert it to NIfTI-1 or NRRD.")
    if len(start) < _HEADER_BYTES:
        raise cut_short(path)
    header = NiftiHeader.parse(start)
    if not header.sizes or min(header.sizes) < 1:
        raise damaged(path)
    if len(header.sizes) == 1:
        raise BadInput(f"{path} has one dimension; a scan has three.")
    if max(header.sizes[4:], default=1) > 1:
        raise BadInput(f"{path} holds {max(header.sizes[4:])} numbers per voxel (vectors); a scan has one.")
    if header.data_type in _COLOUR_TYPES:
        raise in_colour(path)
    if header.data_type not in _DATA_TYPE_BYTES:
        raise BadInput(f"{path} holds complex or unusual numbers; save it with plain integers or floats first.")
    _check_spacing(path, header)
    if is_gzip(data_path):
        check_packed(data_path, header.data_offset + header.data_bytes)
    elif data_path.stat().st_size < header.data_offset + header.data_bytes:
        raise cut_short(path)
    return header


def not_numbers(path: Path, header: NiftiHeader, frame: int) -> NDArray[np.bool_] | None:
    """Where the voxels of a frame are NaN or infinite, (z, y, x), or None where none is; ITK reads these as 0."""
    if header.data_type not in _FLOATS:
        return None
    _, data_path = _pair(path)
    kind = np.dtype(_FLOATS[header.data_type]).newbyteorder(header.byte_order)
    voxels = int(np.prod(header.sizes[:3], dtype=object))
    start = header.data_offset + frame * voxels * kind.itemsize
    with gzip.open(data_path) if is_gzip(data_path) else open(data_path, "rb") as handle:
        handle.seek(start)
        values = np.frombuffer(handle.read(voxels * kind.itemsize), kind)
    wrong: NDArray[np.bool_] = ~np.isfinite(values)
    sizes = (*header.sizes[:3], 1)[:3]
    return wrong.reshape(sizes[::-1]) if wrong.any() else None


def placement_notes(header: NiftiHeader, geometry: Geometry) -> list[str]:
    """What the person should know about where the header places the scan; `geometry` is what ITK made of it."""
    notes = []
    if any(not (np.isfinite(value) and value > 0) for value in header.spacing[:3]):
        notes.append("The file holds one slice and does not state its thickness; 1 mm was assumed.")
    if not header.qform_code and not header.sform_code:
        notes.append("The file does not say how the scan lies in the patient, so left and right are not certain.")
    if not (header.qform_code and header.sform_code) or len(header.sizes) < 3:
        return notes
    shape = tuple(header.sizes[:3][::-1])
    both = [_corners(matrix, header, shape) for matrix in (header.sform, header.qform)]
    gap = float(np.linalg.norm(both[0] - both[1], axis=1).max())
    if not gap >= max(1e-3, 0.1 * min(geometry.spacing)):
        return notes
    taken = geometry.corners(shape)
    used = "sform" if np.abs(taken - both[0]).max() <= np.abs(taken - both[1]).max() else "qform"
    said = f"The two placements in the file's header (sform and qform) differ by up to {gap:.3g} mm; {used} was used."
    return [*notes, said]


def skew_degrees(header: NiftiHeader) -> float:
    """How far the axes of the header's placement are from right angles, in degrees."""
    matrix = (header.sform if header.sform_code else header.qform)[:3, :3]
    with np.errstate(all="ignore"):
        axes = matrix / np.linalg.norm(matrix, axis=0)
    cosines = np.abs(axes.T @ axes - np.eye(3))
    return float(np.degrees(np.arcsin(np.clip(cosines.max(), 0, 1)))) if np.isfinite(cosines).all() else float("nan")


def finish_nifti(written: Path, target: Path, geometry: Geometry, shape: tuple[int, ...]) -> None:
    """Make the placement in a plain NIfTI file that ITK has `written` exact, and keep it in `target`, packed or not.

    ITK makes the sform's axes perpendicular in single precision; here it gets the geometry's own matrix. The qform
    is a quaternion whose first component follows from the other three, so turns close to 180 degrees, slightly
    tilted axial scans among them, come out up to 0.2 mm wrong: it is then declared unknown, and readers take the sform.
    """
    with open(written, "rb+") as handle:
        start = bytearray(handle.read(_HEADER_BYTES))
        matrix = (_RAS_TO_LPS @ geometry.affine)[:3].astype(np.float32)
        struct.pack_into("<12f", start, 280, *matrix.ravel())
        # Near half a turn readers differ in what they make of the quaternion; it has to be right for all of them.
        read = [NiftiHeader.parse(bytes(start), half_turn) for half_turn in (0.0, 1e-6)]
        off = max(np.abs(_corners(h.qform, h, shape) - geometry.corners(shape)).max() for h in read)
        skewed = np.abs(geometry.matrix.T @ geometry.matrix - np.eye(3)).max() > 2e-5
        # ITK refuses a file whose only placement is not perpendicular to about 1e-4.
        if off > 1e-3 and not skewed:
            struct.pack_into("<h", start, 252, 0)
        handle.seek(0)
        handle.write(start)
    if written == target:
        return
    # No file name and no time in the gzip header: the same mask gives the same bytes. Level 4 packs a CT five times as
    # fast as the usual 6, to a size that is 5 % larger.
    with (
        open(written, "rb") as plain,
        open(target, "wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=4, mtime=0) as packed,
    ):
        shutil.copyfileobj(plain, packed, 1 << 20)


def _pair(path: Path) -> tuple[Path, Path]:
    """The files with the header and with the voxels: the same one, or a .hdr and its .img."""
    known = extension(path)
    if known in (".nii", ".nii.gz"):
        return path, path
    stem = str(path)[: -len(known)]

    def find(names: tuple[str, ...]) -> Path:
        for name in names:
            if (candidate := Path(stem + name)).is_file():
                return candidate
        raise BadInput(f"{path} lacks its other half, {Path(stem).name}{names[0]}; put both into the same folder.")

    return find((".hdr", ".hdr.gz", ".HDR")), find((".img", ".img.gz", ".IMG"))


def _check_spacing(path: Path, header: NiftiHeader) -> None:
    spacing = header.spacing[:3]
    # A single slice may leave its thickness unsaid; nothing is measured along it.
    needed = [value for value, size in zip(spacing, header.sizes[:3], strict=True) if size > 1]
    if not all(np.isfinite(value) and value > 0 for value in needed):
        shown = " x ".join(f"{value:g}" for value in spacing)
        raise BadInput(f"{path} states a voxel spacing of {shown} mm; correct its header first.")


def _corners(matrix: NDArray[np.float64], header: NiftiHeader, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """LPS mm of the corner voxels under a RAS matrix, in the order of `Geometry.corners`: (8, 3)."""
    ends = [(0, n - 1) for n in shape]
    index = np.array([(x, y, z, 1) for z in ends[0] for y in ends[1] for x in ends[2]], dtype=float)
    with np.errstate(all="ignore"):
        placed = index @ (_RAS_TO_LPS @ matrix).T
        corners: NDArray[np.float64] = placed[:, :3] * header.mm_per_unit
    return corners


def _quaternion_matrix(
    bcd: tuple[float, ...], offset: tuple[float, ...], pixdim: tuple[float, ...], half_turn: float
) -> NDArray[np.float64]:
    """The qform as a (4, 4) matrix from voxel indices (x, y, z) to RAS, as nifti1.h defines it ("method 2")."""
    b, c, d = bcd
    squared = 1.0 - (b * b + c * c + d * d)
    a = np.sqrt(squared) if squared >= half_turn else 0.0
    with np.errstate(all="ignore"):
        length = np.sqrt(a * a + b * b + c * c + d * d)
        b, c, d = np.divide((b, c, d), length)
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b],
        ]
    )
    handedness = -1.0 if pixdim[0] < 0 else 1.0
    matrix = np.eye(4)
    with np.errstate(invalid="ignore"):  # a spacing that is no number is refused later
        matrix[:3, :3] = rotation * np.array([pixdim[1], pixdim[2], pixdim[3] * handedness])
    matrix[:3, 3] = offset
    return matrix
