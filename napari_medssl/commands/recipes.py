"""``napari-medssl recipes``: what can be trained, and every setting with its type, range and meaning."""

from __future__ import annotations

import argparse
from typing import Any

from napari_medssl.commands import options
from napari_medssl.commands.output import print_json, table


def add_parser(subparsers: options.Subparsers) -> None:
    """Describe the command's options."""
    parser = options.add_command(subparsers, "recipes", run, "list what can be trained, or the settings of one recipe")
    parser.add_argument("recipe", metavar="RECIPE", nargs="?", help="show this recipe's settings")


def run(args: argparse.Namespace) -> int:
    """List the recipes, or the settings of one."""
    from napari_medssl.training import find_recipe, list_recipes

    if args.recipe is None:
        recipes = list_recipes()
        if args.json:
            print_json({"recipes": [{"name": name, "summary": recipe.summary} for name, recipe in recipes.items()]})
        else:
            print(table(("Recipe", ""), [(name, recipe.summary) for name, recipe in recipes.items()], left=2))
            print("\nnapari-medssl recipes RECIPE lists the settings of one.")
        return 0
    recipe = find_recipe(args.recipe)
    settings = describe_settings(recipe.settings_model)
    if args.json:
        print_json({"name": args.recipe, "summary": recipe.summary, "settings": settings})
        return 0
    rows = [(s["name"], s["type"], s["default"], s["range"], s["help"]) for s in settings]
    print(f"{args.recipe}: {recipe.summary}\n")
    print(table(("Setting", "Type", "Default", "Range", ""), [tuple(map(str, row)) for row in rows], left=5))
    print(f"\nUse them as napari-medssl train {args.recipe} --set NAME=VALUE ...")
    return 0


def describe_settings(model: Any) -> list[dict[str, Any]]:
    """Name, type, default, range and help of each field of a pydantic model."""
    schema = model.model_json_schema()
    described = []
    for name, entry in schema.get("properties", {}).items():
        entry = {**_resolved(entry, schema), **{key: entry[key] for key in ("default", "description") if key in entry}}
        described.append(
            {
                "name": name,
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
