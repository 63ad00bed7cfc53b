"""Keeping patients back for validation."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from napari_medssl.training.data import Case


def split_patients(
    cases: Sequence[Case], share: float, seed: int, groups: Sequence[str] | None = None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Split cases into those to train on and those to validate on, whole patients at a time.

    Patients stand in an order given by a hash of the seed and their name, and the first ones are kept back: of those
    with labels and of those without `share`, rounded, each; one at least where there are two. So a scan more of a
    patient who is there moves nobody, and a new patient moves one other at most.

    Parameters
    ----------
    cases : the scans
    share : 0 (validate on none) to 1
    seed : another seed gives another split
    groups : a patient for each case, where not its `patient`

    Returns
    -------
    training, validation : indices into `cases`, rising; there is always a patient to train on, and with one patient or
        a share of 0 none to validate on
    """
    groups = [case.patient for case in cases] if groups is None else groups
    labelled = {group for group, case in zip(groups, cases, strict=True) if case.label is not None}
    kept_back: set[str] = set()
    if share > 0:
        for stratum in (labelled, set(groups) - labelled):
            count = min(max(1, round(share * len(stratum))), len(stratum) - 1)
            kept_back |= set(_in_order(stratum, seed)[: max(0, count)])
        if not kept_back and len(set(groups)) == 2:  # one with labels, one without: labels are for training
            kept_back = set(groups) - labelled
    training = tuple(i for i, group in enumerate(groups) if group not in kept_back)
    validation = tuple(i for i, group in enumerate(groups) if group in kept_back)
    return training, validation


def _in_order(patients: set[str], seed: int) -> list[str]:
    def key(patient: str) -> tuple[bytes, str]:
        return hashlib.blake2b(f"{seed}:{patient}".encode("utf-8", "surrogatepass"), digest_size=16).digest(), patient

    return sorted(patients, key=key)


def merged_groups(patients: Sequence[str], digests: Sequence[str]) -> list[str]:
    """Patients' names, where scans of the same voxels make one patient of those that they are filed under."""
    parent = {patient: patient for patient in patients}

    def root(patient: str) -> str:
        while parent[patient] != patient:
            patient = parent[patient]
        return patient

    first: dict[str, str] = {}
    for patient, digest in zip(patients, digests, strict=True):
        one, other = sorted((root(patient), root(first.setdefault(digest, patient))))
        parent[other] = one
    return [root(patient) for patient in patients]
