"""``napari-medssl models``: the models at hand, what each was trained on, and putting more of them on the shelf."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medssl.commands import options
from napari_medssl.commands.output import print_json, table
from napari_medssl.errors import BadInput

if TYPE_CHECKING:
    from napari_medssl.models import Entry

FROM = {"own": "yours", "extra": "extra folder", "shipped": "napari-medssl"}


def add_parser(subparsers: options.Subparsers) -> None:
    """Describe the command's options."""
    parser = options.add_command(subparsers, "models", None, "list, show, add, remove or export models")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    listing = options.add_command(actions, "list", list_models, "list the models that can be named with --model")
    listing.add_argument("--purpose", metavar="PURPOSE", help="only those for this, such as propagation")
    show = options.add_command(
        actions, "show", show_model, "show a model's card: what it was trained on and how well it does"
    )
    show.add_argument("model", metavar="MODEL", help="a name from napari-medssl models list")
    add = options.add_command(actions, "add", add_a_model, "copy a model onto your shelf, after checking it")
    add.add_argument("path", metavar="PATH", type=Path, help="a run's folder, a zip from export, or a card (.json)")
    add.add_argument("--name", metavar="NAME", help="what to call it (default: the name on its card)")
    add.add_argument("--replace", action="store_true", help="take a model of that name off the shelf first")
    remove = options.add_command(actions, "remove", remove_a_model, "take one of your models off the shelf")
    remove.add_argument("model", metavar="MODEL", help="the name of a model of your own")
    export = options.add_command(actions, "export", export_a_model, "write a model into one file to give away")
    export.add_argument("model", metavar="MODEL", help="a name from napari-medssl models list")
    export.add_argument(
        "-o", "--output", metavar="FILE.zip", type=Path, required=True, help="the zip file to write; add takes it back"
    )


def list_models(args: argparse.Namespace) -> int:
    """List every model on the shelf, those included that cannot be used, with the reason."""
    from napari_medssl.models import PURPOSES, model_folders, survey

    if args.purpose is not None and args.purpose not in PURPOSES:
        raise BadInput(f"There are no models for {args.purpose!r}; they are for: {', '.join(PURPOSES)}.")
    entries = [entry for entry in survey() if args.purpose is None or _is_for(entry, args.purpose)]
    usable = [entry for entry in entries if not entry.trouble and not entry.hidden]
    unusable = [entry for entry in entries if entry.trouble]
    if args.json:
        print_json(
            {
                "models": [_described(entry) for entry in usable],
                "unusable": [{"name": e.name, "path": e.path, "reason": e.trouble} for e in unusable],
                "folders": model_folders(),
            }
        )
        return 0
    rows = [
        (e.name, e.card.purpose, FROM[e.where], _short(e.card.summary)) for e in usable if e.card is not None
    ]  # fmt: skip
    print(table(("Model", "For", "From", ""), rows, left=4) if rows else "There is no model for that.")
    notes = [f"{e.name}: yours is used, not the one in {e.hides}." for e in usable if e.hides is not None]
    notes += [f"{e.name} cannot be used: {e.trouble}" for e in unusable]
    print("\n".join(["", *notes, "napari-medssl models show MODEL shows the card of one."]))
    return 0


def show_model(args: argparse.Namespace) -> int:
    """Show one model's card."""
    from napari_medssl.models import find_card, in_words, weights_path

    card, weights = find_card(args.model), weights_path(args.model)
    if args.json:
        print_json({**card.model_dump(mode="json"), "weights": str(weights)})
    else:
        print(f"{in_words(card)}\nWeights: {weights}\nSHA-256: {card.sha256}")
    return 0


def add_a_model(args: argparse.Namespace) -> int:
    """Copy a model onto the person's shelf."""
    from napari_medssl.models import add_model, weights_path

    card = add_model(args.path, name=args.name, replace=args.replace)
    if args.json:
        print_json({**card.model_dump(mode="json"), "weights": str(weights_path(card.name))})
    else:
        print(f"Added: {card.name}, for {card.purpose}. It is in the model menus now, and --model takes it.")
    return 0


def remove_a_model(args: argparse.Namespace) -> int:
    """Take a model of the person's own off the shelf."""
    from napari_medssl.models import remove_model

    moved = remove_model(args.model)
    if args.json:
        print_json({"removed": args.model, "moved_to": moved})
    else:
        print(f"Removed: {args.model}. Its files are kept; to bring it back: napari-medssl models add {moved}")
    return 0


def export_a_model(args: argparse.Namespace) -> int:
    """Write a model into one zip file."""
    from napari_medssl.models import export_model

    path = export_model(args.model, args.output)
    if args.json:
        print_json({"model": args.model, "output": path})
    else:
        print(f"Written: {path}. To use it elsewhere: napari-medssl models add {path.name}")
    return 0


def _is_for(entry: Entry, purpose: str) -> bool:
    """What cannot even be read may be for anything."""
    return entry.card is None or entry.card.purpose == purpose


def _described(entry: Entry) -> dict[str, Any]:
    fields = {"name", "title", "purpose", "summary", "licence", "created"}
    card = entry.card.model_dump(include=fields) if entry.card is not None else {}
    return {**card, "from": entry.where, "weights": entry.weights, "instead_of": entry.hides}


def _short(text: str, longest: int = 80) -> str:
    text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
