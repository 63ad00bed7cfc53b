"""``napari-medssl models``: the models at hand and what each was trained on."""

from __future__ import annotations

import argparse
import json

from napari_medssl.commands import options
from napari_medssl.commands.output import print_json, table


def add_parser(subparsers: options.Subparsers) -> None:
    """Describe the command's options."""
    parser = options.add_command(subparsers, "models", None, "list the models, or show the card of one")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    options.add_command(actions, "list", list_models, "list the models that can be named with --model")
    show = options.add_command(
        actions, "show", show_model, "show a model's card: what it was trained on and how well it does"
    )
    show.add_argument("model", metavar="MODEL", help="a name from napari-medssl models list")


def list_models(args: argparse.Namespace) -> int:
    """List every model on the shelf."""
    from napari_medssl.models import list_cards, model_folders

    cards = list_cards()
    if args.json:
        models = [card.model_dump(include={"name", "title", "purpose", "summary", "licence"}) for card in cards]
        print_json({"models": models, "folders": model_folders()})
        return 0
    print(table(("Model", "For", ""), [(card.name, card.purpose, card.summary) for card in cards], left=3))
    print("\nnapari-medssl models show MODEL shows the card of one.")
    return 0


def show_model(args: argparse.Namespace) -> int:
    """Show one model's card."""
    from napari_medssl.models import find_card, weights_path

    card = find_card(args.model)
    content = {**card.model_dump(mode="json"), "weights": str(weights_path(args.model))}
    if args.json:
        print_json(content)
        return 0
    for key, value in content.items():
        if value not in ("", {}, None):
            print(f"{key.replace('_', ' ').capitalize()}: {value if isinstance(value, str) else json.dumps(value)}")
    return 0
