"""Fixtures for the whole suite; nothing here imports Qt, so that the Qt-free tests stay so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _unsaved_work_lies_elsewhere(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test writes into, or finds anything in, the folder where a person's unsaved work is kept."""
    monkeypatch.setenv("NAPARI_MEDSSL_RECOVERY", str(tmp_path_factory.mktemp("recovery")))


@pytest.fixture(scope="session")
def medssl_data() -> Path:
    """The folder of real volumes that MEDSSL_DATA names; the test is skipped where there is none."""
    value = os.environ.get("MEDSSL_DATA")
    if not value:
        pytest.skip("MEDSSL_DATA is not set: no real volumes to test on")
    folder = Path(value).expanduser().resolve()
    if not folder.is_dir():
        pytest.skip(f"MEDSSL_DATA names {folder}, which is not a folder")
    return folder
