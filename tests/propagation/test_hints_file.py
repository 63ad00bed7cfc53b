from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_medssl.errors import BadInput
from napari_medssl.propagation import Hint
from napari_medssl.propagation.hints_file import read_hints

NUMBERS = st.integers(0, 10**6)


@given(st.lists(st.builds(Hint, NUMBERS, st.tuples(NUMBERS, NUMBERS, NUMBERS), st.booleans()), max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_a_line_is_a_hint(tmp_path: Path, hints: list[Hint]) -> None:
    path = tmp_path / "hints.csv"
    lines = [f"{int(hint.inside)},{','.join(map(str, hint.voxel))},{hint.label}" for hint in hints]
    path.write_text("\n".join(["inside,z,y,x,label", *lines]))  # columns are found by their names
    assert read_hints(path) == hints


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("label,z,y,x\n1,2,3,4\n", "line 2: there is no inside"),
        ("label,z,y,x,inside\n1,2,3,4,1\n1,2,3.5,4,1\n", "line 3: .* whole numbers"),
        ("label,z,y,x,inside\n1,2,3,4,maybe\n", "inside 1 or 0"),
        ("1,2,3,4,1\n1,2,3,4,1\n", "there is no label"),
    ],
)
def test_a_line_that_is_no_hint_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "hints.csv"
    path.write_text(text)
    with pytest.raises(BadInput, match=said):
        read_hints(path)


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"missing\.csv cannot be read"):
        read_hints(tmp_path / "missing.csv")
    (tmp_path / "odd.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(BadInput, match=r"odd\.csv"):
        read_hints(tmp_path / "odd.csv")
