"""Names, colours and locks of labels."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medssl.errors import BadInput
from napari_medssl.propagation.structures import Structure, Structures
from napari_medssl.volumes.segments import Segment

PART = st.floats(0, 1)
STRUCTURE = st.builds(
    Structure,
    name=st.text(max_size=20),
    colour=st.none() | st.tuples(PART, PART, PART),
    locked=st.booleans(),
    accepted=st.booleans(),
    fields=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
)


@given(st.dictionaries(st.integers(1, 10**9), STRUCTURE, max_size=4))
def test_json_round_trip(known: dict[int, Structure]) -> None:
    structures = Structures(known)
    assert Structures.from_json(json.loads(json.dumps(structures.as_json()))) == structures


@pytest.mark.parametrize("plain", [None, 3, [], {"a": {}}, {"1": 5}, {"0": {"name": "x"}}])
def test_json_that_makes_no_sense_gives_nothing(plain: object) -> None:
    assert Structures.from_json(plain).labels == []


def test_json_with_wrong_values_keeps_the_rest() -> None:
    odd = {"2": {"name": 7, "colour": [1, 2, 3], "locked": "yes", "fields": 3}}
    assert Structures.from_json(odd)[2] == Structure(name="7")


def test_accepted_is_locked_and_unlocking_takes_it_back() -> None:
    structures = Structures()
    structures.rename(1, "  Liver ")
    structures.accept(1)
    structures.lock(3)
    assert structures.locked == {1, 3}
    assert structures[1].accepted
    assert not structures[3].accepted
    structures.lock(1, False)
    assert not structures[1].accepted
    assert structures.called(1) == "Liver"
    assert structures.called(3) == "label 3"
    structures.lock(3, False)
    assert structures.labels == [1]


def test_the_next_free_label() -> None:
    structures = Structures({2: Structure("Spleen")})
    assert structures.next_free([1, 3], 255) == 4
    assert structures.next_free([], 255) == 1
    with pytest.raises(BadInput, match="up to 3 are taken"):
        structures.next_free([1, 3], 3)


def test_what_a_file_brought_is_kept_and_a_known_name_says_what_it_is() -> None:
    structures = Structures.of_segments({5: Segment("x", (0.1, 0.2, 0.3), {"ID": "a", "Tags": "TerminologyEntry:T|"})})
    structures.rename(5, "my finding")
    assert structures.segments()[5] == Segment(
        "my finding", (0.1, 0.2, 0.3), {"ID": "a", "Tags": "TerminologyEntry:T|"}
    )
    structures.rename(5, "right lung")
    assert "SCT^39607008^Lung~SCT^24028007^Right" in structures.segments()[5].tags["TerminologyEntry"]
    assert structures.segments()[5].fields["ID"] == "a"


def test_accepted_and_completed_are_the_same() -> None:
    done = Segment("Liver", None, {"Tags": "Segmentation.Status:completed|"})
    structures = Structures.of_segments({1: done})
    assert structures[1].accepted
    assert structures.locked == {1}
    assert structures.segments()[1].finished
    structures.lock(1, False)
    assert structures.segments()[1].tags["Segmentation.Status"] == "inprogress"
