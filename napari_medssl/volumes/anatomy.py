"""Names of structures that people draw, and the codes by which other programs know them.

The codes are SNOMED CT's, as 3D Slicer's list of general anatomy uses them.
"""

from __future__ import annotations

from functools import cache

# A code as 3D Slicer writes it: scheme, value, meaning.
Code = tuple[str, str, str]

_CONTEXT = "Segmentation category and type - 3D Slicer General Anatomy list"
_REGIONS = "Anatomic codes - DICOM master list"
_STRUCTURE: Code = ("SCT", "123037004", "Anatomical Structure")
_TISSUE: Code = ("SCT", "85756007", "Tissue")
_ALTERED: Code = ("SCT", "49755003", "Morphologically Altered Structure")
_SIDES = {"Left": "7771000", "Right": "24028007"}

_SINGLE = {
    "Aorta": "15825003", "Bile duct": "28273000", "Bladder": "89837001", "Brain": "12738006", "Chest": "51185008",
    "Colon": "71854001", "Duodenum": "38848004", "Esophagus": "32849002", "Gallbladder": "28231008",
    "Heart": "80891009", "Left ventricle": "87878005", "Liver": "10200004", "Mandible": "91609006",
    "Pancreas": "15776009", "Pituitary": "56329008", "Prostate": "41216001", "Rib": "113197003",
    "Right ventricle": "53085002", "Skull": "89546000", "Small intestine": "30315005", "Spinal cord": "2748008",
    "Spleen": "78961009", "Sternum": "56873002", "Stomach": "69695003", "Thymus": "9875009", "Thyroid": "69748006",
    "Tongue": "21974007", "Trachea": "44567001", "Urethra": "13648007", "Uterus": "35039007", "Vagina": "76784001",
}  # fmt: skip
_PAIRED = {
    "Adrenal gland": "23451007", "Clavicle": "51299004", "Eyeball": "79652003", "Kidney": "64033007",
    "Lateral ventricle": "66720007", "Lung": "39607008", "Ovary": "15497006", "Seminal vesicle": "64739004",
    "Thalamus": "119406000",
}  # fmt: skip
_TISSUES = {
    "Artery": "51114001", "Body fat": "248300009", "Bone": "272673000", "Cartilage": "309312004",
    "Lymph node": "59441001", "Muscle": "71616004", "Nerve": "119410002", "Skin": "39937001", "Vein": "29092000",
}  # fmt: skip
_FINDINGS = {
    "Blood clot": "75753009", "Cyst": "367643001", "Edema": "79654002", "Hemorrhage": "50960005", "Mass": "4147007",
    "Necrosis": "6574001",
}  # fmt: skip
_ALSO = {
    "oesophagus": "esophagus", "oedema": "edema", "haemorrhage": "hemorrhage", "urinary bladder": "bladder",
    "tumor": "mass", "tumour": "mass", "lesion": "mass", "fat": "body fat",
}  # fmt: skip


def codes(name: str) -> tuple[Code, Code, Code | None] | None:
    """(category, type, side) of a structure by its name in any case, side None where it has none; None if unknown."""
    plain = " ".join(name.replace("_", " ").lower().split())
    return _known().get(_ALSO.get(plain, plain))


def names() -> list[str]:
    """What to offer to someone who types a name, in alphabetical order."""
    sided = [f"{side} {name.lower()}" for name in _PAIRED for side in _SIDES]
    return sorted([*_SINGLE, *_PAIRED, *sided, *_TISSUES, *_FINDINGS])


def terminology(name: str) -> str:
    """What 3D Slicer notes on a segment of this name: its codes, or plain "tissue" for a name that has none."""
    category, kind, side = codes(name) or (_TISSUE, _TISSUE, None)
    parts = [_CONTEXT, "^".join(category), "^".join(kind), "^".join(side or ("", "", "")), _REGIONS, "^^", "^^"]
    return "~".join(parts)


@cache
def _known() -> dict[str, tuple[Code, Code, Code | None]]:
    found: dict[str, tuple[Code, Code, Code | None]] = {}
    groups = ((_STRUCTURE, _SINGLE), (_STRUCTURE, _PAIRED), (_TISSUE, _TISSUES), (_ALTERED, _FINDINGS))
    for category, members in groups:
        for name, value in members.items():
            kind = ("SCT", value, name)
            found[name.lower()] = category, kind, None
            if members is _PAIRED:
                for side, number in _SIDES.items():
                    found[f"{side} {name}".lower()] = category, kind, ("SCT", number, side)
    return found
