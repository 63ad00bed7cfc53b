"""``napari-medssl runs``: the trainings of this computer, as the viewer knows them, and asking something of one."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medssl.commands import options
from napari_medssl.commands.output import duration, print_json, table

if TYPE_CHECKING:
    from napari_medssl.training.jobs import RunInfo

RUN = "a run folder, or its name in the list"


def add_parser(subparsers: options.Subparsers) -> None:
    """Describe the command's options."""
    parser = options.add_command(subparsers, "runs", None, "list, show, stop, resume or remove trainings")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    listing = options.add_command(actions, "list", list_all, "list the trainings, newest first")
    listing.add_argument("--folder", metavar="DIR", type=Path, help="another folder of runs than the usual one")
    for name, action, summary in (
        ("show", show, "show how a training stands"),
        ("stop", stop, "let a training write down where it stands and leave"),
        ("resume", resume, "let a training go on from its last checkpoint, in the background"),
        ("remove", remove, "delete what a training wrote; models on the shelf and scans stay"),
    ):
        options.add_command(actions, name, action, summary).add_argument("run_name", metavar="RUN", help=RUN)
    # fmt: off
    actions.choices["stop"].add_argument(
        "--now", action="store_true", help="end it at once; what it did since its last checkpoint is done again")
    add = actions.choices["resume"].add_argument
    add("--data", metavar="DIR", type=Path, help="the data folder, where it is no longer the one of before")
    add("--set", metavar="KEY=VALUE", action="append", default=[], dest="settings",
        help="change a setting, such as seconds; may be given several times")
    # fmt: on


def list_all(args: argparse.Namespace) -> int:
    """List the runs."""
    from napari_medssl.training import jobs

    home = args.folder or jobs.runs_folder()
    runs = jobs.list_runs(home)
    if args.json:
        print_json({"folder": home, "runs": [_described(info) for info in runs]})
    elif runs:
        header = ("Run", "Model", "State", "Done", "Steps", "Since", "")
        print(table(header, [_row(info) for info in runs], left=3))
        print("\nnapari-medssl runs show RUN tells more of one.")
    else:
        print(f"There are no runs in {home}.")
    return 0


def show(args: argparse.Namespace) -> int:
    """Show one run."""
    return _tell(args)


def stop(args: argparse.Namespace) -> int:
    """Stop one run, gently or at once."""
    from napari_medssl.training import jobs

    folder = jobs.find_run(args.run_name)
    (jobs.kill if args.now else jobs.cancel)(folder)
    return _tell(args)


def resume(args: argparse.Namespace) -> int:
    """Resume one run in a process of its own, which goes on when this one ends."""
    from napari_medssl.commands.train import parse_settings
    from napari_medssl.training import jobs

    settings = parse_settings(args.settings)
    if args.device != "auto":
        settings.setdefault("device", args.device)
    folder = jobs.find_run(args.run_name)
    jobs.resume(folder, data=args.data, **settings)
    jobs.start(folder)
    return _tell(args)


def remove(args: argparse.Namespace) -> int:
    """Remove one run."""
    from napari_medssl.training import jobs

    folder = jobs.find_run(args.run_name)
    jobs.remove(folder)
    left = folder.is_dir()
    if args.json:
        print_json({"removed": folder, "left": sorted(path.name for path in folder.iterdir()) if left else []})
    else:
        print(f"Removed {folder}." if not left else f"Removed the run; other files are left in {folder}.")
    return 0


def _tell(args: argparse.Namespace) -> int:
    from napari_medssl.training import jobs

    info = jobs.look(jobs.find_run(args.run_name))
    if args.json:
        print_json(_described(info))
        return 0
    lines = {
        "Run": info.folder,
        "State": f"{info.state}. {info.sentence}",
        "Recipe": info.recipe,
        "Model": info.name,
        "Scans": info.data or "not noted",
        "Created": time.strftime("%Y-%m-%d %H:%M", time.localtime(info.created)),
        "Steps": f"{info.step} in {duration(info.seconds)}{_share(info)}",
        "Left": duration(info.left) if info.left is not None else "",
        "Best": ", ".join(f"{name} {value:.4g}" for name, value in info.metrics.items()),
        "Card": info.model or "",
    }
    print("\n".join(f"{name + ':':9}{value}" for name, value in lines.items() if value != ""))
    return 0


def _described(info: RunInfo) -> dict[str, Any]:
    fields = ("recipe", "name", "data", "state", "sentence", "step", "done", "left", "created", "seconds", "metrics")
    return {
        "run": info.folder.name,
        "folder": info.folder,
        **{name: getattr(info, name) for name in fields},
        "model": info.model,
        "resumable": info.resumable,
        "settings": info.settings,
    }


def _row(info: RunInfo) -> tuple[str, ...]:
    best = next((f"{name} {value:.3g}" for name, value in info.metrics.items()), "")
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(info.created))
    done = "" if info.done is None else f"{info.done:.0%}"
    return info.folder.name, info.name, info.state, done, str(info.step), since, best


def _share(info: RunInfo) -> str:
    return "" if info.done is None else f", {info.done:.0%}"
