"""The documents name what is there: links, options, commands, and code that runs."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import SimpleITK as sitk

from napari_medssl.cli import build_parser, main
from tests.commands.conftest import Case, make_case

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    broken = [link for link in targets if "://" not in link and not (page.parent / link).exists()]
    assert not broken


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert [page.name for page in PAGES[1:] if page.name != "index.md" and f"({page.name})" not in index] == []


def parsers(parser: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command, those inside commands too, with its full name."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, inner in action.choices.items():
                yield f"{name} {word}".strip(), inner
                yield from parsers(inner, f"{name} {word}".strip())


def test_every_command_and_option_is_documented() -> None:
    text = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    for name, parser in parsers(build_parser()):
        assert f"napari-medssl {name}" in text or f"## {name}" in text, name
        for action in parser._actions:
            for option in action.option_strings:
                if option.startswith("--") and option not in ("--help", "--output", "--verbose"):
                    assert option in text, f"{option} of {name}"


def commands_of(page: Path) -> list[str]:
    lines = page.read_text(encoding="utf-8").splitlines()
    return [line.split("#")[0].strip() for line in lines if line.startswith("    napari-medssl ")]


@pytest.mark.parametrize(
    "line", sorted({line for page in PAGES for line in commands_of(page) if "[" not in line and "COMMAND" not in line})
)
def test_command_lines_are_understood(line: str) -> None:
    parsed = build_parser().parse_args(shlex.split(line)[1:])
    assert parsed.run is not None


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    """A reader of the README, with the files it speaks of."""
    case = make_case(tmp_path, slices=7, side=48, drawn=3)
    case.image.rename(tmp_path / "scan.nii.gz")
    case.seeds.rename(tmp_path / "drawn.nii.gz")
    monkeypatch.chdir(tmp_path)
    return case


def test_the_python_example_runs(reader: Case) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGES[0].read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})
    assert sitk.ReadImage("mask.nii.gz").GetSize() == sitk.ReadImage("scan.nii.gz").GetSize()


def test_the_first_command_runs(reader: Case) -> None:
    assert main(shlex.split(commands_of(PAGES[0])[0])[1:]) == 0
    assert Path("mask.nii.gz").is_file()
