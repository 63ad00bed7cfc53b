"""Patients stay together, and splits stay as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medssl.training.data import Case
from napari_medssl.training.patients import patient_of
from napari_medssl.training.splits import merged_groups, split_patients

PATIENTS = st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=60)
SHARES = st.floats(0, 0.5)


def cases_of(described):
    return [
        Case(Path(f"p{patient:02}_visit{visit}.nii"), Path("label.nii") if labelled else None)
        for visit, (patient, labelled) in enumerate(described)
    ]


def patients_of(cases, indices):
    return {cases[index].patient for index in indices}


@given(PATIENTS, SHARES, st.integers(0, 99))
def test_whole_patients_are_kept_back_and_somebody_is_left_to_train_on(described, share, seed):
    cases = cases_of(described)
    training, validation = split_patients(cases, share, seed)
    assert sorted((*training, *validation)) == list(range(len(cases)))
    assert not patients_of(cases, training) & patients_of(cases, validation)
    assert training
    patients = {case.patient for case in cases}
    assert bool(validation) == (share > 0 and len(patients) > 1)


@given(PATIENTS, st.floats(0.01, 0.5), st.integers(0, 99))
def test_the_share_holds_for_patients_with_labels_and_for_those_without(described, share, seed):
    cases = cases_of(described)
    _, validation = split_patients(cases, share, seed)
    labelled = {case.patient for case in cases if case.label}
    for stratum in (labelled, {case.patient for case in cases} - labelled):
        if len(stratum) > 1:
            kept_back = patients_of(cases, validation) & stratum
            assert 1 <= len(kept_back) < len(stratum)
            assert len(kept_back) == 1 or abs(len(kept_back) - share * len(stratum)) <= 0.5


@given(PATIENTS, st.floats(0.01, 0.5), st.integers(0, 99), st.randoms())
def test_a_split_does_not_depend_on_the_order_of_scans(described, share, seed, random):
    cases = cases_of(described)
    kept_back = patients_of(cases, split_patients(cases, share, seed)[1])
    random.shuffle(cases)
    assert patients_of(cases, split_patients(cases, share, seed)[1]) == kept_back


@given(PATIENTS, st.floats(0.01, 0.5), st.integers(0, 99), st.integers(0, 40))
def test_a_new_scan_moves_no_other_patient_or_a_single_one(described, share, seed, patient):
    described = [(patient, True) for patient, _ in described]
    cases = cases_of(described)
    before = patients_of(cases, split_patients(cases, share, seed)[1])
    more = cases_of([*described, (patient, True)])
    after = patients_of(more, split_patients(more, share, seed)[1])
    new = f"p{patient:02}"
    moved = (before ^ after) - ({new} if new not in {case.patient for case in cases} else set())
    assert len(moved) <= (0 if new in {case.patient for case in cases} else 1)


def test_other_seeds_give_other_splits():
    cases = cases_of([(patient, True) for patient in range(30)])
    assert len({split_patients(cases, 0.2, seed)[1] for seed in range(8)}) > 4


def test_two_patients_of_whom_one_has_labels():
    cases = cases_of([(1, False), (2, True)])
    assert split_patients(cases, 0.1, 0) == ((1,), (0,))


@pytest.mark.parametrize(
    ("name", "patient"),
    [
        ("patient001_frame01", "patient001"),
        ("patient001_ED", "patient001"),
        ("patient001_es", "patient001"),
        ("patient001_t1", "patient001"),
        ("patient001_T2w_visit2", "patient001"),
        ("patient001_0000", "patient001"),
        ("la_021_0001", "la_021"),
        ("12-left", "12"),
        ("12_l", "12"),
        ("smith_baseline", "smith"),
        ("smith_t1w", "smith"),
        ("BRATS_001_flair", "BRATS_001"),
        ("sub-07_ses-02_T1w", "sub-07"),
        ("sub-07", "sub-07"),
        # These are not of one patient, or cannot be told to be.
        ("la_021", "la_021"),
        ("case_0001", "case_0001"),
        ("case_0012", "case_0012"),
        ("scan1", "scan1"),
        ("t1", "t1"),
        ("ED", "ED"),
        ("brain_t1", "brain_t1"),
        ("10_nod8_ann0", "10_nod8_ann0"),
        ("volume-12", "volume-12"),
        ("substance_1", "substance_1"),
        ("right", "right"),
        ("_ED", "_ED"),
    ],
)
def test_the_patient_of_a_name(name, patient):
    assert patient_of(name) == patient
    assert patient_of(patient) == patient


@given(st.text(max_size=30))
def test_any_name_has_a_patient(name):
    assert bool(patient_of(name)) == bool(name)


def test_scans_of_the_same_voxels_make_one_patient():
    # a and c share voxels, and so do c and d under other names: all three are one. e stands alone.
    groups = merged_groups(["a", "b", "c", "c", "d", "e"], ["1", "2", "1", "3", "3", "4"])
    assert len(set(groups)) == 3
    assert groups[0] == groups[2] == groups[3] == groups[4]
    assert len({groups[0], groups[1], groups[5]}) == 3
