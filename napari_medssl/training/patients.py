"""Which scans are of the same patient, as far as file names tell."""

from __future__ import annotations

import re

# Endings that name one of several scans of a patient. Nothing else is stripped: two patients taken for one only cost a
# little of the choice for validation, but so would half of a folder taken for one patient.
_PLAIN = (
    r"frame[-_]?\d+|phase[-_]?\d+|visit[-_]?\d+|ses(sion)?[-_]?\d+|time(point)?[-_]?\d+|follow[-_]?up[-_]?\d*|baseline"
    r"|ed|es|systole|diastole|end[-_]?systole|end[-_]?diastole|left|right"
    r"|t1w|t2w|t1ce|t1c|t1gd|t1n|t2f|flair|adc|dwi|swi|dce|pdw|lge|cine|4d|pre|post|arterial|venous|portal|delayed|native"
    r"|axial|coronal|sagittal"
)
# These could be a patient's number or letter too; they count where a number stands before them.
_SHORT = r"000\d|t\d{1,2}|tp\d{1,2}|v\d{1,2}|pd|l|r|ct|mr|pet"
_ENDING = re.compile(rf"^(?P<rest>.+?)[-_. ](?P<end>(?P<plain>{_PLAIN})|(?P<short>{_SHORT}))$", re.IGNORECASE)
_BIDS = re.compile(r"^(sub-[A-Za-z0-9]+)(?=_|$)")
CHANNEL = re.compile(r"_000\d$")  # nnU-Net's images end so, and their labels do not


def patient_of(name: str) -> str:
    """The patient that a scan is of, by its file's name without extension.

    Endings that name a time, phase, frame, visit, sequence or side are left out, several of them too:
    ``patient001_frame01``, ``patient001_ED``, ``patient001_t1_visit2`` and ``patient001_0000`` are of ``patient001``.
    Of a BIDS name it is ``sub-...``. Every other name is a patient of its own.
    """
    bids = _BIDS.match(name)
    if bids:
        return bids[1]
    while found := _ENDING.match(name):
        if found["short"] and not re.search(r"\d", found["rest"]):
            break
        name = found["rest"]
    return name
