"""Files are replaced whole, on Windows also while somebody reads them."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from napari_medssl import files
from napari_medssl.errors import BadInput
from napari_medssl.files import write_text


@pytest.mark.parametrize(
    ("platform", "refused", "written"), [("win32", 3, True), ("win32", 999, False), ("linux", 1, False)]
)
def test_a_file_that_is_being_read_is_replaced_a_little_later_on_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, refused: int, written: bool
) -> None:
    path, left = tmp_path / "lock", [refused]
    path.write_text("old")
    replace = os.replace

    def busy(source: Path, target: Path) -> None:
        if left[0]:
            left[0] -= 1
            raise PermissionError(13, "The process cannot access the file")
        replace(source, target)

    monkeypatch.setattr(files, "sys", SimpleNamespace(platform=platform))
    monkeypatch.setattr(files.os, "replace", busy)
    if written:
        write_text(path, "new")
    else:
        with pytest.raises(BadInput, match="permission denied"):
            write_text(path, "new")
    assert path.read_text() == ("new" if written else "old")
    assert [entry.name for entry in tmp_path.iterdir()] == ["lock"]
