"""The commands of ``napari-medssl``, one module each.

A command module has ``add_parser(subparsers)``, which describes its options, and ``run(args) -> int``, which does the
work and returns the exit status. It imports nothing heavy at its top.
"""

from napari_medssl.commands import (
    demo,
    detect,
    doctor,
    evaluate,
    models,
    propagate,
    recipes,
    refine,
    runs,
    segment,
    tidy,
    train,
    tubes,
)

COMMANDS = (propagate, segment, tubes, refine, detect, tidy, evaluate, train, runs, recipes, models, demo, doctor)
