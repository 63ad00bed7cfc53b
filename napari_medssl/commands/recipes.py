"""``napari-medssl recipes``: what can be trained, presets, and every setting with its type, range and meaning."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from napari_medssl.commands import options
from napari_medssl.commands.output import print_json, table
from napari_medssl.errors import BadInput

if TYPE_CHECKING:
    from napari_medssl.training import Preset, Recipe


def add_parser(subparsers: options.Subparsers) -> None:
    """Describe the command's options."""
    parser = options.add_command(subparsers, "recipes", run, "list what can be trained, or the settings of one recipe")
    parser.add_argument("recipe", metavar="RECIPE", nargs="?", help="show this recipe's presets and settings")


def run(args: argparse.Namespace) -> int:
    """List the recipes, or the presets and settings of one."""
    from napari_medssl.training import find_recipe, list_recipes

    if args.recipe is None:
        recipes = list(list_recipes().values())
        if args.json:
            print_json({"recipes": [_described(recipe) for recipe in recipes]})
        else:
            listed = [(recipe.group, recipe.name, recipe.title, recipe.summary) for recipe in recipes]
            print(table(("For", "Recipe", "What it does", ""), listed, left=4))
            print("\nnapari-medssl recipes RECIPE lists the presets and settings of one.")
        return 0
    recipe = find_recipe(args.recipe)
    settings = describe_settings(recipe.settings_model)
    if args.json:
        print_json({**_described(recipe), "settings": settings})
        return 0
    print(f"{recipe.name}: {recipe.title}. {recipe.summary}\n")
    if recipe.presets:
        presets = [(preset_name(preset), preset.help, _words(preset)) for preset in recipe.presets]
        print(table(("Preset", "", "Sets"), presets, left=3), end="\n\n")
    rows = [(s["name"], s["type"], s["default"], s["range"], s["help"]) for s in settings]
    print(table(("Setting", "Type", "Default", "Range", ""), [tuple(map(str, row)) for row in rows], left=5))
    print(f"\nUse them as napari-medssl train {recipe.name} --preset NAME --set NAME=VALUE ...")
    return 0


def preset_name(preset: Preset) -> str:
    """A preset's name on the command line: ``quick-check`` for "Quick check"."""
    return "-".join(preset.title.casefold().split())


def preset_settings(recipe: Recipe, name: str) -> dict[str, Any]:
    """The settings of a preset by its name or title; `BadInput` where there is none."""
    wanted = "-".join(name.casefold().split())
    for preset in recipe.presets:
        if preset_name(preset) == wanted:
            return dict(preset.settings)
    known = ", ".join(map(preset_name, recipe.presets)) or "none"
    raise BadInput(f"Recipe {recipe.name} has no preset {name!r}; its presets are: {known}.")


def _described(recipe: Recipe) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "title": recipe.title,
        "group": recipe.group,
        "summary": recipe.summary,
        "purpose": recipe.purpose,
        "needs_labels": recipe.needs_labels,
        "presets": [
            {"name": preset_name(p), "title": p.title, "help": p.help, "settings": dict(p.settings)}
            for p in recipe.presets
        ],
    }


def _words(preset: Preset) -> str:
    return " ".join(f"{key}={value}" for key, value in preset.settings.items())


def describe_settings(model: Any) -> list[dict[str, Any]]:
    """Name, type, default, range and help of each field of a pydantic model."""
    schema = model.model_json_schema()
    described = []
    for name, entry in schema.get("properties", {}).items():
        entry = {**_resolved(entry, schema), **{key: entry[key] for key in ("default", "description") if key in entry}}
        described.append(
            {
                "name": name,
                "title": entry.get("title", name),
                "type": _type(entry, schema),
                "default": entry.get("default", "(needed)"),
                "range": _range(entry, schema),
                "help": " ".join(str(entry.get("description", "")).split()),
            }
        )
    return described


def _resolved(entry: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    reference = entry.get("$ref", "")
    return schema["$defs"][reference.rsplit("/", 1)[-1]] if reference else entry


def _type(entry: dict[str, Any], schema: dict[str, Any]) -> str:
    if "anyOf" in entry:
        return " or ".join(_type(_resolved(one, schema), schema) for one in entry["anyOf"])
    if "enum" in entry or "const" in entry:
        return "choice"
    words = {
        "integer": "whole number",
        "number": "number",
        "boolean": "true or false",
        "string": "text",
        "null": "none",
    }
    return words.get(str(entry.get("type")), "list" if entry.get("type") == "array" else str(entry.get("type", "any")))


def _range(entry: dict[str, Any], schema: dict[str, Any]) -> str:
    if "anyOf" in entry:
        return ", ".join(filter(None, (_range(_resolved(one, schema), schema) for one in entry["anyOf"])))
    if "enum" in entry:
        return ", ".join(str(value) for value in entry["enum"])
    if "const" in entry:
        return str(entry["const"])
    signs = {
        "minimum": "≥",
        "exclusiveMinimum": ">",
        "maximum": "≤",
        "exclusiveMaximum": "<",
        "multipleOf": "multiple of",
    }
    return ", ".join(f"{sign} {entry[key]:g}" for key, sign in signs.items() if key in entry)
