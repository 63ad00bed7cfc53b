"""The rules of the house: imports go down, start-up stays light, only widgets/ knows Qt, nothing is unpickled."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest
import yaml

PACKAGE = Path(__file__).parents[1] / "napari_medssl"
FILES = sorted(PACKAGE.rglob("*.py"))

# Nothing imports from a higher floor, and the tools know nothing of each other.
FLOORS = (
    ("errors",),
    ("files", "devices"),
    ("volumes", "metrics"),
    ("training", "models"),
    ("strategies",),
    ("propagation", "segmentation", "tubes", "nodules", "search"),
    ("diagnostics",),
    ("widgets",),
    ("commands",),
    ("cli",),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
TOOLS = {"propagation", "segmentation", "tubes", "nodules"}

QT_OR_NAPARI = {"napari", "qtpy", "magicgui", "superqt", "vispy", "PySide6", "PySide2", "PyQt6", "PyQt5", "pytestqt"}
BINDINGS = {"PySide6", "PySide2", "PyQt6", "PyQt5"}
UNPICKLERS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
NETWORK = {"requests", "httpx", "aiohttp", "urllib3", "pooch", "socket", "ftplib", "http", "huggingface_hub"}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports_of(path: Path) -> Iterator[str]:
    """Every module a file imports anywhere in it, in full: relative imports are resolved."""
    here = ("napari_medssl", *path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = [*here[: len(here) - node.level + 1]] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def rooms_imported(path: Path) -> set[str]:
    found = {name.split(".")[1] for name in imports_of(path) if name.startswith("napari_medssl.")}
    return found & FLOOR.keys()


def packages_imported(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports_of(path)}


def inside() -> list[Path]:
    return [path for path in FILES if path != PACKAGE / "__init__.py"]


def test_every_room_has_a_floor() -> None:
    unknown = {room_of(path) for path in inside()} - FLOOR.keys()
    assert not unknown, f"say on which floor of the house these lie: {unknown}"


def test_imports_go_down_only() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {room}"
        for path in inside()
        for room in rooms_imported(path)
        if FLOOR[room] > FLOOR[room_of(path)]
    ]
    assert not wrong


def test_tools_know_nothing_of_each_other() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {room}"
        for path in inside()
        if room_of(path) in TOOLS
        for room in rooms_imported(path) & TOOLS - {room_of(path)}
    ]
    assert not wrong


def test_rooms_do_not_import_in_circles() -> None:
    graph: dict[str, set[str]] = {}
    for path in inside():
        graph.setdefault(room_of(path), set()).update(rooms_imported(path) - {room_of(path)})
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_only_widgets_import_qt_or_napari() -> None:
    wrong = {
        str(path.relative_to(PACKAGE)): found
        for path in FILES
        if room_of(path) != "widgets" and (found := packages_imported(path) & QT_OR_NAPARI)
    }
    assert not wrong


def test_widgets_import_no_binding_by_name() -> None:
    wrong = {str(path): found for path in FILES if (found := packages_imported(path) & BINDINGS)}
    assert not wrong


def test_nothing_is_unpickled_or_fetched_and_torchvision_is_not_needed() -> None:
    wrong = {
        str(path.relative_to(PACKAGE)): found
        for path in FILES
        if (found := packages_imported(path) & (UNPICKLERS | NETWORK | {"torchvision", "timm"}))
        or (found := {name for name in imports_of(path) if name.startswith("urllib.request")})
    }
    assert not wrong


def test_torch_load_and_allow_pickle_are_not_used() -> None:
    wrong = []
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Attribute) and ast.unparse(node) == "torch.load":
                wrong.append(f"{path.relative_to(PACKAGE)}:{node.lineno} torch.load")
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False":
                wrong.append(f"{path.relative_to(PACKAGE)}:{node.value.lineno} allow_pickle")
    assert not wrong


def test_no_file_is_two_things() -> None:
    lengths = {str(path.relative_to(PACKAGE)): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {name: lines for name, lines in lengths.items() if lines > 330} == {}


def test_no_class_is_two_things() -> None:
    lengths = {
        f"{path.relative_to(PACKAGE)}: {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in FILES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ClassDef)
    }
    assert {name: lines for name, lines in lengths.items() if lines > 220} == {}


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import napari_medssl", {"torch", "numpy", "napari", "qtpy", "monai", "SimpleITK"}),
        (
            "from napari_medssl.cli import build_parser; build_parser().format_help()",
            {"torch", "numpy", "napari", "qtpy", "monai", "SimpleITK", "pydantic"},
        ),
        ("from napari_medssl.volumes import read_volume, write_labels", {"torch", "napari", "qtpy", "monai"}),
        ("from napari_medssl.metrics import evaluate_segmentation", {"torch", "napari", "qtpy", "monai"}),
    ],
)
def test_start_up_is_light(statement: str, heavy: set[str]) -> None:
    code = f"import sys; {statement}; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "napari_medssl" in loaded
    assert loaded & (heavy | BINDINGS) == set()


def test_training_and_propagation_do_without_qt() -> None:
    rooms = "napari_medssl.propagation, napari_medssl.training, napari_medssl.models, napari_medssl.diagnostics"
    code = f"import sys; import {rooms}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {name.split(".")[0] for name in done.stdout.split()} & QT_OR_NAPARI == set()


def manifest_names() -> list[str]:
    manifest = PACKAGE / "napari.yaml"
    if not manifest.exists():
        return []
    commands = yaml.safe_load(manifest.read_text(encoding="utf-8"))["contributions"]["commands"]
    return sorted({command["python_name"] for command in commands if "python_name" in command})


def test_the_manifest_names_something() -> None:
    assert manifest_names()


@pytest.mark.parametrize("python_name", manifest_names())
def test_manifest_names_lead_somewhere(python_name: str) -> None:
    module, _, name = python_name.partition(":")
    assert callable(getattr(import_module(module), name))
