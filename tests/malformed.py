"""Files and folders that no scan can be read from, each with something else wrong.

``build_malformed(folder)`` writes them and gives their paths by name. Reading any of them, or handing it to the command
line, must end in one clear sentence. ``build_wrong_seeds(folder)`` does the same for label maps that do not fit a scan.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import dicom_files as dcm
import nibabel as nib
import numpy as np
import SimpleITK

ZEROS = np.zeros((4, 3, 2, 5), np.float32)


def build_malformed(folder: Path) -> dict[str, Path]:
    """Write every malformed input into `folder`; give {name: path}. Names say what is wrong."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, Path] = {}
    for part in (_empty, _cut, _damaged, _spacing, _skewed, _huge, _colours, _dimensions, _names, _folders, _dicom):
        part(folder, found)
    return found


def build_wrong_seeds(folder: Path) -> tuple[Path, dict[str, Path]]:
    """Write a scan, and label maps that do not fit it; give the scan's path and {name: path}."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    scan = np.random.default_rng(0).integers(-100, 100, (8, 10, 12)).astype(np.int16)
    seeds = np.zeros(scan.shape, np.uint8)
    seeds[4, 3:7, 3:7] = 1
    base = SimpleITK.GetImageFromArray(scan)
    base.SetSpacing((0.8, 0.8, 2.5))
    base.SetOrigin((-50, -60, 70))
    SimpleITK.WriteImage(base, str(folder / "scan.nii.gz"))
    turned = (0.8, 0.6, 0, -0.6, 0.8, 0, 0, 0, 1)

    def save(name: str, array: np.ndarray, spacing=(0.8, 0.8, 2.5), origin=(-50, -60, 70), direction=None) -> Path:
        image = SimpleITK.GetImageFromArray(array)
        image.SetSpacing(spacing)
        image.SetOrigin(origin)
        if direction:
            image.SetDirection(direction)
        SimpleITK.WriteImage(image, str(folder / f"{name}.nii.gz"))
        return folder / f"{name}.nii.gz"

    fractions = seeds.astype(np.float32)
    fractions[4, 5, 5] = 0.4
    missing = seeds.astype(np.float32)
    missing[0, 0, 0] = np.nan
    return folder / "scan.nii.gz", {
        "fractions": save("fractions", fractions),
        "not_numbers": save("not_numbers", missing),
        "negative": save("negative", seeds.astype(np.int16) * -1),
        "other_shape": save("other_shape", seeds[1:]),
        "other_spacing": save("other_spacing", seeds, spacing=(0.8, 0.8, 3.0)),
        "other_origin": save("other_origin", seeds, origin=(-50, -60, 80)),
        "turned": save("turned", seeds, direction=turned),
    }


def _image() -> SimpleITK.Image:
    """A small scan of noise, which no compression makes much smaller."""
    return SimpleITK.GetImageFromArray(np.random.default_rng(0).integers(-999, 999, (9, 10, 11)).astype(np.int16))


def _save(path: Path, compress: bool = True) -> bytes:
    SimpleITK.WriteImage(_image(), str(path), compress)
    return path.read_bytes()


def _put(found: dict[str, Path], folder: Path, name: str, file: str, content: bytes) -> None:
    path = folder / file
    path.write_bytes(content)
    found[name] = path


def _empty(folder: Path, found: dict[str, Path]) -> None:
    for suffix in ("nii", "nii.gz", "nrrd", "mha", "mhd", "dcm"):
        _put(found, folder, f"empty_{suffix}", f"empty.{suffix}", b"")
        _put(found, folder, f"text_{suffix}", f"text.{suffix}", b"Dear colleague, here are the images.\n" * 40)
    found["missing"] = folder / "missing.nii.gz"


def _cut(folder: Path, found: dict[str, Path]) -> None:
    work = folder / "whole"
    work.mkdir()
    plain, packed = _save(work / "a.nii"), _save(work / "a.nii.gz")
    _put(found, folder, "cut_nii", "cut.nii", plain[:-50])
    _put(found, folder, "cut_in_header", "cut_header.nii", plain[:100])
    _put(found, folder, "cut_after_header", "cut_after_header.nii", plain[:352])
    _put(found, folder, "cut_nii_gz", "cut.nii.gz", packed[: len(packed) // 2])
    _put(found, folder, "cut_nii_gz_in_checksum", "cut_checksum.nii.gz", packed[:-4])
    _put(found, folder, "cut_nii_gz_in_header", "cut_header.nii.gz", packed[:20])
    _put(found, folder, "short_inside_nii_gz", "short_inside.nii.gz", gzip.compress(plain[:-50]))
    _put(found, folder, "cut_nrrd", "cut.nrrd", _save(work / "a.nrrd")[:-50])
    _put(found, folder, "cut_raw_nrrd", "cut_raw.nrrd", _save(work / "b.nrrd", False)[:-50])
    _put(found, folder, "cut_mha", "cut.mha", _save(work / "a.mha")[:-50])
    _put(found, folder, "cut_raw_mha", "cut_raw.mha", _save(work / "b.mha", False)[:-50])
    for name, compress, voxels in (("cut_mhd", True, "zraw"), ("cut_raw_mhd", False, "raw")):
        _save(folder / f"{name}.mhd", compress)
        data = folder / f"{name}.{voxels}"
        data.write_bytes(data.read_bytes()[:-50])
        found[name] = folder / f"{name}.mhd"


def _damaged(folder: Path, found: dict[str, Path]) -> None:
    for suffix in ("nii.gz", "nrrd", "mha"):
        content = bytearray(_save(folder / f"damaged.{suffix}"))
        content[len(content) // 2] ^= 0x55
        _put(found, folder, f"damaged_{suffix}", f"damaged.{suffix}", bytes(content))


def _spacing(folder: Path, found: dict[str, Path]) -> None:
    little = _save(folder / "whole" / "spacing.nii")
    big = nib.Nifti1Image(np.zeros((5, 4, 3), ">i2"), np.eye(4), nib.Nifti1Header(endianness=">")).to_bytes()
    for name, value in (("zero", 0.0), ("negative", -1.5), ("nan", float("nan")), ("infinite", float("inf"))):
        for ends, order, content in (("", "<", little), ("_big_endian", ">", big)):
            changed = bytearray(content)
            struct.pack_into(f"{order}f", changed, 76 + 4 * 3, value)
            _put(found, folder, f"{name}_spacing_nii{ends}", f"{name}_spacing{ends}.nii", bytes(changed))
    _put(found, folder, "zero_spacing_nii_gz", "zero_spacing.nii.gz", gzip.compress(_zeroed(little)))
    nrrd = _save(folder / "whole" / "spacing.nrrd", False)
    for name, value in (("zero", b"(0,0,0)"), ("nan", b"(0,0,nan)")):
        _put(found, folder, f"{name}_spacing_nrrd", f"{name}_spacing.nrrd", nrrd.replace(b"(0,0,1)", value))
    bare = nrrd.replace(b"space: left-posterior-superior\n", b"").replace(b"space origin: (0,0,0)\n", b"")
    for name, value in (("zero", b"1 1 0"), ("negative", b"1 1 -2"), ("nan", b"1 1 nan")):
        content = bare.replace(b"space directions: (1,0,0) (0,1,0) (0,0,1)", b"spacings: " + value)
        _put(found, folder, f"{name}_spacings_nrrd", f"{name}_spacings.nrrd", content)
    mha = _save(folder / "whole" / "spacing.mha", False)
    for name, value in (("zero", b"1 1 0"), ("negative", b"1 1 -2"), ("nan", b"1 1 nan")):
        content = mha.replace(b"ElementSpacing = 1 1 1", b"ElementSpacing = " + value)
        _put(found, folder, f"{name}_spacing_mha", f"{name}_spacing.mha", content)


def _zeroed(nifti: bytes) -> bytes:
    changed = bytearray(nifti)
    struct.pack_into("<f", changed, 76 + 4, 0.0)
    return bytes(changed)


def _skewed(folder: Path, found: dict[str, Path]) -> None:
    affine = np.eye(4)
    affine[0, 1] = 0.3
    nib.Nifti1Image(np.zeros((5, 4, 3), np.int16), affine).to_filename(folder / "skewed.nii")
    found["skewed_nii"] = folder / "skewed.nii"
    nrrd = _save(folder / "whole" / "skew.nrrd", False)
    _put(found, folder, "skewed_nrrd", "skewed.nrrd", nrrd.replace(b"(0,1,0)", b"(0.3,1,0)"))
    mha = _save(folder / "whole" / "skew.mha", False)
    matrix = b"TransformMatrix = 1 0 0 0.3 0.954 0 0 0 1"
    _put(found, folder, "skewed_mha", "skewed.mha", mha.replace(b"TransformMatrix = 1 0 0 0 1 0 0 0 1", matrix))


def _huge(folder: Path, found: dict[str, Path]) -> None:
    nifti = bytearray(_save(folder / "whole" / "huge.nii"))
    struct.pack_into("<8h", nifti, 40, 3, 30000, 30000, 30000, 1, 1, 1, 1)
    _put(found, folder, "huge_nii", "huge.nii", bytes(nifti))
    _put(found, folder, "huge_nii_gz", "huge.nii.gz", gzip.compress(bytes(nifti)))
    struct.pack_into("<8h", nifti, 40, 3, -5, 10, 10, 1, 1, 1, 1)
    _put(found, folder, "negative_size_nii", "negative_size.nii", bytes(nifti))
    struct.pack_into("<8h", nifti, 40, 0, 9, 10, 10, 1, 1, 1, 1)
    _put(found, folder, "no_dimensions_nii", "no_dimensions.nii", bytes(nifti))
    for compress in (True, False):
        how = "packed" if compress else "raw"
        nrrd = _save(folder / "whole" / "huge.nrrd", compress).replace(b"sizes: 11 10 9", b"sizes: 99999 99999 99999")
        _put(found, folder, f"huge_nrrd_{how}", f"huge_{how}.nrrd", nrrd)
        mha = _save(folder / "whole" / "huge.mha", compress).replace(b"= 11 10 9", b"= 99999 99999 99999")
        _put(found, folder, f"huge_mha_{how}", f"huge_{how}.mha", mha)


def _colours(folder: Path, found: dict[str, Path]) -> None:
    colour = np.zeros((3, 4, 5, 3), np.uint8)
    vector = np.zeros((3, 4, 5, 2), np.float32)
    for name, array in (("colour", colour), ("vectors", vector)):
        image = SimpleITK.GetImageFromArray(array, isVector=True)
        for suffix in ("nrrd", "mha", "nii"):
            SimpleITK.WriteImage(image, str(folder / f"{name}.{suffix}"))
            found[f"{name}_{suffix}"] = folder / f"{name}.{suffix}"
    rgb = np.zeros((5, 4, 3), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.Nifti1Image(rgb, np.eye(4)).to_filename(folder / "rgb.nii.gz")
    found["rgb_nii_gz"] = folder / "rgb.nii.gz"
    nib.Nifti1Image(np.ones((5, 4, 3), np.complex64), np.eye(4)).to_filename(folder / "complex.nii")
    found["complex_nii"] = folder / "complex.nii"


def _dimensions(folder: Path, found: dict[str, Path]) -> None:
    nib.Nifti1Image(ZEROS, np.eye(4)).to_filename(folder / "frames.nii.gz")
    nib.Nifti1Image(np.zeros((4, 3, 2, 5, 6), np.float32), np.eye(4)).to_filename(folder / "five.nii.gz")
    nib.Nifti1Image(np.zeros(7, np.float32), np.eye(4)).to_filename(folder / "line.nii.gz")
    nib.Nifti2Image(np.zeros((4, 3, 2), np.float32), np.eye(4)).to_filename(folder / "nifti2.nii")
    nib.Nifti1Image(np.full((4, 3, 2), np.nan, np.float32), np.eye(4)).to_filename(folder / "all_nan.nii.gz")
    image = SimpleITK.GetImageFromArray(ZEROS, isVector=False)
    for suffix in ("nrrd", "mha"):
        SimpleITK.WriteImage(image, str(folder / f"frames.{suffix}"))
        found[f"frames_{suffix}"] = folder / f"frames.{suffix}"
    found["frames_nii_gz"] = folder / "frames.nii.gz"
    found["five_dimensions"] = folder / "five.nii.gz"
    found["one_dimension"] = folder / "line.nii.gz"
    found["nifti2"] = folder / "nifti2.nii"
    found["all_nan"] = folder / "all_nan.nii.gz"


def _names(folder: Path, found: dict[str, Path]) -> None:
    work = folder / "whole"
    _put(found, folder, "nrrd_named_nii", "really_nrrd.nii", _save(work / "n.nrrd"))
    _put(found, folder, "nii_named_mha", "really_nii.mha", _save(work / "n.nii"))
    _put(found, folder, "mha_named_nii_gz", "really_mha.nii.gz", _save(work / "n.mha"))
    _put(found, folder, "gz_named_nii", "packed.nii", _save(work / "n.nii.gz"))
    _put(found, folder, "picture", "picture.png", b"\x89PNG\r\n\x1a\n" + bytes(100))
    _put(found, folder, "no_extension", "scan", b"something else entirely" * 40)
    _save(folder / "lonely.mhd")
    (folder / "lonely.zraw").unlink()
    found["mhd_without_voxels"] = folder / "lonely.mhd"
    _save(folder / "lonely.nhdr")
    next(folder.glob("lonely.raw*")).unlink()
    found["nhdr_without_voxels"] = folder / "lonely.nhdr"
    _save(folder / "lonely.hdr")
    (folder / "lonely.img").unlink()
    found["hdr_without_img"] = folder / "lonely.hdr"


def _folders(folder: Path, found: dict[str, Path]) -> None:
    for name, content in (("empty_folder", {}), ("folder_of_text", {"readme.txt": b"hello"})):
        (folder / name).mkdir()
        for file, text in content.items():
            (folder / name / file).write_bytes(text)
        found[name] = folder / name
    (folder / "folder_of_nifti").mkdir()
    _save(folder / "folder_of_nifti" / "a.nii.gz")
    found["folder_of_nifti"] = folder / "folder_of_nifti"


def _dicom(folder: Path, found: dict[str, Path]) -> None:
    root = folder / "dicom"
    pixels = dcm.pixels_of(4)

    def add(name: str, write: Callable[[Path], object]) -> None:
        write(root / name)
        found[f"dicom_{name}"] = root / name

    def two_series(path: Path) -> None:
        dcm.series(path / "a", [0, 2, 4], uid="1.2.3.1", description="First")
        dcm.series(path / "b", [0, 2, 4], uid="1.2.3.2", number=2, description="Second")

    def frames(path: Path) -> None:
        dcm.series(path, [0, 2, 4, 0, 2, 4], dcm.pixels_of(6))

    def odd_one(path: Path) -> None:
        dcm.series(path, [0, 2, 4])
        dcm.slice_file(path / "z.dcm", dcm.pixels_of(1, seed=5)[0], (-10, -20, 2), instance=9)

    def cut(path: Path) -> None:
        dcm.series(path, [0, 2, 4, 6])
        last = path / "003.dcm"
        last.write_bytes(last.read_bytes()[:-30])

    add("two_series", two_series)
    add("frames", frames)
    add("one_place_twice", odd_one)
    add("cut", cut)
    colour = np.zeros((8, 6, 3), np.uint8)
    add("colour", lambda path: dcm.slice_file(path / "a.dcm", colour, sop=dcm.SECONDARY, modality="OT"))
    add("no_positions", lambda path: [dcm.slice_file(path / f"{i}.dcm", pixels[i], None, instance=i) for i in range(3)])
    add("zero_spacing", lambda path: dcm.series(path, [0, 2, 4], spacing=(0, 0.5)))
    add("crooked_axes", lambda path: dcm.series(path, [0, 2, 4], orientation=(1, 0, 0, 0.5, 0.5, 0)))
    add("frames_without_positions", lambda path: dcm.slice_file(path / "a.dcm", pixels, None, NumberOfFrames=4))
    add("segmentation", lambda path: dcm.slice_file(path / "a.dcm", pixels[0], modality="SEG"))
    add(
        "frames_scaled_differently",
        lambda path: dcm.enhanced_file(path / "a.dcm", pixels, [(0, 0, z) for z in (0, 2, 4, 6)], slopes=(1, 2, 1, 1)),
    )
